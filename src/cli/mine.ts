// ortune mine: pairs of texts with hard negatives that a model finds among the second texts.

import type { Command } from 'commander';
import { type MineConfig, mineSchema } from '../config/embed-schema.js';
import { UsageError } from '../errors.js';
import { configOf, execute, type Result } from './command.js';
import { showDownload } from './download.js';
import { addOptions } from './flags.js';
import { say } from './output.js';
import { inputsOf, textsIn } from './predict-inputs.js';

export function addMine(program: Command): void {
  const command = program
    .command('mine')
    .description('find hard negatives for pairs of texts')
    .argument('[model]', 'model directory, .onnx file or hub name')
    .argument('[input...]', 'files of pairs');
  addOptions(command, mineSchema).action((model: string | undefined, given: string[], flags) =>
    execute(flags, (signal) => mine(configOf(mineSchema, { ...(model && { model }) }, flags), given, signal)),
  );
}

async function mine(config: MineConfig, given: readonly string[], signal: AbortSignal): Promise<Result> {
  const { minePairs } = await import('../commands/mine.js');
  const { pairColumn } = config;
  if (pairColumn === undefined)
    throw new UsageError("option 'pairColumn' is missing: the column with the text that belongs to that of textColumn");
  const onNote = (note: string): void => say(`note: ${note}`);
  const input = await inputsOf('texts', given, config, { signal, onNote });
  const pairs = textsIn(input).map((one) => {
    if (typeof one === 'string' || one.pair === undefined)
      throw new UsageError(`pairs are wanted, and a text was given by itself: ${one}; give files with both columns`);
    return { text: one.text, pair: one.pair };
  });
  const made = await showDownload((onDownload) => minePairs(config, pairs, { signal, onNote, onDownload }));
  return {
    json: made,
    text: `${made.output}: ${made.pairs} pairs with ${config.negatives} negatives each; ${made.leftOut} with fewer left out`,
    ok: made.pairs > 0,
  };
}
