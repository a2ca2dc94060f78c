// What models write in the evaluations of a run: samples of it in events and log files, figures that decide which
// evaluation is the best; and a run without the library that writes.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { predict } from '#ortune/commands/predict.js';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import type { EvaluationEvent } from '#ortune/events.js';
import type { WritingResult } from '#ortune/tasks/tasks.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { writeDecoder, writtenBy } from '../support/decoders.js';
import { installPrograms, runNode } from '../support/installed.js';
import { temporaryDirectory } from '../support/temporary.js';
import { hashOf, newRuns, train } from '../support/train.js';

const directory = temporaryDirectory('written');
const path = (name: string): string => join(directory, name);
const jsonl = (name: string, rows: readonly object[]): string => {
  writeFileSync(path(name), rows.map((row) => JSON.stringify(row)).join('\n'));
  return path(name);
};
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/seq2seq/${name}`, import.meta.url));
const { rows } = JSON.parse(readFileSync(fixture('t5.golden.json'), 'utf8')) as {
  rows: { translation: { en: string; de: string } }[];
};
const translations = newRuns(path, {
  ...{ task: 'seq2seq', model: fixture('t5'), train: jsonl('translations.jsonl', rows), evalSteps: 2, maxSteps: 4 },
  ...{ sourceLang: 'en', targetLang: 'de', batchSize: 2, learningRate: 1e-2, schedule: 'constant', saveSteps: 2 },
  ...{ generationMaxLength: 12, evalStrategy: 'steps' },
});
const gpt2 = writtenBy('gpt2');
const completions = newRuns((name) => path(`decoder-${name}`), {
  ...{ task: 'causal-lm', model: writeDecoder(path('gpt2'), 'gpt2'), train: jsonl('completions.jsonl', gpt2.rows) },
  ...{ promptColumn: 'prompt', batchSize: 2, maxSteps: 2, learningRate: 1e-2, generationMaxLength: 12 },
});

/** Runs, and gives the evaluations too, as events and as metrics.jsonl has them. */
async function evaluated(options: TrainOptions & { output: string }) {
  const trainer = new Trainer(options);
  const events: EvaluationEvent[] = [];
  const warnings: string[] = [];
  trainer.on('evaluation', (event) => events.push(event));
  trainer.on('warning', ({ message }) => warnings.push(message));
  const result = await trainer.run();
  const lines = readFileSync(join(options.output, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const logged = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'evaluation');
  expect(logged.slice(-events.length)).toEqual(events.map((event) => ({ event: 'evaluation', ...event })));
  expect(existsSync(join(options.output, '.written'))).toBe(false);
  return { result, warnings, metrics: events.map((event) => event.metrics as WritingResult) };
}

describe('texts to texts', () => {
  it('a run shows the first samples, and is the same run as without them', async () => {
    const { result, metrics } = await evaluated(translations({ eval: rows, generateSamples: 2 }));
    expect(metrics.map(({ written }) => written!.length)).toEqual([2, 2]);
    const known = new Map(rows.map(({ translation: { en, de } }) => [en, de]));
    const shown = metrics.at(-1)!.written!;
    for (const { input, target } of shown) expect(known.get(input)).toBe(target);
    const again = await predict(
      { model: result.output, task: 'seq2seq', maxNewTokens: 12, threads: 1 },
      shown.map(({ input }) => input),
    );
    expect(again.map(({ text }) => text)).toEqual(shown.map(({ text }) => text));
    const silent = await train(translations({ eval: rows, generateSamples: 0 }));
    const file = 'onnx/decoder_model_merged.onnx';
    expect(hashOf(readFileSync(join(silent.result.output, file)))).toBe(
      hashOf(readFileSync(join(result.output, file))),
    );
    expect(silent.result.metrics).not.toHaveProperty('written');
  });

  it('figures of all texts decide which evaluation is the best, also of a run that goes on', async () => {
    const options = translations({
      ...{ eval: rows, predictWithGenerate: true, generateSamples: 1, textMetrics: ['chrf', 'rouge'] },
      ...{ metricForBestModel: 'chrf', saveTotalLimit: 5, loadBestModelAtEnd: true },
    });
    const { result, metrics } = await evaluated(options);
    const best = Math.max(...metrics.map(({ chrf }) => chrf!));
    expect(result.best).toMatchObject({ metric: 'chrf', value: best });
    expect(metrics.map(({ written }) => written!.length)).toEqual([1, 1]);
    const { task, sourceLang, targetLang, generationMaxLength } = options;
    const saved = await evaluate({
      ...({ task, sourceLang, targetLang, generationMaxLength } as object),
      ...{ model: result.output, data: rows, textMetrics: ['chrf', 'rouge'], predictWithGenerate: true, threads: 1 },
    });
    expect(saved.metrics).toMatchObject({ chrf: best, rougeL: (result.metrics as WritingResult).rougeL });
    const resumed = await evaluated({ ...options, resume: join(options.output, 'checkpoints/step-2') });
    expect(resumed.result.best).toEqual(result.best);
    expect(resumed.metrics.at(-1)).toEqual(metrics.at(-1));
  });
});

describe('decoders', () => {
  it('go on from prompts, and from the first half of running texts', async () => {
    const { result, metrics } = await evaluated(completions({ eval: gpt2.rows, generateSamples: 2 }));
    const { written } = metrics.at(-1)!;
    const known = new Map(gpt2.rows.map(({ prompt, completion }) => [prompt, completion]));
    for (const { input, target } of written!) expect(known.get(input)!.trim()).toBe(target.trim());
    const again = await predict(
      { model: result.output, task: 'causal-lm', maxNewTokens: 12, threads: 1 },
      written!.map(({ input }) => input),
    );
    expect(again.map(({ text }) => text)).toEqual(written!.map(({ text }) => text));
    const text = 'how many legs has a dog? four';
    const running = await evaluated(
      completions({ promptColumn: undefined, train: [{ text }], eval: [{ text }], maxSteps: 1 }),
    );
    const { input, target } = running.metrics[0]!.written![0]!;
    expect(input + target).toBe(text);
    expect(Math.abs(input.length - target.length)).toBeLessThan(text.length / 2);
  });

  it('are measured by what they write behind prompts', async () => {
    const { result, metrics } = await evaluated(
      completions({ eval: gpt2.rows, predictWithGenerate: true, textMetrics: 'cer', metricForBestModel: 'cer' }),
    );
    const { written } = result.metrics as WritingResult;
    const best = Math.min(...metrics.map(({ cer }) => cer!));
    expect(best).toBeGreaterThan(0);
    expect(written).toHaveLength(gpt2.rows.length);
    expect(result.best).toMatchObject({ metric: 'cer', value: best });
  });
});

describe('what is refused', () => {
  it.each<[string, RegExp, object]>([
    [
      'a figure that is not measured',
      /'metricForBestModel' must be one of loss, .*found "bleu"/,
      { eval: rows, metricForBestModel: 'bleu' },
    ],
    ['nothing to evaluate on', /'predictWithGenerate' needs data to evaluate on/, { predictWithGenerate: true }],
    ['a metric that is none', /option 'textMetrics': there is no 'blue'/, { eval: rows, textMetrics: 'blue' }],
  ])('%s', async (_, message, more) => {
    await expect(train(translations(more))).rejects.toThrow(message);
  });

  it('rows of several prompts', async () => {
    const more = { eval: gpt2.rows, predictWithGenerate: true, packing: 'samples' } as const;
    await expect(train(completions(more))).rejects.toThrow(/'predictWithGenerate' and 'packing' contradict each other/);
  });

  it('running texts without prompts', async () => {
    const more = { promptColumn: undefined, eval: [{ text: 'a' }], predictWithGenerate: true } as const;
    await expect(train(completions(more))).rejects.toThrow(
      /compares what is written behind prompts .* set promptColumn/,
    );
  });
});

describe('without the transformers library', () => {
  const programs = installPrograms(['onnxruntime-node']);
  const run = (more: readonly string[]) => {
    const { model, train: data } = completions();
    const [file, output] = [data as string, path(`bare${more.length}`)];
    const given = ['--model', model as string, '--train', file, '--eval', file, '--output', output];
    const usual = ['--task', 'causal-lm', '--prompt-column', 'prompt', '--max-steps', '1', '--threads', '1'];
    return runNode(['node_modules/ortune/dist/cli/main.js', 'train', ...given, ...usual, ...more], programs);
  };

  it('a run says once that there are no samples', async () => {
    const { code, stderr } = await run([]);
    expect(code, stderr).toBe(0);
    expect(
      stderr.match(/note: no samples of what the model writes, .*npm install @huggingface\/transformers/g),
    ).toHaveLength(1);
  });

  it('a run that needs them does not start', async () => {
    const { code, stderr } = await run(['--predict-with-generate']);
    expect(code, stderr).toBe(2);
    expect(stderr).toMatch(
      /'predictWithGenerate': texts are written by the package @huggingface\/transformers, which is not installed/,
    );
  });
});
