// Figures of several labels and of scores against scikit-learn and scipy: 200 drawn cases of each, and odd ones by
// name.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MultiLabelMetrics, type MultiLabelResult } from '#ortune/metrics/multi-label.js';
import { ScoreMetrics, type ScoreResult } from '#ortune/metrics/scores.js';

interface LabelGolden {
  accuracy: number;
  micro: number[];
  macro: number[];
  perSample: number[] | null;
  averagePrecision: number[];
  microAveragePrecision: number;
  rocAuc: (number | null)[];
  best: (number | null)[];
}
interface ScoreGolden {
  mse: number;
  mae: number;
  r2: number;
  rmse: number[];
  pearson: number[];
  spearman: number[];
}

const goldens: { labels: LabelGolden[]; scores: ScoreGolden[]; named: Record<string, ScoreGolden> } = JSON.parse(
  readFileSync(new URL('../fixtures/scores/figures.json', import.meta.url), 'utf8'),
);

/** The generator of make.py. */
function drawing(seed: number): (bound: number) => number {
  let state = Number((BigInt(seed) * 2654435761n + 12345n) % 2n ** 32n);
  return (bound) => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (state >>> 16) % bound;
  };
}

interface Case {
  rows: number;
  size: number;
  z: number[];
  t: number[];
}

function labelsCase(seed: number): Case {
  const below = drawing(seed);
  const [rows, size] = [3 + below(40), 1 + below(5)];
  const step = [1, 4, 16][below(3)]!;
  const share = Array.from({ length: size }, () => [0, 2, 5, 8, 10][below(5)]!);
  const [z, t]: number[][] = [[], []];
  for (let i = 0; i < rows * size; i++) {
    t!.push(Number(below(10) < share[i % size]!));
    z!.push((Math.floor(below(64) / step) * step + 6 * t![i]! - 35) / 8);
  }
  return { rows, size, z: z!, t: t! };
}

function scoresCase(seed: number): Case {
  const below = drawing(1000 + seed);
  const [rows, size] = [3 + below(40), 1 + below(3)];
  const step = [1, 8, 64][below(3)]!;
  const follows = below(2);
  const [z, t]: number[][] = [[], []];
  const value = (): number => (Math.floor(below(128) / step) * step - 64) / 16;
  for (let i = 0; i < rows * size; i++) {
    t!.push(value());
    z!.push(value() + follows * t![i]!);
  }
  return { rows, size, z: z!, t: t! };
}

const names = (size: number): string[] => Array.from({ length: size }, (_, k) => `label ${k}`);

/** In batches of seven. */
function measured<R>(
  metrics: { add(z: number[], t: number[], count: number): void; result(): R },
  { rows, size, z, t }: Case,
): R {
  for (let i = 0; i < rows; i += 7) {
    const count = Math.min(7, rows - i);
    metrics.add(z.slice(i * size, (i + count) * size), t.slice(i * size, (i + count) * size), count);
  }
  return metrics.result();
}

/** Largest difference of any figure. */
const furthest = (found: readonly number[], expected: readonly number[]): number =>
  Math.max(...found.map((value, i) => Math.abs(value - expected[i]!)));
const listOf = ({ precision, recall, f1 }: { precision: number; recall: number; f1: number }): number[] => [
  precision,
  recall,
  f1,
];

test('200 cases of several labels are measured as scikit-learn does', () => {
  for (const [seed, golden] of goldens.labels.entries()) {
    const drawn = labelsCase(seed);
    const result = measured(new MultiLabelMetrics(names(drawn.size), drawn.rows), drawn);
    const figures: [string, number[], readonly number[]][] = [
      ['accuracy', [result.accuracy], [golden.accuracy]],
      ['micro', listOf(result), golden.micro],
      ['macro', listOf(result.macro), golden.macro],
      ['samples', golden.perSample ? listOf(result.perSample) : [], golden.perSample ?? []],
      ['micro average precision', [result.microAveragePrecision], [golden.microAveragePrecision]],
      ['average precision', result.classes.map((c) => c.averagePrecision), golden.averagePrecision],
    ];
    for (const [what, found, expected] of figures)
      if (found.length > 0) expect(furthest(found, expected), `case ${seed}: ${what}`).toBeLessThan(1e-6);
    expect(result.classes.map(({ rocAuc }) => rocAuc === undefined)).toEqual(golden.rocAuc.map((a) => a === null));
    expect(result.classes.map(({ best }) => best === undefined)).toEqual(golden.best.map((a) => a === null));
    for (const [k, { rocAuc, best }] of result.classes.entries()) {
      if (rocAuc !== undefined) expect(Math.abs(rocAuc - golden.rocAuc[k]!), `case ${seed}: area`).toBeLessThan(1e-6);
      if (best) expect(Math.abs(best.f1 - golden.best[k]!), `case ${seed}: best`).toBeLessThan(1e-6);
    }
    const areas = golden.rocAuc.filter((area) => area !== null);
    const mean = areas.length === 0 ? 0.5 : areas.reduce((sum, area) => sum + area, 0) / areas.length;
    expect(Math.abs(result.rocAuc - mean)).toBeLessThan(1e-6);
    withBest(drawn, result);
  }
});

