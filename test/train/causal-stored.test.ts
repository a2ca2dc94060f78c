// Decoders whose weights are halves or rounded numbers: what trains is what is float, in float32; the saved file has
// its types, is measured by the stock runtime as the run measured it, and transformers.js writes with it.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { predict } from '#ortune/commands/predict.js';
import { openModel } from '#ortune/onnx/load.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { type DecoderFamily, writeDecoder, writtenBy } from '../support/decoders.js';
import { quantise } from '../support/quantise.js';
import { temporaryDirectory } from '../support/temporary.js';
import { modelFile, newRuns, train } from '../support/train.js';

const directory = temporaryDirectory('stored');
const path = (name: string): string => join(directory, name);
const { rows, losses } = writtenBy('llama');
writeFileSync(path('rows.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
const config = newRuns(path, {
  task: 'causal-lm',
  train: path('rows.jsonl'),
  eval: path('rows.jsonl'),
  promptColumn: 'prompt',
  batchSize: 2,
  sampling: 'sequential',
  learningRate: 1e-2,
  schedule: 'constant',
  warmupRatio: 0,
  weightDecay: 0,
  epochs: 4,
  loadBestModelAtEnd: false,
  generateSamples: 0,
});

async function trained(model: string, more: object = {}) {
  const found = await train(config({ model, ...more }));
  const saved = { task: 'causal-lm', model: found.result.output, threads: 1 } as const;
  const { metrics } = await evaluate({ ...saved, data: path('rows.jsonl'), promptColumn: 'prompt' });
  const [written] = await predict({ ...saved, maxNewTokens: 4 }, ['the quick']);
  expect(written!.error).toBeUndefined();
  return { ...found, loss: metrics.loss, written: written!.text };
}

const typesOf = (file: string) =>
  new Map(openModel(file).proto.graph!.initializer.map(({ name, dataType }) => [name, dataType]));
const bytesOf = (file: string, names: readonly string[]) =>
  openModel(file)
    .proto.graph!.initializer.filter(({ name }) => names.includes(name))
    .map(({ name, rawData }) => [name, Buffer.from(rawData).toString('base64')]);

describe('a decoder', () => {
  it('that computes in float16 trains as one of float32, and is saved in float16', async () => {
    const model = writeDecoder(path('fp16'), 'llama-fp16');
    const { result, losses: found, warnings, loss } = await trained(model);
    // Weights of three digits.
    for (const [step, one] of found.entries()) expect(one / losses[step]!).toBeCloseTo(1, 2);
    expect(warnings.join('\n')).toMatch(/computes in float16: it is trained in float32.*saved as float16/);
    expect(loss).toBeCloseTo((result.metrics as unknown as { loss: number }).loss, 1);
    const file = modelFile(result.output);
    expect([...typesOf(file)].sort()).toEqual([...typesOf(join(model, 'onnx', 'model.onnx'))].sort());
    expect(openModel(file).proto.graph!.output[0]!.type!.value.value).toMatchObject({ elemType: 1 });
  });

  it.each(['llama', 'llama-genai'] as const)('%s of 4 bits keeps them, and trains what is float', async (family) => {
    const model = writeDecoder(path(`q4-${family}`), family as DecoderFamily);
    const file = join(model, 'onnx', 'model.onnx');
    const stored = quantise(file, 'MatMulNBits', { but: 'lm_head', factor: 1 });
    expect(stored.length).toBeGreaterThan(20);
    writeFileSync(join(model, 'onnx', 'model_q4f16.onnx'), readFileSync(file));
    const { result, losses: found, warnings, loss } = await trained(model);
    expect(found.at(-1)).toBeLessThan(0.9 * found[0]!);
    expect(warnings.join('\n')).toContain('the model is quantised');
    expect(warnings.join('\n')).toMatch(/model_q4f16.onnx: left out of the saved directory/);
    expect(bytesOf(modelFile(result.output), stored)).toEqual(bytesOf(file, stored));
    expect(loss).toBeCloseTo((result.metrics as unknown as { loss: number }).loss, 3);
    const shared = await train(config({ model, batchSize: 1, packing: 'samples' }));
    for (const [step, one] of shared.losses.entries()) expect(one / found[step]!).toBeCloseTo(1, 4);
  });
});
