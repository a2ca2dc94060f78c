// The update on a device: steps are told one after another and their outcomes read later, a bad one changes nothing,
// and the scale of the loss goes with them.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { newScaling, type Scaling } from '#ortune/optim/loss-scale.js';
import { Optimizer, parameterRanges, type UpdateOptions } from '#ortune/optim/optimizer.js';
import type { OptimizerOptions } from '#ortune/optim/rules.js';
import { lossEntry } from '#ortune/optim/update.js';
import { normals } from '#ortune/random.js';
import { Arena } from '#ortune/runtime/arena.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { describeWebgpu } from '../support/webgpu.js';

const adamw: OptimizerOptions = { name: 'adamw', beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };
const shapes = [
  { name: 'matrix', shape: [5, 7] },
  { name: 'bias', shape: [7] },
];

/** What a step is given: gradients of a seed with this loss, or with these elements in place of the first. */
interface Step {
  seed: number;
  loss?: number;
  first?: number;
}

describeWebgpu('an update on a device', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('webgpu');
  });
  afterAll(() => device.close());

  async function problem(updating: UpdateOptions) {
    const parameters = Arena.create(Arena.layout(shapes));
    parameters.data.set(normals(1, 0, parameters.data.length));
    const gradients = Arena.create(Arena.layout([...shapes, { name: lossEntry, shape: [] }]));
    const [p, g] = [await device.place(parameters), await device.place(gradients)];
    const ranges = parameterRanges(Arena.layout(shapes), () => ({ learningRate: 1e-2, weightDecay: 0.1 }));
    const optimizer = await Optimizer.create(device, parameters, gradients, ranges, adamw, updating);
    return {
      optimizer,
      async tell({ seed, loss = 1, first }: Step): Promise<void> {
        for (const { name } of shapes) gradients.array(name).set(normals(seed, 1, gradients.array(name).length));
        if (first !== undefined) gradients.array('matrix')[0] = first;
        gradients.array(lossEntry)[0] = loss;
        await g.upload();
        await optimizer.update(1, 1);
      },
      async load(weights: Float32Array): Promise<void> {
        parameters.data.set(weights);
        await p.upload();
      },
      async weights(): Promise<Float32Array> {
        await p.download();
        return parameters.data.slice();
      },
    };
  }

  it('keeps the outcomes of as many steps as it was made for', async () => {
    const { optimizer, tell } = await problem({ outcomes: 3 });
    for (const [i, loss] of [3, 2, 1].entries()) await tell({ seed: i, loss });
    await expect(tell({ seed: 4 })).rejects.toThrow('were not asked for');
    const outcomes = await optimizer.outcomes();
    expect(outcomes.map(({ loss }) => loss)).toEqual([3, 2, 1]);
    for (const { gradNorm, bad } of outcomes) {
      expect(gradNorm).toBeGreaterThan(0);
      expect(bad).toBeUndefined();
    }
    expect(optimizer.steps).toBe(3);
    expect(await optimizer.outcomes()).toEqual([]);
    await tell({ seed: 5, loss: 7 });
    expect((await optimizer.outcomes()).map(({ loss }) => loss)).toEqual([7]);
    await optimizer.release();
  });

  it.each([
    ['a gradient', { seed: 2, first: Number.NaN }, /^the gradient norm \(NaN\)$/],
    ['a gradient', { seed: 2, first: Number.POSITIVE_INFINITY }, /^the gradient norm \(Infinity\)$/],
    ['the loss', { seed: 2, loss: Number.NaN }, /^the loss \(NaN\)$/],
    ['the loss', { seed: 2, loss: Number.NEGATIVE_INFINITY }, /^the loss \(-Infinity\)$/],
  ])('passes over a step of which %s is not finite: %#', async (_, bad, said) => {
    const [with_, without] = [await problem({ outcomes: 3 }), await problem({ outcomes: 3 })];
    await with_.tell({ seed: 1 });
    const before = await with_.weights();
    await with_.tell(bad);
    expect(await with_.weights()).toEqual(before);
    await with_.tell({ seed: 3 });
    for (const seed of [1, 3]) await without.tell({ seed });
    expect(await with_.weights()).toEqual(await without.weights());
    const outcomes = await with_.optimizer.outcomes();
    expect(outcomes.map((o) => o.bad)).toEqual([undefined, expect.stringMatching(said), undefined]);
    await without.optimizer.outcomes();
    expect(with_.optimizer.steps).toBe(2);
    await with_.optimizer.release();
    await without.optimizer.release();
  });

  it('halves the scale of the loss where gradients overflow, and doubles it after many good steps', async () => {
    const { optimizer, tell } = await problem({ outcomes: 4, scaled: true });
    expect(optimizer.scaling).toEqual(newScaling());
    const { scale } = newScaling();
    await tell({ seed: 1 });
    await tell({ seed: 2, first: Number.POSITIVE_INFINITY });
    await tell({ seed: 3 });
    expect((await optimizer.outcomes()).map(({ lossScale }) => lossScale)).toEqual([scale, scale, scale / 2]);
    expect(optimizer.scaling).toEqual({ scale: scale / 2, goodSteps: 1 });
    await optimizer.resume(optimizer.steps, { scale: scale / 2, goodSteps: 199 });
    await tell({ seed: 4 });
    await optimizer.outcomes();
    expect(optimizer.scaling).toEqual({ scale, goodSteps: 0 });
    // It goes neither below 1 nor beyond 2^24.
    await optimizer.resume(optimizer.steps, { scale: 1, goodSteps: 3 });
    await tell({ seed: 5, first: Number.NaN });
    await optimizer.outcomes();
    expect(optimizer.scaling).toEqual({ scale: 1, goodSteps: 0 });
    await optimizer.resume(optimizer.steps, { scale: 2 ** 24, goodSteps: 199 });
    await tell({ seed: 6 });
    await optimizer.outcomes();
    expect(optimizer.scaling).toEqual({ scale: 2 ** 24, goodSteps: 0 });
    await optimizer.release();
  });

  it('goes on from what it says of itself to the same bits', async () => {
    const whole = await problem({ outcomes: 8, scaled: true });
    const steps: Step[] = [1, 2, 3, 4, 5, 6].map((seed) => ({ seed }));
    for (const step of steps) await whole.tell(step);
    const [before, after] = [
      await problem({ outcomes: 8, scaled: true }),
      await problem({ outcomes: 8, scaled: true }),
    ];
    for (const step of steps.slice(0, 3)) await before.tell(step);
    await before.optimizer.outcomes();
    const state = { steps: before.optimizer.steps, scaling: before.optimizer.scaling as Scaling };
    // The state and the weights as a checkpoint carries them.
    for (const [name, arena] of before.optimizer.state) {
      await (await device.place(arena)).download();
      const to = after.optimizer.state.get(name)!;
      to.data.set(arena.data);
      await (await device.place(to)).upload();
    }
    await after.load(await before.weights());
    await after.optimizer.resume(state.steps, state.scaling);
    for (const step of steps.slice(3)) await after.tell(step);
    expect(await after.weights()).toEqual(await whole.weights());
    for (const { optimizer } of [whole, before, after]) await optimizer.release();
  });
});
