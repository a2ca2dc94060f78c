// Running text as blocks of one length: all texts one behind the other, each with its end, cut every so many tokens, as
// the transformers library's run_clm has it. Nothing is cut off and hardly anything padded; but a block may hold parts
// of several texts, which see each other, and the first token of each block is given and not learnt. What is left over
// at the end is a shorter block of its own.

import type { Slices, TokensSlice } from '../../data/columns.js';
import { bytesAt, ofKind } from '../../data/columns.js';
import { encodedOf, tailBytes } from '../../data/pack/tokens.js';
import { shared } from '../../data/shared-arrays.js';
import { locationOf, type Table } from '../../data/table.js';
import { TokenizerEnded, TokenizerProcess } from '../../data/tokenizer/process.js';
import { DataError } from '../../errors.js';
import type { CausalEncoding } from './encode.js';
import { type CausalRow, cannotRead, readRows } from './rows.js';

/** Characters of texts that are tokenised in one request, and their number, at most. */
const [mostCharacters, mostTexts] = [2 ** 18, 256];

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
  const blocks = new BlockBuilder(options.maxLength);
  for (const members of portions(table)) {
    const refuse = (row: number, why: string): never => {
      throw new DataError(`${locationOf(table, row)}: ${cannotRead(options, why)}`);
    };
    const whole = { ...options, maxLength: Number.POSITIVE_INFINITY };
    const rows = await readRows(process, table.columns, members, whole).catch((error) => {
      if (error instanceof TokenizerEnded) refuse(members[error.item ?? 0]!, error.message);
      throw error;
    });
    for (const [i, row] of rows.entries()) {
      if ('error' in row) refuse(members[i]!, row.error);
      else blocks.add(row, members[i]!);
    }
  }
  if (blocks.count === 0)
    throw new DataError(`${table.origin.files.join(', ')}: its texts have no two tokens, so there is nothing to learn`);
  return blocks.table(table);
}

/** Rows of a table that are tokenised together. */
function* portions({ count, length }: Table): Generator<number[], void, void> {
  let members: number[] = [];
  let characters = 0;
  for (let row = 0; row < count; row++) {
    members.push(row);
    characters += length?.[row] ?? 0;
    if (characters < mostCharacters && members.length < mostTexts) continue;
    yield members;
    members = [];
    characters = 0;
  }
  if (members.length > 0) yield members;
}

class BlockBuilder {
  readonly #length: number;
  readonly #blocks: { ids: Int32Array; bytes: number; text: number }[] = [];
  #ids: number[] = [];
  #bytes = 0;
  /** Text in which the block begins. */
  #text = 0;

  constructor(length: number) {
    this.#length = length;
  }

  get count(): number {
    this.#close();
    return this.#blocks.length;
  }

  add({ ids, sizes }: CausalRow, text: number): void {
    for (const [i, id] of ids.entries()) {
      if (this.#ids.length === 0) this.#text = text;
      // The first token of a block is given.
      else this.#bytes += sizes[i]!;
      this.#ids.push(id);
      if (this.#ids.length === this.#length) this.#close();
    }
  }

  /** A block of one token would teach nothing. */
  #close(): void {
    if (this.#ids.length > 1)
      this.#blocks.push({ ids: Int32Array.from(this.#ids), bytes: this.#bytes, text: this.#text });
    this.#ids = [];
    this.#bytes = 0;
  }

  /** In the place of a table of texts. */
  table({ origin, ...of }: Table): Table {
    const count = this.count;
    const total = this.#blocks.reduce((sum, { ids }) => sum + 4 * ids.length + tailBytes, 0);
    const chunk = new SharedArrayBuffer(total);
    const [spans, length] = [shared.uint32(3 * count), shared.uint32(count)];
    const [bytes, file, line] = [shared.float32(count), shared.uint32(count), shared.uint32(count)];
    let at = 0;
    for (const [i, block] of this.#blocks.entries()) {
      const size = 4 * block.ids.length + tailBytes;
      new Int32Array(chunk, at, block.ids.length).set(block.ids);
      spans.set([0, at, size], 3 * i);
      at += size;
      length[i] = block.ids.length;
      bytes[i] = block.bytes;
      if (!origin.lines) continue;
      file[i] = origin.lines.file[block.text]!;
      line[i] = origin.lines.line[block.text]!;
    }
    return {
      ...of,
      count,
      length,
      columns: {
        text: { kind: 'tokens', chunks: [chunk], spans },
        bytes: { kind: 'numbers', values: bytes, width: 1 },
      },
      origin: { ...origin, lines: origin.lines && { ...origin.lines, file, line } },
    };
  }
}

/** Whether samples are blocks. */
export const areBlocks = ({ text }: Slices): boolean => text?.kind === 'tokens';

/** The block that a sample is. */
export function blockOf(slices: Slices, row: number): CausalRow {
  const { ids } = encodedOf(bytesAt(slices.text as TokensSlice, row));
  const bytes = ofKind(slices, 'bytes', 'numbers')?.values[row] ?? 0;
  return { ids, counted: ids.map((_, i) => i > 0), sizes: [], bytes, truncated: false };
}
