// The optimizers on the device against their formulas in float64, over arenas with padding, groups and elements that
// no range covers.

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Optimizer, type ParameterRange, parameterRanges } from '#ortune/optim/optimizer.js';
import { type OptimizerOptions, optimizerFields, ruleOf } from '#ortune/optim/rules.js';
import { normals } from '#ortune/random.js';
import { Arena } from '#ortune/runtime/arena.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

// 'frozen' is in no range; the odd lengths leave padding behind every tensor.
const shapes = { matrix: [37, 29], bias: [29], frozen: [50], scale: [7], large: [300, 401] };
const layout = () => Arena.layout(Object.entries(shapes).map(([name, shape]) => ({ name, shape })));

/** Of the bits of several arrays. */
const hash = (arrays: readonly Float32Array[]): string =>
  createHash('sha256')
    .update(Buffer.concat(arrays.map((array) => Buffer.from(array.slice().buffer))))
    .digest('hex');

const groups = (learningRate: number, weightDecay: number) =>
  parameterRanges(layout(), (entry) =>
    entry.name === 'frozen' ? undefined : { learningRate, weightDecay: entry.shape.length < 2 ? 0 : weightDecay },
  );

interface Reference {
  p: Float64Array;
  states: Float64Array[];
}

type Update = (r: Reference, g: Float64Array, i: number, range: ParameterRange, rate: number, t: number) => void;

/** Loshchilov & Hutter 2019, algorithm 2, with the decay times the learning rate as PyTorch has it. */
const adamw =
  (beta1: number, beta2: number, epsilon: number): Update =>
  ({ p, states: [m, v] }, g, i, range, rate, t) => {
    p[i]! *= 1 - rate * range.weightDecay;
    m![i] = beta1 * m![i]! + (1 - beta1) * g[i]!;
    v![i] = beta2 * v![i]! + (1 - beta2) * g[i]! ** 2;
    p[i]! -= ((rate / (1 - beta1 ** t)) * m![i]!) / (Math.sqrt(v![i]! / (1 - beta2 ** t)) + epsilon);
  };

/** torch.optim.SGD; its first velocity is the gradient, which a velocity of 0 and no dampening gives as well. */
const sgd =
  (momentum: number, nesterov: boolean): Update =>
  ({ p, states: [velocity] }, g, i, range, rate) => {
    const d = g[i]! + range.weightDecay * p[i]!;
    velocity![i] = momentum * velocity![i]! + d;
    p[i]! -= rate * (nesterov ? d + momentum * velocity![i]! : velocity![i]!);
  };

/** One step in float64; returns the norm before clipping. */
function stepReference(
  reference: Reference,
  gradients: Float32Array,
  ranges: readonly ParameterRange[],
  update: Update,
  { factor, maxGradNorm, t }: { factor: number; maxGradNorm: number; t: number },
): number {
  const g = Float64Array.from(gradients);
  let squares = 0;
  for (const { start, end } of ranges) for (let i = start; i < end; i++) squares += g[i]! ** 2;
  const norm = Math.sqrt(squares);
  const scale = maxGradNorm > 0 && norm > maxGradNorm ? maxGradNorm / (norm + 1e-6) : 1;
  for (const range of ranges)
    for (let i = range.start; i < range.end; i++) {
      g[i]! *= scale;
      update(reference, g, i, range, range.learningRate * factor, t);
    }
  return norm;
}

const relative = (found: ArrayLike<number>, expected: ArrayLike<number>): number => {
  const largest = Math.max(...Array.from(expected, Math.abs), 1e-30);
  return Math.max(...Array.from(expected, (e, i) => Math.abs(found[i]! - e))) / largest;
};

