// ortune embed: vectors of the texts of files, written to a file.

import type { Command } from 'commander';
import { type EmbedConfig, embedSchema } from '../config/embed-schema.js';
import { configOf, execute, type Result } from './command.js';
import { showDownload } from './download.js';
import { addOptions } from './flags.js';
import { say } from './output.js';
import { inputsOf, textsIn } from './predict-inputs.js';

export function addEmbed(program: Command): void {
  const command = program
    .command('embed')
    .description('write the vectors of texts')
    .argument('[model]', 'model directory, .onnx file or hub name')
    .argument('[input...]', 'texts, or files of them; without any, and without --data, lines of standard input');
  addOptions(command, embedSchema).action((model: string | undefined, given: string[], flags) =>
    execute(flags, (signal) => embed(configOf(embedSchema, { ...(model && { model }) }, flags), given, signal)),
  );
}

async function embed(config: EmbedConfig, given: readonly string[], signal: AbortSignal): Promise<Result> {
  const { embedTexts, writerOfVectors } = await import('../commands/embed.js');
  const { output, data, ...options } = config;
  const write = writerOfVectors(output);
  const onNote = (note: string): void => say(`note: ${note}`);
  const input = await inputsOf('texts', given, config, { signal, onNote });
  const texts = textsIn(input).map((one) => (typeof one === 'string' ? one : one.text));
  const vectors = await showDownload((onDownload) => embedTexts(options, texts, { signal, onNote, onDownload }));
  write(vectors, texts);
  const made = { output, texts: texts.length, size: vectors.size };
  return { json: made, text: `${output}: ${made.texts} vectors of ${made.size} numbers` };
}
