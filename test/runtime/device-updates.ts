// The sums over micro-batches and the optimizer's update on a device against the CPU's.

import { expect } from 'vitest';
import { Accumulator } from '#ortune/optim/accumulator.js';
import { Optimizer, parameterRanges } from '#ortune/optim/optimizer.js';
import { normals } from '#ortune/random.js';
import { Arena } from '#ortune/runtime/arena.js';
import type { Device } from '#ortune/runtime/session.js';

const layout = (shapes: Record<string, number[]>) =>
  Arena.layout(Object.entries(shapes).map(([name, shape]) => ({ name, shape })));

/** Three steps of three micro-batches with both optimizers, parameters of several ranges and one that is frozen. */
export async function expectSameUpdates(cpu: Device, device: Device): Promise<void> {
  const shapes = { matrix: [37, 29], bias: [29], frozen: [50], scale: [] as number[] };
  const trained = ['matrix', 'bias', 'scale'];
  const ranges = parameterRanges(layout(shapes), ({ name }) => {
    if (name === 'frozen') return undefined;
    return name === 'scale' ? { learningRate: 1e-3, weightDecay: 0 } : { learningRate: 1e-2, weightDecay: 0.1 };
  });
  for (const options of [
    { name: 'adamw', beta1: 0.9, beta2: 0.99, epsilon: 1e-8 },
    { name: 'sgd', momentum: 0.9, nesterov: true },
  ] as const) {
    const runs = [];
    for (const on of [cpu, device]) {
      const parameters = Arena.create(layout(shapes));
      parameters.data.set(normals(1, 0, parameters.data.length));
      const gradients = parameters.like();
      const placed = await on.place(gradients, trained);
      const accumulator = await Accumulator.create(on, gradients, trained);
      const optimizer = await Optimizer.create(on, parameters, accumulator.total, ranges, options);
      const norms = [];
      for (const step of [0, 1, 2]) {
        for (const micro of [0, 1, 2]) {
          for (const name of trained) gradients.array(name).set(normals(2 + step, micro, gradients.array(name).length));
          await placed.upload();
          await accumulator.add(micro === 0);
        }
        norms.push(await optimizer.step(0.5, step === 1 ? 0 : 1));
      }
      await (await on.place(parameters)).download();
      runs.push({ norms, parameters });
      await accumulator.release();
      await optimizer.release();
    }
    const [expected, found] = runs as [(typeof runs)[0], (typeof runs)[0]];
    for (const [i, norm] of found.norms.entries()) expect(norm / expected.norms[i]!).toBeCloseTo(1, 5);
    for (const name of Object.keys(shapes))
      for (const [i, p] of found.parameters.array(name).entries())
        expect(p, name).toBeCloseTo(expected.parameters.array(name)[i]!, 6);
  }
}
