import { expect, it } from 'vitest';
import { unigramPerplexity } from '../../../models/tiny-en/unigram.mjs';

it('is the size of the vocabulary where nothing was read', () => {
  expect(unigramPerplexity([], [[2, 3, 4]], 8, 1)).toBeCloseTo(8);
});

it('is exp of the mean surprise with one added to every count, without unknown tokens', () => {
  const surprise = -(Math.log(3 / 8) + Math.log(1 / 8)) / 2;
  expect(unigramPerplexity([[2, 2, 1], [3]], [[2], [1, 4]], 5, 1)).toBeCloseTo(Math.exp(surprise));
});
