// Adapters as PEFT has them: the directories that it saved are read, and the outputs, the loss, the gradient of every
// trained tensor and 20 steps of AdamW are its; what is written is what it wrote; and the file with the adapter merged
// in gives the same outputs in the stock runtime. See fixtures/adapters/make.py, which also opens what is written here:
// with ORTUNE_ADAPTERS=DIR in the environment the adapters of after the 20 steps, and their outputs, stay in DIR.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Engine, type EngineBatch } from '#ortune/engine/engine.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { type Optimizer, parameterRanges } from '#ortune/optim/optimizer.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import { adapterOf } from '#ortune/transfer/adapter/options.js';
import { readSafetensors, relativeError } from './golden.js';
import { temporaryDirectory } from './support/temporary.js';

interface Golden {
  base: string;
  inputs: Record<string, { dtype: DataType; shape: number[]; data: number[] }>;
  labels: number[];
  logits: number[][];
  loss: number;
  losses: number[];
}

const fixtures = fileURLToPath(new URL('./fixtures', import.meta.url));
const root = temporaryDirectory('adapters');
const kept = process.env.ORTUNE_ADAPTERS;
const norm = (values: Float32Array): number => Math.hypot(...values);

function batchOf({ inputs, labels }: Golden): EngineBatch {
  const filled = (dtype: DataType, shape: readonly number[], values: readonly number[]) => {
    const view = sharedTensor(dtype, shape);
    for (const [i, value] of values.entries()) view.data[i] = dtype === 'int64' ? BigInt(value) : value;
    return view;
  };
  const rows = labels.length;
  // Of a decoder, an empty cache.
  const cache = [0, 1].flatMap((layer) => ['key', 'value'].map((part) => `past_key_values.${layer}.${part}`));
  const past = 'position_ids' in inputs ? cache : [];
  const batch = Object.values(inputs)[0]!.shape[0]!;
  return {
    inputs: new Map([
      ...past.map((name) => [name, filled('float32', [batch, 4, 0, 8], [])] as const),
      ...Object.entries(inputs).map(([name, { dtype, shape, data }]) => [name, filled(dtype, shape, data)] as const),
      ['labels', filled('int64', [rows], labels)],
      ['sample_weights', filled('float32', [rows], new Array(rows).fill(1))],
    ]),
  };
}

