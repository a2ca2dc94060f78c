// What options of sentence-similarity exclude each other, and what its columns are.

import { expect, it } from 'vitest';
import { sentenceSimilarity } from '#ortune/tasks/sentence-similarity.js';

const pairs = { task: 'sentence-similarity', textColumn: 'a', pairColumn: 'b' };

it.each([
  [{ pairColumn: undefined }, /one column makes no pair: set 'pairColumn'/],
  [{ pairColumn: 'a' }, /column 'a' is named twice/],
  [{ negativeColumns: ['c', 'b'] }, /column 'b' is named twice/],
  [{ similarityLoss: 'cosine' }, /cosine learns from scores: set 'scoreColumn'/],
  [{ similarityLoss: 'triplet', negativeColumns: ['c'], scoreColumn: 's' }, /triplet reads no scores/],
  [{ scoreColumn: 's', negativeColumns: ['c'] }, /cosent learns from pairs with scores/],
  [{ similarityLoss: 'triplet' }, /set 'negativeColumns' to one column, found 0/],
  [{ symmetric: true, scoreColumn: 's' }, /'symmetric' is for multiple-negatives, and the loss is cosent/],
  [{ margin: 1 }, /'margin' is for triplet and contrastive/],
  [{ scoreColumn: 's', weightColumn: 'w' }, /have no weight of their own/],
  [{ matryoshkaDims: [8, 8] }, /names a size twice/],
  [{ pairColumn: undefined, similarityLoss: 'supervised-contrastive' }, /learns from classes: set 'classColumn'/],
  [{ classColumn: 'k' }, /'classColumn' and 'pairColumn' contradict each other/],
  [{ pairColumn: undefined, classColumn: 'k', scoreColumn: 's' }, /'classColumn' and 'scoreColumn' contradict/],
  [{ pairColumn: undefined, classColumn: 'a' }, /'a' is named as textColumn and as classColumn/],
  [{ pairColumn: undefined, classColumn: 'k', similarityLoss: 'triplet' }, /triplet compares given pairs/],
  [{ gradientCache: true }, /for steps of several batches: set 'gradientAccumulationSteps'/],
  [{ gradientCache: true, gradientAccumulationSteps: 4, precision: 'bfloat16' }, /passed on in float32/],
  [
    { gradientCache: true, gradientAccumulationSteps: 4, scoreColumn: 's', similarityLoss: 'cosine' },
    /cosine looks at each by itself/,
  ],
])('contradicts %j', (more, says) => {
  const problems = [...sentenceSimilarity.contradictions({ ...pairs, ...more })];
  expect(problems.join('\n')).toMatch(says);
});

it('reads a column for each text, and scores for the loss alone', () => {
  expect([...sentenceSimilarity.contradictions({ ...pairs, negativeColumns: ['c', 'd'] })]).toEqual([]);
  expect(sentenceSimilarity.columns({ ...pairs, negativeColumns: ['c', 'd'] })).toEqual([
    { role: 'text', kind: 'text', name: 'a' },
    { role: 'pair', kind: 'text', name: 'b' },
    { role: 'negative0', kind: 'text', name: 'c' },
    { role: 'negative1', kind: 'text', name: 'd' },
  ]);
  expect(sentenceSimilarity.columns({ ...pairs, scoreColumn: 's' }).at(-1)).toEqual({
    role: 'score',
    kind: 'numbers',
    name: 's',
    target: true,
  });
});