test('all pairs of sample and label are in one order, in which 0 and -0 are equal', () => {
  // Room for more samples than there are.
  const metrics = new MultiLabelMetrics(['a', 'b'], 5);
  metrics.add([0, -0, -1, 2], [1, 0, 0, 1], 2);
  expect(metrics.result().microAveragePrecision).toBeCloseTo(0.5 + 0.5 * (2 / 3), 12);
  metrics.add([-3, 3], [0, 1], 1);
  expect(metrics.result().microAveragePrecision).toBeCloseTo(2 / 3 + (1 / 3) * (3 / 4), 12);
});

/** The best thresholds give, as thresholds, the F1 that they promise. */
function withBest(drawn: Case, { classes }: MultiLabelResult): void {
  const thresholds = classes.map(({ best }) => best?.threshold ?? 0.5);
  const again = measured(new MultiLabelMetrics(names(drawn.size), drawn.rows, thresholds), drawn);
  for (const [k, { best }] of classes.entries())
    if (best) expect(again.classes[k]!.f1, `label ${k}`).toBeCloseTo(best.f1, 9);
}

function expectScores(result: ScoreResult, golden: ScoreGolden, what: string): void {
  for (const key of ['mse', 'mae', 'r2'] as const) {
    const error = Math.abs(result[key] - golden[key]) / Math.max(1, Math.abs(golden[key]));
    expect(error, `${what}: ${key}`).toBeLessThan(1e-6);
  }
  for (const key of ['rmse', 'pearson', 'spearman'] as const)
    expect(
      furthest(
        result.scores.map((one) => one[key]),
        golden[key],
      ),
      `${what}: ${key}`,
    ).toBeLessThan(1e-6);
}

test('200 cases of scores are measured as scikit-learn and scipy do', () => {
  for (const [seed, golden] of goldens.scores.entries()) {
    const drawn = scoresCase(seed);
    expectScores(measured(new ScoreMetrics(names(drawn.size), drawn.rows), drawn), golden, `case ${seed}`);
  }
});

describe('scores', () => {
  test.each([
    ['constant predictions', [2, 2, 2, 2], [1, 2, 3, 5]],
    ['constant targets', [1, 2, 3, 5], [2, 2, 2, 2]],
    ['constant targets that are met', [2, 2, 2], [2, 2, 2]],
    ['a constant that no float32 holds', [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], [1, 2, 3, 4, 5, 6, 7]],
    ['equal numbers', [1, 1, 2, 2, 3], [1, 2, 2, 3, 3]],
    ['the opposite order', [4, 3, 2, 1], [1, 2, 3, 9]],
  ])('%s', (name, z, t) => {
    const result = measured(new ScoreMetrics(['y'], z.length), { rows: z.length, size: 1, z, t });
    expectScores(result, goldens.named[name]!, name);
    expect(Object.values(result.scores[0]!).every((v) => typeof v === 'string' || Number.isFinite(v))).toBe(true);
  });
});

describe('the best threshold', () => {
  const best = (z: readonly number[], t: readonly number[]) =>
    measured(new MultiLabelMetrics(['a'], z.length), { rows: z.length, size: 1, z: [...z], t: [...t] }).classes[0]!
      .best;
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

  test('lies half way to the next score', () => {
    expect(best([3, 1, -1, -2], [1, 1, 0, 0])).toEqual({ threshold: (sigmoid(1) + sigmoid(-1)) / 2, f1: 1 });
  });

  test('of several that are as good is the highest', () => {
    // Taking the first gives 2/3, taking the first four as well.
    expect(best([4, 3, 2, 1], [1, 0, 0, 1])).toEqual({ threshold: (sigmoid(4) + sigmoid(3)) / 2, f1: 2 / 3 });
  });

  test('takes samples of equal score together', () => {
    expect(best([2, 2, 0], [1, 0, 0])!.f1).toBeCloseTo(2 / 3, 12);
  });

  test('where every sample has the label takes all', () => {
    expect(best([2, 1], [1, 1])).toEqual({ threshold: sigmoid(1) / 2, f1: 1 });
  });

  test('is none where no sample has the label', () => {
    expect(best([2, 1], [0, 0])).toBeUndefined();
  });

  test('tells apart what the sigmoid makes nearly equal', () => {
    const found = best([30, 29, -1], [1, 0, 0])!;
    expect(found.f1).toBe(1);
    expect(sigmoid(30) >= found.threshold && sigmoid(29) < found.threshold).toBe(true);
  });
});
