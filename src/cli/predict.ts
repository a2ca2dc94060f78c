// ortune predict: what a model says of each text given as an argument, in a file, or line by line on standard input.

import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import type { PredictInput } from '../commands/predict.js';
import { type PredictConfig, predictSchema } from '../config/schema.js';
import { textColumns } from '../data/column-specs.js';
import { holdsPictures } from '../data/images/holds-pictures.js';
import { packKind } from '../data/pack/pack-format.js';
import { openFiles } from '../data/read/files.js';
import { formOf } from '../data/read/form.js';
import { readRaw } from '../data/read/raw.js';
import { columnNames, toRecord } from '../data/read/record.js';
import type { TextInput } from '../data/samples.js';
import { DataError, UsageError } from '../errors.js';
import type { Prediction } from '../tasks/task.js';
import { taskNamed, withTask } from '../tasks/tasks.js';
import { addOptions, configOf, execute, type Result, say } from './command.js';
import { showDownload } from './download.js';

export function addPredict(program: Command): void {
  const command = program
    .command('predict')
    .description('label texts or pictures')
    .argument('[model]', 'model directory, .onnx file or hub name')
    .argument(
      '[text...]',
      'texts; without any, and without --data, lines of standard input. Or pictures: their files, folders or .safetensors',
    );
  addOptions(command, predictSchema).action((model: string | undefined, given: string[], flags) =>
    execute(flags, async (signal) => {
      const named = given.length > 0 && given.every((text) => holdsPictures(text) || packKind(text) !== undefined);
      const config = configOf(predictSchema, { ...(model && { model }), ...(named && { data: given }) }, flags);
      const packed = config.data?.every((file) => packKind(file) !== undefined);
      if (packed || !readsTexts(config)) return predictFiles(config, signal);
      const inputs: readonly TextInput[] = given.length > 0 ? given : await readTexts(config, signal);
      const { predictions, show } = await predict(config, inputs, signal);
      const rows = predictions.map((prediction, i) => ({ ...textOf(inputs[i]!), ...prediction }));
      const lines = rows.map(({ text, pair }, i) => show(predictions[i]!, oneLine(text + (pair ? ` | ${pair}` : ''))));
      return { json: { predictions: rows }, text: lines.join('\n') };
    }),
  );
}

/** Whether the task that is named, or that the data are of, reads texts. */
function readsTexts(config: PredictConfig): boolean {
  const { task } = withTask(config);
  return taskNamed(task)
    .columns({ ...config, task })
    .some(({ kind }) => kind === 'text' || kind === 'texts');
}

async function predict({ model, ...config }: PredictConfig, input: PredictInput, signal: AbortSignal) {
  const { loadModel } = await import('../commands/predict.js');
  const loaded = await showDownload((onDownload) => loadModel(model, config, { signal, onDownload }));
  try {
    const predictions = await loaded.predict<Prediction>(input, { signal, onNote: sayNote });
    if (config.output !== undefined) loaded.write(predictions, config.output);
    return { predictions, show: loaded.show };
  } finally {
    await loaded.close();
  }
}

/** A line for each sample of a file: what is said of it, and where it is. */
async function predictFiles({ data: files, ...config }: PredictConfig, signal: AbortSignal): Promise<Result> {
  if (!files)
    throw new UsageError(
      'nothing to label: give pictures, folders of them or .safetensors files, as arguments or with --data',
    );
  const { predictions, show } = await predict(config, { files }, signal);
  if (config.output !== undefined) {
    const written = { output: config.output, samples: predictions.length };
    return { json: written, text: `${written.samples} samples written to ${written.output}` };
  }
  const lines = predictions.flatMap((prediction) => {
    const { place = '', error } = prediction;
    if (error === undefined) return [show(prediction, place)];
    say(`note: left out: ${place}: ${error}`);
    return [];
  });
  return { json: { predictions }, text: lines.join('\n'), ok: predictions.some(({ error }) => error === undefined) };
}

const sayNote = (note: string): void => say(`note: ${note}`);

const oneLine = (text: string): string => {
  const flat = text.replaceAll(/\s+/g, ' ').trim();
  return flat.length > 100 ? `${flat.slice(0, 99)}…` : flat;
};

const textOf = (input: TextInput): { text: string; pair?: string } =>
  typeof input === 'string' ? { text: input } : input;

async function readTexts(config: PredictConfig, signal: AbortSignal): Promise<TextInput[]> {
  if (config.data !== undefined) return readFiles(config.data, config, signal);
  if (process.stdin.isTTY)
    throw new UsageError('nothing to label: give texts as arguments, a file with --data, or lines on standard input');
  const texts: string[] = [];
  for await (const line of createInterface({ input: process.stdin })) if (line.trim()) texts.push(line);
  if (texts.length === 0) throw new UsageError('nothing to label: standard input holds no text');
  return texts;
}

async function readFiles(
  patterns: readonly string[],
  config: PredictConfig,
  signal: AbortSignal,
): Promise<TextInput[]> {
  const columns = textColumns({ textColumn: config.textColumn, pairColumn: config.pairColumn });
  const reading = { signal, columns: columnNames(columns), form: formOf(config), note: sayNote };
  const inputs: TextInput[] = [];
  for (const file of await openFiles(patterns)) {
    for await (const raw of readRaw(file, reading)) {
      const { text, pair } = toRecord(raw, file, columns).values as { text: string; pair?: string };
      inputs.push(pair === undefined ? text : { text, pair });
    }
  }
  if (inputs.length === 0) throw new DataError(`data file ${patterns.join(', ')} holds no records`);
  return inputs;
}
