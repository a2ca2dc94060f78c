// What judges data, against an independent implementation (test/fixtures/advise/make.py) and by hand.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { confidentThresholds, labelIssues } from '#ortune/advise/confident-learning.js';
import { crossValidated, folds, learningCurve, stratifiedFolds } from '#ortune/advise/cross-validation.js';
import { countCopies } from '#ortune/advise/duplicates.js';
import { afterDoubling } from '#ortune/advise/extrapolate.js';
import { fitLogistic } from '#ortune/advise/logistic-regression.js';
import { foundOfPlanted } from '#ortune/advise/planted.js';
import { featureLearner, judge } from '#ortune/advise/probe.js';
import { spreadOf } from '#ortune/advise/spread.js';

const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../fixtures/advise/golden.json'), 'utf8'));
const { labels, classes, cases, vectors, fitted } = golden;
const size = vectors[0].length;
const wine = Float32Array.from(vectors.flat());

describe('confident learning', () => {
  it.each([0, 1])('finds the rows, classes and order of an independent implementation (%i)', (i) => {
    const { probabilities, thresholds, issues } = cases[i];
    for (const [c, threshold] of confidentThresholds(probabilities, labels, classes).entries())
      expect(threshold).toBeCloseTo(thresholds[c], 10);
    const found = labelIssues(probabilities, labels, classes);
    const plain = (all: { row: number; given: number; suggested: number }[]) =>
      all.map(({ row, given, suggested }) => ({ row, given, suggested }));
    expect(plain(found)).toEqual(plain(issues));
    for (const [k, { margin }] of found.entries()) expect(margin).toBeCloseTo(issues[k].margin, 10);
  });

  it('suggests no class that no row has, and takes no row that is likeliest of its own', () => {
    // Class 2 has no rows, however likely it is.
    expect(labelIssues([0.1, 0.2, 0.7, 0.1, 0.2, 0.7], [0, 1], 3)).toEqual([
      { row: 0, given: 0, suggested: 1, margin: expect.closeTo(-0.1, 10) },
    ]);
    expect(labelIssues([0.6, 0.4, 0.4, 0.6], [0, 1], 2)).toEqual([]);
    expect(confidentThresholds([0.1, 0.2, 0.7], [0], 3)).toEqual(Float64Array.of(0.1, Infinity, Infinity));
  });
});

describe('logistic regression', () => {
  it("comes to the probabilities of scikit-learn's solver", () => {
    const rows = vectors.map((row: number[]) => ({ values: Float64Array.from(row) }));
    const classify = fitLogistic(rows, labels, { classes, size });
    const mine = rows.flatMap((row: { values: Float64Array }) => [...classify(row)]);
    const differences = mine.map((value: number, i: number) => Math.abs(value - fitted[i]));
    const mean = differences.reduce((a: number, b: number) => a + b) / differences.length;
    expect(mean).toBeLessThan(0.02);
  });

  it('reads a vector of some places as one of all with zeros between', () => {
    const sparse = [
      { at: Uint32Array.of(1), values: Float64Array.of(1) },
      { at: Uint32Array.of(0, 2), values: Float64Array.of(0.6, 0.8) },
    ];
    const dense = [{ values: Float64Array.of(0, 1, 0) }, { values: Float64Array.of(0.6, 0, 0.8) }];
    const of = { classes: 2, size: 3 };
    expect(fitLogistic(sparse, [0, 1], of)(dense[0]!)).toEqual(fitLogistic(dense, [0, 1], of)(sparse[0]!));
  });
});

it('a strong penalty on few vectors shrinks weights, and gives numbers', () => {
  const rows = [{ values: Float64Array.of(1, 0) }, { values: Float64Array.of(0, 1) }];
  const [a, b] = fitLogistic(rows, [0, 1], { classes: 2, size: 2, penalty: 30 })(rows[0]!);
  expect(a).toBeGreaterThan(b!);
  expect(a).toBeLessThan(0.6);
});

