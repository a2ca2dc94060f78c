// Metrics of a host program, without a run: what they are shown, what they may give, and what is refused.

import { describe, expect, it } from 'vitest';
import { CallbackError, UsageError } from '#ortune/errors.js';
import {
  checkOwnMetrics,
  type MetricBatch,
  type OwnFigure,
  OwnMeters,
  type OwnMetrics,
  ownDirection,
  ownFigure,
} from '#ortune/metrics/own.js';

const context = { labels: ['ham', 'spam'], samples: 3, data: 'eval' } as const;

const view = (data: Float32Array | BigInt64Array, shape: number[]) => ({
  dtype: data instanceof Float32Array ? ('float32' as const) : ('int64' as const),
  shape,
  data,
});

/** A batch of two samples in a slot of four rows, whose memory is shared. */
function batch() {
  const memory = new SharedArrayBuffer(64);
  const logits = new Float32Array(memory, 0, 8);
  logits.set([1, 2, 3, 4, 9, 9, 9, 9]);
  return {
    results: { logits: view(logits, [4, 2]), losses: view(Float32Array.of(7), [1]) },
    measured: {
      samples: Uint32Array.of(5, 6),
      inputs: new Map([
        ['input_ids', view(BigInt64Array.of(1n), [1])],
        ['labels', view(BigInt64Array.of(1n, 0n, 0n, 0n, 1n, 1n, 9n, 9n), [8])],
      ]),
      slot: { batchSize: 4 },
      location: (row: number) => `a.csv:${row}`,
    },
    logits,
  };
}

const meters = (metrics: OwnMetrics) => new OwnMeters(metrics, context);
const giving = (figure: unknown): OwnMetrics => ({ x: () => ({ add() {}, result: () => figure as OwnFigure }) });
const failing = async (metrics: OwnMetrics): Promise<unknown> => {
  try {
    const own = meters(metrics);
    const { results, measured } = batch();
    await own.add(results, measured, new Set());
    await own.result();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('a metric', () => {
  it('is shown the rows of the samples, as copies, and not the inputs of the model', async () => {
    const seen: MetricBatch[] = [];
    const own = meters({
      x: (given) => {
        expect(given).toEqual(context);
        return { add: (one) => void seen.push(one), result: () => ({ seen: seen.length }) };
      },
    });
    const { results, measured, logits } = batch();
    await own.add(results, measured, new Set(['input_ids']));
    logits.fill(0);
    expect(seen[0]).toMatchObject({
      outputs: {
        logits: { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
        losses: { dtype: 'float32', shape: [1], data: Float32Array.of(7) },
      },
      targets: { labels: { shape: [4], data: BigInt64Array.of(1n, 0n, 0n, 0n) } },
      samples: Uint32Array.of(5, 6),
    });
    expect(Object.keys(seen[0]!.targets)).toEqual(['labels']);
    expect(seen[0]!.outputs.logits!.data.buffer).toBeInstanceOf(ArrayBuffer);
    expect([0, 1, 2].map(seen[0]!.place)).toEqual(['a.csv:0', 'a.csv:1', '']);
    expect(await own.result()).toEqual({ x: { seen: 1 } });
  });

  it('that throws, or gives no figure, is named with its error', async () => {
    const cause = new TypeError('no such thing');
    const throws = (): never => {
      throw cause;
    };
    for (const metrics of [
      { x: throws },
      { x: () => ({ add: throws, result: () => 1 }) },
      { x: () => ({ add: async () => throws(), result: () => 1 }) },
      { x: { create: () => ({ add() {}, result: throws }) } },
    ]) {
      const error = await failing(metrics);
      expect(error).toBeInstanceOf(CallbackError);
      expect(error).toMatchObject({ message: 'metrics.x: it threw: no such thing', cause });
    }
    for (const [figure, found] of [
      [undefined, 'undefined'],
      ['0.5', "the text '0.5'"],
      [{}, 'an object'],
      [{ a: 1, b: null }, 'null'],
      [[1], 'a list'],
    ] as const)
      expect(((await failing(giving(figure))) as Error).message).toContain(
        `metrics.x: result() must give a number, or an object of numbers, found ${found}`,
      );
    const none = (await failing({ x: () => 1 as never })) as Error;
    expect(none.message).toBe('metrics.x: it must give { add(batch), result() }, found the number 1');
    expect(await failing(giving(Number.NaN))).toBeUndefined();
  });
});

describe('the names of metrics', () => {
  const metrics: OwnMetrics = { brier: { create: () => 0 as never, lessIsBetter: true }, kappa: () => 0 as never };

  it('say which is meant, and whether less of it is better', () => {
    expect(ownDirection('metricForBestModel', 'own.brier', metrics)).toBe(true);
    expect(ownDirection('metricForBestModel', 'own.kappa', metrics)).toBe(false);
    expect(ownDirection('metricForBestModel', 'loss', metrics)).toBeUndefined();
    expect(() => ownDirection('metricForBestModel', 'own.toString', metrics)).toThrow(
      "option 'metricForBestModel' names 'own.toString', a metric of your own; there are own.brier, own.kappa",
    );
    expect(() => ownDirection('metricForBestModel', 'own.x', {})).toThrow("none are given; give them as 'metrics'");
    const own = { brier: 0.25, by: { short: 1, long: 2 } };
    expect(ownFigure({ own }, 'own.brier')).toBe(0.25);
    expect(ownFigure({ own }, 'own.by.long')).toBe(2);
    expect(() => ownFigure({ own }, 'own.by')).toThrow('your metrics gave own.brier, own.by.short, own.by.long');
  });

  it.each([
    [[], "option 'metrics' must be an object, found a list"],
    [{ 'a.b': () => 0 }, "option 'metrics.a.b': a name is of letters, digits, - and _"],
    [{ a: 1 }, "option 'metrics.a' must be a function, or { create, lessIsBetter }, found the number 1"],
    [{ a: {} }, "option 'metrics.a': create must be a function, found undefined"],
    [{ a: { create() {}, mode: 'min' } }, "option 'metrics.a' has no 'mode'; there are create, lessIsBetter"],
    [
      { a: { create() {}, lessIsBetter: 1 } },
      "option 'metrics.a': lessIsBetter must be true or false, found the number 1",
    ],
  ])('and what they stand for are checked: %j', (wrong, message) => {
    expect(() => checkOwnMetrics(wrong)).toThrow(new UsageError(message));
  });
});
