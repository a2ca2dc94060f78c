// Products of bfloat16 on the CPU, through the library: the course of the loss is float32's but for the rounding, with
// the same bits for any number of threads, and a stopped run goes on to them.

import { beforeAll, describe, expect, it } from 'vitest';
import type { Precision } from '#ortune/lower/target.js';
import { openDevice } from '#ortune/runtime/devices.js';
import { addon, type InstructionSet, setsOfBfloat16 } from '#ortune/runtime/native.js';
import { precisionsOf, supportedPrecision } from '#ortune/runtime/precision.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, type Ran, train } from '../support/train.js';

// Wide enough that the products of its layers are worth packing.
const { path } = smallProblem({ hidden: 128 });
const config = newRuns(path, { maxSteps: 20, batchSize: 16, dropout: 0.1 });
const half = { precision: 'bfloat16' } as const;

describe('a run in bfloat16 on the CPU', () => {
  let whole: Ran;
  beforeAll(async () => {
    whole = await train(config(half));
  });

  it('follows the run in float32 for 20 steps, and is another', async () => {
    const { losses } = await train(config());
    expect(whole.losses).toHaveLength(20);
    expect(whole.losses).not.toEqual(losses);
    for (const [i, loss] of losses.entries())
      expect(Math.abs(whole.losses[i]! - loss) / loss, `step ${i + 1}`).toBeLessThan(2e-2);
  });

  it('has the same bits with other threads', async () => {
    const { bits, losses } = await train(config({ ...half, threads: 2 }));
    expect({ bits, losses }).toEqual({ bits: whole.bits, losses: whole.losses });
  });

  it('that was stopped goes on to the same bits', async () => {
    const options = config(half);
    const stop = new AbortController();
    const before = await train(options, { signal: stop.signal, onStep: (step) => step === 7 && stop.abort() });
    const after = await train({ ...options, resume: 'latest' });
    expect([...before.losses, ...after.losses]).toEqual(whole.losses);
    expect(after.bits).toBe(whole.bits);
  });

  it('is another run than one in float32, which it is not resumed as', async () => {
    const options = config({ ...half, maxSteps: 2 });
    await train(options);
    await expect(train({ ...options, precision: 'float32', resume: 'latest' })).rejects.toThrow(/precision/);
  });
});

describe('bfloat16 on a processor', () => {
  /** What is chosen under the kernels of an instruction set. */
  async function chosen(set: InstructionSet, wanted: Precision, deviceIsFree: boolean) {
    const before = addon().instructionSet();
    const device = await openDevice('cpu', { threads: 1 });
    addon().useInstructionSet(set);
    try {
      return { ...(await supportedPrecision(device, wanted, deviceIsFree)), all: await precisionsOf(device) };
    } finally {
      addon().useInstructionSet(before);
      await device.close();
    }
  }

  it('without instructions for it is left out by auto, and works where the CPU was asked for, which is said', async () => {
    const all = ['float32'];
    expect(await chosen('baseline', 'bfloat16', true)).toEqual({
      precision: 'float32',
      note: 'precision is float32: cpu does not compute in bfloat16',
      all,
    });
    expect(await chosen('baseline', 'bfloat16', false)).toEqual({
      precision: 'bfloat16',
      note:
        'precision bfloat16 makes nothing faster here: this processor has no instructions for products of bfloat16 ' +
        '(AVX512_BF16), so that operands are only rounded',
      all,
    });
  });

  it.each(
    addon()
      .instructionSets()
      .filter((set) => setsOfBfloat16.includes(set)),
  )('with instructions for it (%s) is as good as asked for', async (set) => {
    for (const free of [true, false])
      expect(await chosen(set, 'bfloat16', free)).toEqual({ precision: 'bfloat16', all: ['float32', 'bfloat16'] });
  });
});