describe('cross-validation', () => {
  it('spreads each class over all folds, and judges no row by what learnt from it', () => {
    const data = { labels: Array.from({ length: 53 }, (_, i) => Number(i % 5 === 0)), classes: 2 };
    const foldOf = stratifiedFolds(data, 1);
    for (const label of [0, 1]) {
      const own = data.labels.flatMap((one, row) => (one === label ? [foldOf[row]!] : []));
      const counts = Array.from({ length: folds }, (_, fold) => own.filter((one) => one === fold).length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
    // Says 1 of class 0 for a row that it has learnt from.
    const found = crossValidated((rows) => (row) => [rows.includes(row) ? 1 : 0, 0.5], data, 1);
    expect(found).toEqual(Float32Array.from({ length: 2 * 53 }, (_, i) => (i % 2) / 2));
  });

  it('learns from growing parts that have every class', () => {
    const learnt: Uint32Array[] = [];
    const data = { labels: Array.from({ length: 80 }, (_, i) => Number(i < 8)), classes: 2 };
    const learner = (rows: Uint32Array) => {
      learnt.push(rows);
      return () => [1, 0];
    };
    const curve = learningCurve(learner, data, 0);
    expect(learnt.map(({ length }) => length)).toEqual(curve.map(({ samples }) => samples));
    expect(curve.map(({ samples }) => samples)).toEqual([...curve.map(({ samples }) => samples)].sort((a, b) => a - b));
    for (const rows of learnt) expect(new Set([...rows].map((row) => data.labels[row]))).toEqual(new Set([0, 1]));
  });
});

describe('a judgement', () => {
  const learnerOf = (data: { labels: ArrayLike<number>; classes: number }) => featureLearner(wine, size, data, 0);

  it('finds the labels that were replaced in the wine set, and hardly another', () => {
    const { accuracy, issues, curve } = judge(learnerOf, { labels, classes }, 0);
    expect(accuracy).toBeGreaterThan(0.85);
    expect(curve).toHaveLength(4);
    const replaced = issues.filter(({ row }) => row % 12 === 0).length;
    // scikit-learn's probabilities, with as strong a penalty, find as many and no other.
    expect(replaced).toBeGreaterThanOrEqual(cases[1].issues.length);
    expect(replaced / issues.length).toBeGreaterThan(0.9);
  });

  it('knows how many of exchanged labels it finds, and that features of nothing find none', () => {
    expect(foundOfPlanted(learnerOf, { labels, classes }, 0)).toBeGreaterThan(0.6);
    const nothing = new Float32Array(wine.length).fill(1);
    const blind = (data: { labels: ArrayLike<number>; classes: number }) => featureLearner(nothing, size, data, 0);
    expect(judge(blind, { labels, classes }, 0).accuracy).toBeLessThan(0.5);
  });
});

it('the spread of features is that of their covariance and of their directions', () => {
  // Four points on as many axes: three equal eigenvalues about their mean; pairs are at right angles.
  const axes = Float32Array.from({ length: 20 }, (_, i) => Number(i % 5 === Math.floor(i / 5)));
  const { dimensions, cosine } = spreadOf(axes, 5);
  expect(dimensions).toBeCloseTo(3, 6);
  expect(cosine).toBeCloseTo(0, 6);
  const line = spreadOf(Float32Array.of(1, 2, 2, 4, 3, 6), 2);
  expect(line.dimensions).toBeCloseTo(1, 6);
  expect(line.cosine).toBeCloseTo(1, 6);
  expect(spreadOf(new Float32Array(4).fill(1), 2)).toEqual({ dimensions: 1, cosine: expect.closeTo(1, 6) });
});

describe('copies', () => {
  it('are counted within the training data and between it and others', () => {
    // Five training samples, then two of evaluation and one of test.
    const same = Uint32Array.of(0, 0, 2, 0, 4, 2, 6, 6);
    expect(countCopies(same, [1, 1, 0, 0, 1], [2, 1])).toEqual({
      within: 2,
      contradicting: 1,
      shared: [1, 0],
      contradictions: [{ row: 3, first: 0 }],
    });
  });
});

describe('a learning curve', () => {
  const point = (samples: number, accuracy: number) => ({ samples, accuracy });

  it('goes on as a power of the samples, and never falls', () => {
    expect(afterDoubling([point(100, 0.6), point(200, 0.8)])).toBeCloseTo(0.9, 12);
    expect(afterDoubling([point(100, 0.8), point(200, 0.7)])).toBe(0.7);
    expect(afterDoubling([point(100, 0.8), point(200, 1)])).toBe(1);
    expect(afterDoubling([point(100, 0.8)])).toBeUndefined();
  });
});
