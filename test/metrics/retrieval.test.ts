// Figures of ranked documents against sentence-transformers' evaluators.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { RetrievalMetrics } from '#ortune/metrics/retrieval.js';

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/similarity/${name}.json`, import.meta.url), 'utf8'));

test('retrieval is measured as by InformationRetrievalEvaluator', () => {
  const { figures: names, cases } = read('retrieval');
  expect(cases.length).toBeGreaterThan(200);
  for (const { found, relevant, figures } of cases) {
    const metrics = new RetrievalMetrics();
    metrics.add({ found, relevant: new Set(relevant) });
    const result = metrics.result();
    expect(Object.keys(result)).toHaveLength(names.length);
    for (const [i, name] of names.entries()) expect(result[name]).toBeCloseTo(figures[i], 7);
  }
});

test('figures are means over the queries', () => {
  const metrics = new RetrievalMetrics();
  metrics.add({ found: [1, 2], relevant: new Set([1]) });
  metrics.add({ found: [1, 2], relevant: new Set([2]) });
  expect(metrics.result()).toMatchObject({ 'accuracy@1': 0.5, 'mrr@10': 0.75 });
});