describe.each([
  ['encoder', 'bert', 'text-classification', { targets: 'class' }],
  ['encoder-dora', 'bert', 'text-classification', { targets: 'class' }],
  ['decoder-dora', 'gpt2', 'causal-lm', { form: 'prompt' }],
  ['decoder', 'gpt2', 'causal-lm', { form: 'prompt' }],
  ['network', 'residual', 'image-classification', { targets: 'class' }],
])('%s', (name, family, task, options) => {
  const folder = join(fixtures, 'adapters', name);
  const golden = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as Golden;
  const model = join(root, `${name}-base`);
  const batch = batchOf(golden);
  const columns = golden.logits[0]!.length;
  const open = (from: string): Promise<Engine> => {
    const dropout = { hidden: 0, attention: 0, head: 0 };
    const lora = adapterOf({ adapter: from });
    return Engine.open({ model, task: { name: task, options }, freeze: [], dropout, seed: 1, threads: 1, lora });
  };
  /** The first columns of the logits of the rows that have labels. */
  const logitsOf = (view: ort.Tensor['data'], size: number): number[] => {
    const rows = golden.inputs.target_positions?.data ?? golden.labels.map((_, row) => row);
    return rows.flatMap((row) => Array.from({ length: columns }, (_, i) => Number(view[row * size + i])));
  };
  const predicted = async (on: Engine): Promise<number[]> => {
    const { logits } = await on.run('predict', batch);
    return logitsOf(logits!.data as Float32Array, logits!.shape.at(-1)!);
  };
  const step = async (number: number): Promise<number> => {
    await engine.forwardBackward(batch, { normaliser: golden.labels.length }, { seed: 1, step: number, microStep: 0 });
    return engine.loss();
  };
  let engine: Engine;
  let optimizer: Optimizer;

  beforeAll(async () => {
    mkdirSync(join(model, 'onnx'), { recursive: true });
    copyFileSync(join(fixtures, golden.base), join(model, 'onnx', 'model.onnx'));
    writeFileSync(join(model, 'config.json'), JSON.stringify({ model_type: family }));
    engine = await open(folder);
    const ranges = parameterRanges(engine.model.parameters, ({ name }) =>
      engine.model.parameters.find((p) => p.name === name)!.trainable
        ? { learningRate: 1e-2, weightDecay: 0 }
        : undefined,
    );
    optimizer = await engine.createOptimizer(ranges, { name: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
  });
  afterAll(() => engine.close());

  it('gives the outputs of PEFT', async () => {
    expect(relativeError(await predicted(engine), golden.logits.flat())).toBeLessThan(1e-5);
  });

  it('has the loss and every gradient of PEFT, and none of what is frozen', async () => {
    const loss = await step(0);
    expect(Math.abs(loss / golden.loss - 1)).toBeLessThan(1e-5);
    const expected = readSafetensors(join(folder, 'gradients.safetensors'));
    const whole = Math.hypot(...[...expected.values()].map(norm));
    const trained = engine.model.parameters.filter((p) => p.trainable);
    // The decoder's export has a wrapper around the model.
    const keyOf = (alias: string): string => `base_model.model.${alias.replace(/^m\./, '')}`;
    expect(trained.map(({ alias }) => keyOf(alias)).sort()).toEqual([...expected.keys()].sort());
    for (const { name, alias } of trained) {
      const gradient = expected.get(keyOf(alias))!;
      const error = norm(engine.gradients.array(name).map((value, i) => value - gradient[i]!));
      expect(error, alias).toBeLessThanOrEqual(2e-5 * Math.max(norm(gradient), 1e-4 * whole));
    }
    for (const { name, trainable } of engine.model.parameters)
      if (!trainable) expect(norm(engine.gradients.array(name)), name).toBe(0);
  });

  it('takes 20 steps as PEFT does', async () => {
    const losses: number[] = [];
    for (let i = 0; i < golden.losses.length; i++) {
      losses.push(await step(i));
      await optimizer.step(1, 1);
    }
    for (const [i, loss] of losses.entries()) expect(Math.abs(loss / golden.losses[i]! - 1)).toBeLessThan(1e-3);
  });

  it('is written as PEFT writes it', async () => {
    const again = await open(folder);
    const directory = join(root, `${name}-again`);
    try {
      await again.save(directory, { form: 'adapter' });
    } finally {
      await again.close();
    }
    const [theirs, ours] = [folder, directory].map((of) => readSafetensors(join(of, 'adapter_model.safetensors')));
    expect([...ours!.keys()].sort()).toEqual([...theirs!.keys()].sort());
    for (const [key, values] of theirs!) expect(ours!.get(key), key).toEqual(values);
    const [before, after] = [folder, directory].map((of) =>
      JSON.parse(readFileSync(join(of, 'adapter_config.json'), 'utf8')),
    );
    const same = ['bias', 'fan_in_fan_out', 'lora_alpha', 'peft_type', 'r', 'task_type', 'use_dora', 'use_rslora'];
    for (const key of same) expect(after[key], key).toEqual(before[key]);
    // Layers by their whole paths, where the fixture has the last parts.
    const paths = new Set(
      [...theirs!.keys()]
        .filter((key) => key.includes('lora_'))
        .map((key) => /model\.model\.(.*)\.lora_/.exec(key)![1]),
    );
    expect(new Set(after.target_modules)).toEqual(paths);
    for (const key of after.modules_to_save ?? [])
      expect(key).toBe((before.modules_to_save ?? []).find((of: string) => of === key));
  });

  it('gives the same outputs merged into the file, and read again, after training', async () => {
    const expected = await predicted(engine);
    const file = await engine.save(join(root, name));
    const session = await ort.InferenceSession.create(file);
    const feeds = Object.fromEntries(
      session.inputNames.map((input) => {
        const { dtype, shape, data } = batch.inputs.get(input)!;
        return [input, new ort.Tensor(dtype as 'int64', data.slice() as BigInt64Array, shape as number[])];
      }),
    );
    const outputs = await session.run(feeds);
    await session.release();
    const { data, dims } = outputs.logits ?? Object.values(outputs)[0]!;
    expect(relativeError(logitsOf(data, dims.at(-1)!), expected)).toBeLessThan(1e-5);

    const directory = join(kept ?? root, name);
    await engine.save(join(directory, ...(kept ? [] : ['adapter'])), { form: 'adapter' });
    if (kept) {
      const rows = golden.labels.map((_, row) => expected.slice(row * columns, (row + 1) * columns));
      writeFileSync(join(directory, 'logits.json'), JSON.stringify(rows));
    }
    const again = await open(kept ? directory : join(directory, 'adapter'));
    try {
      expect(relativeError(await predicted(again), expected)).toBeLessThan(1e-6);
    } finally {
      await again.close();
    }
  });
});
