import { expect, test } from 'vitest';
import { type BestOptions, BestTracker } from '#ortune/train/best.js';

/** What the tracker says of values evaluated after steps 1, 2, …: 'b' better, 's' stop. */
const follow = (options: BestOptions, values: number[]) => {
  const tracker = new BestTracker(options);
  return values.map((value, i) => {
    const { better, stop } = tracker.add(i + 1, value);
    return `${better ? 'b' : ''}${stop ? 's' : ''}`;
  });
};

test('of the loss less is better, of other metrics more', () => {
  const values = [0.5, 0.4, 0.4, 0.6];
  expect(follow({ metric: 'loss' }, values)).toEqual(['b', 'b', '', '']);
  expect(follow({ metric: 'macro.f1' }, values)).toEqual(['b', '', '', 'b']);
});

test('a run ends after so many evaluations in a row that are not better', () => {
  expect(follow({ metric: 'loss', patience: 2 }, [3, 2, 2, 1, 4, 1, 0])).toEqual(['b', 'b', '', 'b', '', 's', 'b']);
  expect(follow({ metric: 'f1', patience: 1 }, [0, 0])).toEqual(['b', 's']);
});

test('the rate is reduced after every so many evaluations in a row that are not better', () => {
  const tracker = new BestTracker({ metric: 'loss', reducePatience: 2 });
  const reduced = [3, 4, 4, 4, 4, 2, 3, 3].map((value, i) => tracker.add(i + 1, value).reduce);
  expect(reduced).toEqual([false, false, true, false, true, false, false, true]);
});

test('better by no more than the threshold is not better, however slowly it adds up', () => {
  expect(follow({ metric: 'accuracy', threshold: 0.25 }, [0.25, 0.5, 0.75, 0.875])).toEqual(['b', '', 'b', '']);
  expect(follow({ metric: 'loss', threshold: 0.5, patience: 2 }, [4, 3.5, 3.25, 3])).toEqual(['b', '', 'b', '']);
});

test('what is not finite is never better, and any number is better than that', () => {
  expect(follow({ metric: 'loss', patience: 3 }, [Number.NaN, Number.POSITIVE_INFINITY, 5, Number.NaN])).toEqual([
    '',
    '',
    'b',
    '',
  ]);
  expect(follow({ metric: 'f1', patience: 2 }, [Number.NaN, Number.NaN])).toEqual(['', 's']);
});

test('a state survives JSON, and a tracker goes on from it as if nothing had happened', () => {
  const options: BestOptions = { metric: 'loss', patience: 2 };
  const values = [Number.NaN, 3, 4, 2, 2, 2];
  const expected = follow(options, values);
  for (let cut = 0; cut <= values.length; cut++) {
    const before = new BestTracker(options);
    values.slice(0, cut).forEach((value, i) => {
      before.add(i + 1, value);
    });
    const after = new BestTracker(options);
    after.restore(JSON.parse(JSON.stringify(before.state())));
    expect(after.best).toEqual(before.best);
    const rest = values.slice(cut).map((value, i) => {
      const { better, stop } = after.add(cut + i + 1, value);
      return `${better ? 'b' : ''}${stop ? 's' : ''}`;
    });
    expect(rest).toEqual(expected.slice(cut));
  }
});

test('the best is known with its step, and apart from the state', () => {
  const tracker = new BestTracker({ metric: 'f1' });
  expect(tracker.best).toBeUndefined();
  tracker.add(10, 0.5);
  const state = tracker.state();
  tracker.add(20, 0.75);
  expect(state).toEqual({ metric: 'f1', best: { step: 10, value: 0.5 }, sinceBest: 0 });
  expect(tracker.best).toEqual({ step: 20, value: 0.75 });
});

test('the best of another metric is forgotten', () => {
  const tracker = new BestTracker({ metric: 'loss', patience: 1 });
  tracker.restore({ metric: 'f1', best: { step: 10, value: 0.5 }, sinceBest: 1 });
  expect(tracker.best).toBeUndefined();
  expect(tracker.add(20, 9)).toEqual({ better: true, stop: false, reduce: false });
});
