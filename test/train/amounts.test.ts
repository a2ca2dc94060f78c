import { describe, expect, it } from 'vitest';
import { compareSchema } from '#ortune/config/compare-schema.js';
import { parseOptions } from '#ortune/config/options.js';
import { type TrainOptions, trainSchema } from '#ortune/config/train-schema.js';
import { type Amount, withAmounts } from '#ortune/train/amounts.js';

const required = { model: 'm', train: 't.jsonl', output: 'o' };
const amountsOf = (amount: Partial<Amount>, options: Partial<TrainOptions> = {}) => {
  const few = { samples: 96, stepsPerEpoch: 6, trainsHead: true };
  const { config, notes } = withAmounts(parseOptions(trainSchema, { ...required, ...options }), { ...few, ...amount });
  const { epochs, learningRate, groups } = config;
  return { epochs, learningRate, groups, notes };
};
const usual = { epochs: 3, learningRate: 5e-5, groups: [], notes: [] };

describe('where nothing says how long and how fast', () => {
  it('few samples are passed over 20 times, the head faster, and it is said', () => {
    const { groups, notes, ...rest } = amountsOf({});
    expect(rest).toEqual({ epochs: 20, learningRate: 5e-5 });
    expect(groups).toEqual([{ parameters: ['head'], learningRate: expect.closeTo(5e-5 * (20 / 3) ** 2, 12) }]);
    expect(notes).toEqual([
      "96 samples are few: 20 epochs of 6 steps, and the head's learning rate is 0.0022, that of the rest 0.00005; " +
        'epochs, maxSteps or learningRate set this',
    ]);
  });

  it('the more samples, the nearer to the usual amounts, without a jump', () => {
    const all = [1, 15, 25, 50, 75, 99, 100, 5000].map((stepsPerEpoch) => amountsOf({ stepsPerEpoch }));
    expect(all.map(({ epochs }) => epochs)).toEqual([20, 20, 12, 6, 4, 4, 3, 3]);
    expect(all.map(({ groups }) => groups[0]?.learningRate ?? 5e-5).map((rate) => Number(rate.toFixed(6)))).toEqual([
      0.002222, 0.002222, 0.0008, 0.0002, 0.000089, 0.000089, 0.00005, 0.00005,
    ]);
    expect(all.at(-1)).toEqual(usual);
  });

  it('a run without a head over classes has the usual amounts', () => {
    expect(amountsOf({ trainsHead: false })).toEqual(usual);
  });
});

describe('what is said stands', () => {
  it.each<[Partial<TrainOptions>, object]>([
    [{ epochs: 2 }, { epochs: 2 }],
    [{ epochs: 3 }, {}],
    [{ learningRate: 5e-5 }, {}],
    [{ learningRate: 1e-4 }, { learningRate: 1e-4 }],
    [{ maxSteps: 7 }, {}],
  ])('%j', (options, expected) => {
    expect(amountsOf({}, options)).toEqual({ ...usual, ...expected });
  });

  it('groups of its own, to which none is added', () => {
    const groups = [{ parameters: ['head'], learningRate: 1e-3 }];
    expect(amountsOf({}, { groups })).toMatchObject({
      ...{ epochs: 20, learningRate: 5e-5, groups },
      notes: ['96 samples are few: 20 epochs of 6 steps; epochs, maxSteps or learningRate set this'],
    });
  });
});

it('a comparison has the usual amounts, the same for all its runs', () => {
  expect(parseOptions(compareSchema, { ...required, evalSplit: 0.2 })).toMatchObject({ epochs: 3, learningRate: 5e-5 });
});
