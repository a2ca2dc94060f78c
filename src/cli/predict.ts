// ortune predict: the label of each text given as an argument, in a file, or line by line on standard input.

import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { type PredictConfig, predictSchema } from '../config/schema.js';
import { readRecords } from '../data/records.js';
import { UsageError } from '../errors.js';
import { addOptions, configOf, execute } from './command.js';

export function addPredict(program: Command): void {
  const command = program
    .command('predict')
    .description('label texts')
    .argument('[model]', 'model directory or .onnx file')
    .argument('[text...]', 'texts; without any, and without --data, lines of standard input');
  addOptions(command, predictSchema).action((model: string | undefined, given: string[], flags) =>
    execute(flags, async (signal) => {
      const config = configOf(predictSchema, model ? { model } : {}, flags);
      const texts = given.length > 0 ? given : await readTexts(config, signal);
      const { predict } = await import('../train/predict.js');
      const predictions = await predict(config, texts, { signal });
      const rows = predictions.map(({ label, score }, i) => ({ text: texts[i]!, label, score }));
      const lines = rows.map(({ text, label, score }) => `${label}\t${score.toFixed(4)}\t${oneLine(text)}`);
      return { json: { predictions: rows }, text: lines.join('\n') };
    }),
  );
}

const oneLine = (text: string): string => {
  const flat = text.replaceAll(/\s+/g, ' ').trim();
  return flat.length > 100 ? `${flat.slice(0, 99)}…` : flat;
};

async function readTexts(config: PredictConfig, signal: AbortSignal): Promise<string[]> {
  if (config.data !== undefined) {
    const { records } = await readRecords(
      config.data[0]!,
      { text: config.textColumn, pair: config.pairColumn },
      { signal },
    );
    return records.map((record) => record.text);
  }
  if (process.stdin.isTTY)
    throw new UsageError('nothing to label: give texts as arguments, a file with --data, or lines on standard input');
  const texts: string[] = [];
  for await (const line of createInterface({ input: process.stdin })) if (line.trim()) texts.push(line);
  if (texts.length === 0) throw new UsageError('nothing to label: standard input holds no text');
  return texts;
}
