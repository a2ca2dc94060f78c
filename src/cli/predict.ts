// ortune predict: what a model says of each text given as an argument, in a file, or line by line on standard input, or
// of pictures.

import type { Command } from 'commander';
import { type PredictConfig, predictSchema } from '../config/schema.js';
import type { TextInput } from '../data/samples.js';
import type { Prediction } from '../tasks/task.js';
import { configOf, execute, type Result } from './command.js';
import { showDownload } from './download.js';
import { addOptions } from './flags.js';
import { say } from './output.js';
import { inputsOf } from './predict-inputs.js';

export function addPredict(program: Command): void {
  const command = program
    .command('predict')
    .description('label texts or pictures')
    .argument('[model]', 'model directory, .onnx file or hub name; or the directory of a run')
    .argument(
      '[input...]',
      'of a model of texts: texts, or files of them (a line of a .txt, a row of a table); texts that begin with a dash go ' +
        'behind --; without any, and without --data, lines of standard input. Of a model of pictures: their files, folders, ' +
        'tables or .safetensors',
    );
  const unknown = '(A text that begins with a dash goes behind --: ortune predict MODEL -- "-5 degrees")';
  addOptions(command, predictSchema, { unknown }).action((model: string | undefined, given: string[], flags) =>
    execute(flags, (signal) => predict(configOf(predictSchema, { ...(model && { model }) }, flags), given, signal)),
  );
}

async function predict(
  { model, ...config }: PredictConfig,
  given: readonly string[],
  signal: AbortSignal,
): Promise<Result> {
  const { loadModel } = await import('../commands/predict.js');
  const loaded = await showDownload((onDownload) => loadModel(model, config, { signal, onDownload }));
  try {
    const input = await inputsOf(loaded.reads, given, { model, ...config }, { signal, onNote: sayNote });
    const predictions = await loaded.predict<Prediction>(input, { signal, onNote: sayNote });
    if (config.output !== undefined) {
      loaded.write(predictions, config.output);
      const written = { output: config.output, samples: predictions.length };
      return { json: written, text: `${written.samples} samples written to ${written.output}` };
    }
    return 'files' in input ? ofFiles(predictions, loaded.show) : ofTexts(predictions, input, loaded.show);
  } finally {
    await loaded.close();
  }
}

type Show = (prediction: Prediction, what: string) => string;

/** A line for each text; one that cannot be used is said on the way. */
function ofTexts(predictions: readonly Prediction[], inputs: readonly TextInput[], show: Show): Result {
  const texts = inputs.map(textOf);
  const rows = predictions.map((prediction, i) => ({ ...texts[i]!, ...prediction }));
  const lines = predictions.map((prediction, i) => {
    const { text, pair } = texts[i]!;
    return { prediction, what: oneLine(text + (pair ? ` | ${pair}` : '')) };
  });
  return { json: { predictions: rows }, ...shownLines(lines, show) };
}

/** A line for each sample of a file: what is said of it, and where it is. */
function ofFiles(predictions: readonly Prediction[], show: Show): Result {
  const lines = predictions.map((prediction) => ({ prediction, what: prediction.place ?? '' }));
  return { json: { predictions }, ...shownLines(lines, show) };
}

function shownLines(
  lines: readonly { prediction: Prediction; what: string }[],
  show: Show,
): Pick<Result, 'text' | 'ok'> {
  for (const { prediction, what } of lines)
    if (prediction.error !== undefined) say(`note: left out: ${what}: ${prediction.error}`);
  const good = lines.filter(({ prediction }) => prediction.error === undefined);
  return { text: good.map(({ prediction, what }) => show(prediction, what)).join('\n'), ok: good.length > 0 };
}

const sayNote = (note: string): void => say(`note: ${note}`);

const oneLine = (text: string): string => {
  const flat = text.replaceAll(/\s+/g, ' ').trim();
  return flat.length > 100 ? `${flat.slice(0, 99)}…` : flat;
};

const textOf = (input: TextInput): { text: string; pair?: string } =>
  typeof input === 'string' ? { text: input } : input;
