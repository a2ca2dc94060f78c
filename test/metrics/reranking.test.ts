// Figures of reordered candidates against sentence-transformers' evaluator of cross-encoders.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { rerankingOf } from '#ortune/metrics/reranking.js';

test('candidates are measured as by CrossEncoderRerankingEvaluator', () => {
  const { cases } = JSON.parse(
    readFileSync(new URL('../fixtures/similarity/reranking.json', import.meta.url), 'utf8'),
  ) as {
    cases: { relevant: number[]; scores: number[]; map: number; 'ndcg@10': number; 'mrr@10': number | null }[];
  };
  expect(cases.length).toBeGreaterThan(200);
  for (const one of cases) {
    const found = rerankingOf(Float32Array.from(one.scores), one.relevant.map(Boolean));
    expect(found.map).toBeCloseTo(one.map, 7);
    expect(found['ndcg@10']).toBeCloseTo(one['ndcg@10'], 7);
    if (one['mrr@10'] !== null) expect(found['mrr@10']).toBeCloseTo(one['mrr@10'], 7);
  }
});

test('a score that is not a number comes last', () => {
  const found = rerankingOf(Float32Array.of(Number.NaN, 2, Number.NaN, 1), [false, false, false, true]);
  expect(found).toMatchObject({ map: 0.5, 'mrr@10': 0.5 });
});

test('a model that scores all alike has found nothing', () => {
  expect(rerankingOf(Float32Array.of(1, 1, 1, 1), [true, false, false, false])['mrr@10']).toBe(0.25);
  expect(rerankingOf(Float32Array.of(1, 2), [false, false])).toEqual({ map: 0, 'mrr@10': 0, 'ndcg@10': 0 });
});
