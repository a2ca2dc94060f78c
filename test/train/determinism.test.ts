import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { childResult } from '../support/children.js';
import { smallProblem } from '../support/small-problem.js';
import { temporaryDirectory } from '../support/temporary.js';
import { type Ran, train } from '../support/train.js';

const problem = smallProblem();
const out = temporaryDirectory('same');

let runs = 0;
const config = (more: object = {}) => ({
  model: problem.path('encoder'),
  train: problem.path('train.jsonl'),
  eval: problem.path('test.csv'),
  output: join(out, `run${runs++}`),
  epochs: 2,
  batchSize: 6,
  buckets: [6, 8],
  learningRate: 1e-2,
  threads: 2,
  seed: 5,
  ...more,
});

describe('one seed', () => {
  let first: Ran;
  beforeAll(async () => {
    first = await train(config());
  });

  it('gives the same losses and weights twice, with dropout', async () => {
    expect(first.losses).toHaveLength(2 * 11);
    const again = await train(config());
    expect(again.losses).toEqual(first.losses);
    expect(again.bits).toBe(first.bits);
    expect(again.result.metrics).toEqual(first.result.metrics);
  });

  it('gives the same weights with four workers and another number of batches ahead', async () => {
    const four = await train(config({ workers: 4, batchesAhead: 7 }));
    expect(four.losses).toEqual(first.losses);
    expect(four.bits).toBe(first.bits);
  });

  it('gives other weights than another seed, and than no dropout', async () => {
    const seed = await train(config({ seed: 6, maxSteps: 2 }));
    const dropout = await train(config({ dropout: 0, maxSteps: 2 }));
    expect(seed.losses[0]).not.toBe(first.losses[0]);
    expect(dropout.losses[0]).not.toBe(first.losses[0]);
  });
});

describe('a run', () => {
  it('has the same bits whoever loaded the runtime first', async () => {
    const run = (order: string) =>
      childResult<{ bits: string; losses: number[]; before: string[] }>('../../train/children/load-order.mjs', [
        order,
        JSON.stringify(config({ maxSteps: 8 })),
      ]);
    const first = await run('first');
    const session = await run('after-session');
    const pipeline = await run('after-pipeline');
    expect(first.losses).toHaveLength(8);
    expect(session).toEqual({ ...first, before: ['session'] });
    expect(pipeline).toEqual({ ...first, before: ['pipeline'] });
  });
});
