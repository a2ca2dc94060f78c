// Decoders of each family through the trainer: the losses of PyTorch step by step, and what the saved directory writes
// in the transformers library, token for token what Python's writes of the same weights.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, pipeline } from '@xenova/transformers';
import { expect, it } from 'vitest';
import { predict } from '#ortune/commands/predict.js';
import { decoderFamilies, writeDecoder, writtenBy } from '../support/decoders.js';
import { temporaryDirectory } from '../support/temporary.js';
import { newRuns, train } from '../support/train.js';

const directory = temporaryDirectory('families');
const path = (name: string): string => join(directory, name);
const config = newRuns(path, {
  task: 'causal-lm',
  promptColumn: 'prompt',
  batchSize: 2,
  sampling: 'sequential',
  learningRate: 1e-2,
  schedule: 'constant',
  warmupRatio: 0,
  weightDecay: 0,
  generateSamples: 0,
});
Object.assign(env, { allowRemoteModels: false, localModelPath: '/' });

it.each(decoderFamilies)('%s learns completions as in PyTorch, and writes what it writes there', async (family) => {
  const { rows, losses, trained } = writtenBy(family);
  const model = writeDecoder(path(`own-${family}`), family);
  const data = path(`${family}.jsonl`);
  writeFileSync(data, rows.map((row) => JSON.stringify(row)).join('\n'));
  const { result, losses: found } = await train(config({ model, epochs: losses.length, train: data }));
  for (const [step, loss] of found.entries())
    expect(Math.abs(loss / losses[step]! - 1), `step ${step}`).toBeLessThan(1e-3);
  const saved = JSON.parse(readFileSync(`${result.output}/config.json`, 'utf8'));
  expect(saved).toEqual(JSON.parse(readFileSync(`${model}/config.json`, 'utf8')));

  const generator = await pipeline('text-generation', result.output, {
    dtype: 'fp32',
    session_options: { intraOpNumThreads: 1 },
  });
  for (const { prompt, tokens, text } of trained) {
    const [one] = (await generator(prompt, { max_new_tokens: 12, do_sample: false, return_full_text: false })) as [
      { generated_text: string },
    ];
    expect(one.generated_text).toBe(text);
    const inputs = await generator.tokenizer(prompt);
    const ids = (await generator.model.generate({ ...inputs, max_new_tokens: 12, do_sample: false })) as {
      tolist(): bigint[][];
    };
    expect(ids.tolist()[0]!.slice(inputs.input_ids.dims[1]).map(Number)).toEqual(tokens);
  }
  await generator.dispose();
  if (family !== 'gpt2') return;
  const written = await predict(
    { task: 'causal-lm', model: result.output, maxNewTokens: 12, threads: 1 },
    trained.map(({ prompt }) => prompt),
  );
  expect(written).toEqual(
    trained.map(({ text, tokens }) => ({ text, finished: tokens.at(-1) === 0 && tokens.length < 12 })),
  );
});
