// Gradient accumulation against one large batch: the same loss and the same gradients, although the micro-batches are
// padded to other lengths and hold other numbers of samples that count.

import { expect, it } from 'vitest';
import { Engine, type EngineBatch } from '#ortune/engine/engine.js';
import { Accumulator } from '#ortune/optim/accumulator.js';
import { uniform } from '#ortune/random.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import type { TensorView } from '#ortune/runtime/session.js';
import { smallProblem } from '../support/small-problem.js';

const { path } = smallProblem();

interface Sample {
  ids: number[];
  label: number;
  weight: number;
}

const rows = 4;
const micros = 4;

/** Texts of 3 to 30 tokens; some labels are ignored, some weights are 0, as fill-up rows have them. */
const samples = Array.from({ length: rows * micros }, (_, i): Sample => {
  // The first micro-batch has short texts only, so that its rows are half as long.
  const most = i < rows ? 13 : 28;
  const length = 3 + Math.floor(most * uniform(1, 0, i));
  const ids = Array.from({ length }, (_, k) => 5 + Math.floor(15 * uniform(1, 1 + i, k)));
  return { ids, label: i % 5 === 1 ? -100 : i % 2, weight: i % 7 === 3 ? 0 : 1 };
});

function batchOf(members: readonly Sample[], length: number): EngineBatch {
  const tensor = (dtype: 'int64' | 'float32', shape: number[]): TensorView => sharedTensor(dtype, shape);
  const inputs = new Map(
    ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => [name, tensor('int64', [members.length, length])]),
  );
  const labels = tensor('int64', [members.length]);
  const weights = tensor('float32', [members.length]);
  for (const [row, { ids, label, weight }] of members.entries()) {
    labels.data[row] = BigInt(label);
    weights.data[row] = weight;
    for (const [k, id] of ids.entries()) {
      inputs.get('input_ids')!.data[row * length + k] = BigInt(id);
      inputs.get('attention_mask')!.data[row * length + k] = 1n;
    }
  }
  inputs.set('labels', labels);
  inputs.set('sample_weights', weights);
  return { inputs };
}

const dropout = { hidden: 0, attention: 0, head: 0 };
const open = () =>
  Engine.open({
    task: { name: 'text-classification', options: {} },
    model: path('encoder'),
    freeze: [],
    dropout,
    seed: 0,
    threads: 1,
  });
const key = (microStep: number) => ({ seed: 0, step: 0, microStep });

it('four micro-batches give the loss and the gradients of one batch four times as large', async () => {
  const normaliser = samples.reduce((sum, { label, weight }) => sum + (label < 0 ? 0 : weight), 0);
  const large = await open();
  await large.forwardBackward(batchOf(samples, 32), { normaliser }, key(0));
  const loss = await large.loss();

  const small = await open();
  const accumulator = await Accumulator.create(small.device, small.gradients);
  let sum = 0;
  for (let micro = 0; micro < micros; micro++) {
    const batch = batchOf(samples.slice(micro * rows, (micro + 1) * rows), micro === 0 ? 16 : 32);
    await small.forwardBackward(batch, { normaliser }, key(micro));
    sum += await small.loss();
    await accumulator.add(micro === 0);
  }
  expect(Math.abs(sum - loss)).toBeLessThanOrEqual(1e-6 * loss);
  const norm = (values: Float32Array) => Math.sqrt(values.reduce((total, g) => total + g * g, 0));
  const all = norm(large.gradients.data);
  expect(all).toBeGreaterThan(0.1);
  for (const { name } of large.gradients.entries) {
    const [expected, found] = [large.gradients.array(name), accumulator.total.array(name)];
    expect(norm(expected.map((g, i) => g - found[i]!)), name).toBeLessThanOrEqual(1e-6 * all);
  }
  await accumulator.release();
  await large.close();
  await small.close();
});
