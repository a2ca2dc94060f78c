// Running text as blocks of one length: all texts one behind the other, each with its end, cut every so many tokens, as
// the transformers library's run_clm has it. Nothing is cut off and hardly anything padded; but a block may hold parts
// of several texts, which see each other, and the first token of each block is given and not learnt. What is left over
// at the end is a shorter block of its own.

import type { Table } from '../../data/table.js';
import { TokenizerProcess } from '../../data/tokenizer/process.js';
import { DataError } from '../../errors.js';
import type { CausalEncoding } from './encode.js';
import { rowsOfTable } from './read-table.js';
import { type MadeRow, rowTable } from './row-table.js';
import type { CausalRow } from './rows.js';

/** The tables with a sample for each block. @throws DataError for a text that cannot be tokenised, with its place */
export async function inBlocks(encoding: CausalEncoding, tables: readonly Table[]): Promise<Table[]> {
  const process = new TokenizerProcess(encoding, { background: false });
  try {
    const found: Table[] = [];
    for (const table of tables) found.push(await blocksOf(process, encoding, table));
    return found;
  } finally {
    await process.close();
  }
}

async function blocksOf(process: TokenizerProcess, { rows: options }: CausalEncoding, table: Table): Promise<Table> {
  const builder = new BlockBuilder(options.maxLength);
  const whole = { ...options, maxLength: Number.POSITIVE_INFINITY };
  for await (const { row, sample } of rowsOfTable(process, table, whole)) builder.add(row, sample);
  const blocks = builder.close();
  if (blocks.length === 0)
    throw new DataError(`${table.origin.files.join(', ')}: its texts have no two tokens, so there is nothing to learn`);
  return rowTable(table, blocks);
}

class BlockBuilder {
  readonly #length: number;
  readonly #blocks: MadeRow[] = [];
  #ids: number[] = [];
  #bytes = 0;
  /** Text in which the block begins. */
  #text = 0;

  constructor(length: number) {
    this.#length = length;
  }

  add({ ids, sizes }: CausalRow, text: number): void {
    for (const [i, id] of ids.entries()) {
      if (this.#ids.length === 0) this.#text = text;
      // The first token of a block is given.
      else this.#bytes += sizes[i]!;
      this.#ids.push(id);
      if (this.#ids.length === this.#length) this.close();
    }
  }

  /** Ends the block that is begun, and gives all; one of one token would teach nothing. */
  close(): readonly MadeRow[] {
    if (this.#ids.length > 1)
      this.#blocks.push({ ids: Int32Array.from(this.#ids), bytes: this.#bytes, sample: this.#text });
    this.#ids = [];
    this.#bytes = 0;
    return this.#blocks;
  }
}