const bytes = (data: Float32Array): string =>
  createHash('sha256')
    .update(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');

function fillGradients(gradients: Arena, step: number, size = 1): void {
  for (const [i, { name, length }] of gradients.entries.entries())
    gradients.array(name).set(normals(7, 10 * step + i, length, size));
}

async function setUp(ranges: readonly ParameterRange[], options: OptimizerOptions) {
  const parameters = Arena.create(layout());
  for (const [i, { name, length }] of parameters.entries.entries())
    parameters.array(name).set(normals(3, i, length, 0.5));
  const gradients = parameters.like();
  const optimizer = await Optimizer.create(device, parameters, gradients, ranges, options);
  const states = [...optimizer.state.keys()].map(() => new Float64Array(parameters.data.length));
  return { parameters, gradients, optimizer, reference: { p: Float64Array.from(parameters.data), states } };
}

const cases: [string, OptimizerOptions, Update, { clip: number; decay: number }][] = [
  [
    'AdamW',
    { name: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    adamw(0.9, 0.999, 1e-8),
    { clip: 0, decay: 0.01 },
  ],
  [
    'AdamW, clipped',
    { name: 'adamw', beta1: 0.8, beta2: 0.99, epsilon: 1e-6 },
    adamw(0.8, 0.99, 1e-6),
    { clip: 1, decay: 0.1 },
  ],
  ['plain SGD', { name: 'sgd', momentum: 0, nesterov: false }, sgd(0, false), { clip: 0, decay: 0 }],
  [
    'SGD with momentum, clipped',
    { name: 'sgd', momentum: 0.9, nesterov: false },
    sgd(0.9, false),
    { clip: 1, decay: 0.01 },
  ],
  [
    'SGD with Nesterov momentum',
    { name: 'sgd', momentum: 0.9, nesterov: true },
    sgd(0.9, true),
    { clip: 0, decay: 0.01 },
  ],
];

describe('Optimizer', () => {
  it.each(cases)('%s follows its formula over twelve steps', async (_, options, update, { clip, decay }) => {
    const ranges = groups(1e-2, decay);
    const { parameters, gradients, optimizer, reference } = await setUp(ranges, options);
    const initial = parameters.data.slice();
    const frozen = bytes(parameters.array('frozen'));
    for (let t = 1; t <= 12; t++) {
      // Norms on both sides of the clipping, and a rate that changes as a schedule changes it.
      fillGradients(gradients, t, t % 3 === 0 ? 1e-4 : 1);
      const factor = t / 12;
      const norm = await optimizer.step(factor, clip);
      const expected = stepReference(reference, gradients.data, ranges, update, { factor, maxGradNorm: clip, t });
      expect(Math.abs(norm - expected) / expected).toBeLessThan(1e-6);
    }
    for (const { start, end } of ranges)
      for (let i = start; i < end; i++) {
        const [from, to] = [initial[i]!, reference.p[i]!];
        // Rounding of the parameter in each of twelve steps, and a millionth of what it moved by.
        const allowed = 12 * 2 ** -24 * Math.max(Math.abs(from), Math.abs(to)) + 3e-6 * (Math.abs(to - from) + 1e-2);
        if (!(Math.abs(parameters.data[i]! - to) <= allowed))
          expect.fail(`element ${i} went from ${from} to ${parameters.data[i]} instead of ${to}`);
      }
    // Without momentum there is no velocity to keep. The second moment is scaled by 1 - beta2 in float32.
    if (!('momentum' in options) || options.momentum > 0)
      for (const [i, arena] of [...optimizer.state.values()].entries())
        expect(relative(arena.data, reference.states[i]!)).toBeLessThan(2e-5);
    expect(bytes(parameters.array('frozen'))).toEqual(frozen);
    await optimizer.release();
  });

  it.each([
    ['adamw' as const, Number.NaN],
    ['adamw' as const, Number.POSITIVE_INFINITY],
    ['sgd' as const, Number.NaN],
  ])('%s leaves everything unchanged for a gradient of %d', async (name, bad) => {
    const options: OptimizerOptions =
      name === 'adamw' ? { name, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } : { name, momentum: 0.9, nesterov: false };
    const { parameters, gradients, optimizer } = await setUp(groups(1e-2, 0.01), options);
    fillGradients(gradients, 1);
    await optimizer.step(1, 1);
    const everything = () => [parameters, ...optimizer.state.values()].map((arena) => bytes(arena.data));
    const before = everything();
    gradients.array('large')[100_000] = bad;
    expect(await optimizer.step(1, 1)).not.toSatisfy(Number.isFinite);
    expect(optimizer.steps).toBe(1);
    expect(everything()).toEqual(before);
    // And the next step is the second one, as if nothing had been.
    fillGradients(gradients, 2);
    expect(await optimizer.step(1, 1)).toSatisfy(Number.isFinite);
    expect(optimizer.steps).toBe(2);
    await optimizer.release();
  });

  it('has the same bits on one and on two threads', async () => {
    const run = async (threads: number): Promise<string> => {
      const own = await openDevice('cpu', { threads });
      const parameters = Arena.create(layout());
      parameters.data.set(normals(3, 0, parameters.data.length, 0.5));
      const gradients = parameters.like();
      const options = { name: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;
      const optimizer = await Optimizer.create(own, parameters, gradients, groups(1e-2, 0.01), options);
      for (let t = 1; t <= 3; t++) {
        fillGradients(gradients, t);
        await optimizer.step(1, 1);
      }
      await own.close();
      return bytes(parameters.data);
    };
    expect(await run(1)).toBe(await run(2));
  });
});

describe('parameterRanges', () => {
  it('joins neighbours of equal options and keeps apart what is left out', () => {
    const entries = layout();
    const [matrix, bias, , scale, large] = entries;
    const endOf = (entry: (typeof entries)[number] | undefined) => entry!.offset + entry!.length;
    const all = parameterRanges(entries, () => ({ learningRate: 1, weightDecay: 0 }));
    expect(all).toEqual([{ start: 0, end: endOf(large), learningRate: 1, weightDecay: 0 }]);
    expect(groups(1, 0.1)).toEqual([
      { start: 0, end: endOf(matrix), learningRate: 1, weightDecay: 0.1 },
      { start: bias!.offset, end: endOf(bias), learningRate: 1, weightDecay: 0 },
      { start: scale!.offset, end: endOf(scale), learningRate: 1, weightDecay: 0 },
      { start: large!.offset, end: endOf(large), learningRate: 1, weightDecay: 0.1 },
    ]);
    const trained = parameterRanges(entries, ({ name }) =>
      name === 'frozen' ? undefined : { learningRate: 1, weightDecay: 0 },
    );
    expect(trained.map(({ start, end }) => [start, end])).toEqual([
      [0, endOf(bias)],
      [scale!.offset, endOf(large)],
    ]);
  });
});

it.each(['adamw', 'adadelta', 'rmsprop'] as const)(
  '%s: what begins later is untouched until then, and begins as if it were the first step',
  async (name) => {
    const options = ruleOf(name).options(z.object(optimizerFields).parse({}));
    const entries = Arena.layout([
      { name: 'head', shape: [40] },
      { name: 'trunk', shape: [300] },
    ]);
    const rangesFrom = (startStep: number) =>
      parameterRanges(entries, (entry) => ({
        learningRate: 0.01,
        weightDecay: 0.1,
        l1: 1e-3,
        ...(entry.name === 'trunk' && { startStep }),
      }));
    const start = 4;
    const run = async (startStep: number, from: number) => {
      const parameters = Arena.create(entries);
      const gradients = parameters.like();
      for (const i of parameters.data.keys()) parameters.data[i] = Math.cos(i);
      const optimizer = await Optimizer.create(device, parameters, gradients, rangesFrom(startStep), options);
      const trunks: string[] = [];
      const norms: number[] = [];
      for (let step = from; step < 7; step++) {
        for (const i of gradients.data.keys()) gradients.data[i] = Math.sin(i + step);
        await optimizer.update(1, 0, step);
        norms.push((await optimizer.outcomes())[0]!.gradNorm);
        trunks.push(
          hash([parameters.array('trunk'), ...[...optimizer.state.values()].map((arena) => arena.array('trunk'))]),
        );
      }
      const { rangeSteps } = optimizer;
      if (rangeSteps) {
        await optimizer.resume(9, undefined, [3, 2, 1]);
        expect(optimizer.rangeSteps).toEqual([9, 9]);
        await optimizer.resume(9, undefined, [9, 2]);
        expect(optimizer.rangeSteps).toEqual([9, 2]);
      }
      await optimizer.release();
      return { trunks, norms, rangeSteps };
    };
    const late = await run(start, 0);
    const alone = await run(0, start);
    expect(new Set(late.trunks.slice(0, start)).size).toBe(1);
    expect(late.trunks.slice(start)).toEqual(alone.trunks);
    expect(late.norms[0]).toBeCloseTo(
      Math.hypot(...Array.from({ length: 40 }, (_, i) => Math.sin(i) + 1e-3 * Math.sign(Math.cos(i)))),
      5,
    );
    expect([late.rangeSteps, alone.rangeSteps]).toEqual([[7, 3], undefined]);
  },
);
