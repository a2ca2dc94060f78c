// A hundred steps of every optimizer beside torch's (test/fixtures/optimizers/make.py), on the CPU and, where there is
// one, on a device: rates that change, decay and L1 of one tensor, clipping.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Optimizer, parameterRanges } from '#ortune/optim/optimizer.js';
import { type OptimizerName, optimizerFields, optimizerNames, ruleOf } from '#ortune/optim/rules.js';
import { Arena } from '#ortune/runtime/arena.js';
import { openDevice } from '#ortune/runtime/session.js';
import { describeWebgpu } from '../support/webgpu.js';

interface Golden {
  cases: {
    name: OptimizerName;
    options: object;
    learningRate: number;
    weightDecay: number;
    l1: number;
    /** After each 25th step, the matrix and then the bias. */
    weights: number[][];
  }[];
}

const golden: Golden = JSON.parse(
  readFileSync(new URL('../fixtures/optimizers/optimizers.json', import.meta.url), 'utf8'),
);
const steps = 100;
const layout = Arena.layout([
  { name: 'matrix', shape: [5, 7] },
  { name: 'bias', shape: [7] },
]);

/** The largest deviation over all weights and steps. */
async function deviation(on: 'cpu' | 'webgpu', { name, options, learningRate, ...golden }: Golden['cases'][number]) {
  const device = await openDevice(on, { threads: 1 });
  try {
    const parameters = Arena.create(layout);
    const gradients = parameters.like();
    const tensors = layout.map(({ name }) => ({ p: parameters.array(name), g: gradients.array(name) }));
    const each = (change: (tensor: (typeof tensors)[number], at: number, i: number) => void): void => {
      let i = 0;
      for (const tensor of tensors) for (let at = 0; at < tensor.p.length; at++) change(tensor, at, i++);
    };
    each(({ p }, at, i) => {
      p[at] = Math.cos(0.9 * i);
    });
    const [placed, placedGradients] = [await device.place(parameters), await device.place(gradients)];
    const ranges = parameterRanges(layout, ({ name }) => ({
      learningRate,
      weightDecay: name === 'matrix' ? golden.weightDecay : 0,
      l1: name === 'matrix' ? golden.l1 : 0,
    }));
    const rule = ruleOf(name).options(z.object(optimizerFields).parse(options));
    const optimizer = await Optimizer.create(device, parameters, gradients, ranges, rule);
    let worst = 0;
    for (let t = 0; t < steps; t++) {
      each(({ p, g }, at, i) => {
        g[at] = 0.3 * p[at]! + Math.sin(0.7 * i + 1.3 * t);
      });
      await placedGradients.upload();
      await optimizer.step(1 - (0.5 * t) / steps, 3);
      await placed.download();
      if (t % 25 < 24) continue;
      const expected = golden.weights[Math.floor(t / 25)]!;
      each(({ p }, at, i) => {
        worst = Math.max(worst, Math.abs(p[at]! - expected[i]!));
      });
    }
    await optimizer.release();
    return worst;
  } finally {
    await device.close();
  }
}

const titled = golden.cases.map((c) => [c.name, JSON.stringify(c.options), c] as const);

it('there is one for every optimizer', () => {
  expect([...new Set(golden.cases.map(({ name }) => name))].sort()).toEqual([...optimizerNames].sort());
});

describe('on the CPU', () => {
  it.each(titled)('%s %s', async (_name, _options, golden) => {
    expect(await deviation('cpu', golden)).toBeLessThan(1e-6);
  });
});

describeWebgpu('on a device', () => {
  it.each(titled)('%s %s', async (_name, _options, golden) => {
    expect(await deviation('webgpu', golden)).toBeLessThan(1e-5);
  });
});
