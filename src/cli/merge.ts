// ortune merge: a model with adapters merged in.

import type { Command } from 'commander';
import { mergeSchema } from '../config/merge-schema.js';
import { UsageError } from '../errors.js';
import { configOf, execute, type Result } from './command.js';
import { showDownload } from './download.js';
import { addOptions } from './flags.js';
import { say } from './output.js';

export function addMerge(program: Command): void {
  const command = program
    .command('merge')
    .description("merge adapters in PEFT's form into a model: ortune merge BASE ADAPTER... OUTPUT")
    .argument('[model]', 'model directory, .onnx file or hub name')
    .argument('[directory...]', 'the directories of adapters, and last that of the model to write');
  addOptions(command, mergeSchema).action((model: string | undefined, directories: string[], flags) =>
    execute(flags, async (signal): Promise<Result> => {
      const { merge } = await import('../commands/merge.js');
      const config = configOf(mergeSchema, { ...(model && { model }), ...placesOf(directories, flags) }, flags);
      const { output, layers, notes } = await showDownload((onDownload) => merge(config, { signal, onDownload }));
      for (const note of notes) say(`note: ${note}`);
      return { json: { output, layers, notes }, text: `${output}: ${layers} layers merged` };
    }),
  );
}

/** The last directory is the output, where no flag says it. */
function placesOf(directories: readonly string[], { output }: { output?: string }): object {
  if (directories.length === 0) return {};
  if (output !== undefined) return { adapters: directories };
  if (directories.length === 1)
    throw new UsageError('merge takes a model, one adapter or several, and the directory to write, in this order');
  return { adapters: directories.slice(0, -1), output: directories.at(-1) };
}
