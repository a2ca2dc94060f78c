// Predictions of a saved model: one that stays open, and the one-call form.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadModel, ModelError, predict, UsageError, writeEncoder } from '#ortune/index.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { temporaryDirectory } from '../support/temporary.js';

const root = temporaryDirectory('predict');

const texts = ['free cash offer', 'meeting at lunch', 'patch', 'cash for lunch and lunch for cash'];
const model = join(root, 'encoder');
writeEncoder(model, {
  layers: 1,
  hidden: 32,
  labels: ['ham', 'spam'],
  positions: 32,
  tokenizer: buildWordPiece(texts, { vocabulary: 60, minFrequency: 1 }),
});

describe('loadModel', () => {
  it('labels texts in their order, alike in every call and batch size', async () => {
    const [loaded, single] = await Promise.all([loadModel(model), loadModel(model, { batchSize: 1 })]);
    try {
      expect(loaded.labels).toEqual(['ham', 'spam']);
      const [first, second] = await Promise.all([loaded.predict(texts), loaded.predict([...texts].reverse())]);
      const alone = await single.predict(texts);
      for (const [i, { label, score }] of first.entries()) {
        expect(second[texts.length - 1 - i]!.label).toBe(label);
        expect(alone[i]!.score).toBeCloseTo(score, 5);
        expect(score).toBeGreaterThanOrEqual(0.5);
      }
      const once = await predict({ model }, texts);
      expect(once.map((p) => p.label)).toEqual(first.map((p) => p.label));
    } finally {
      await Promise.all([loaded.close(), single.close()]);
    }
  });

  it('takes pairs of texts among single ones', async () => {
    const pair = { text: 'meeting at lunch', pair: 'free cash offer' };
    const [alone, first, both, empty] = await predict({ model }, [pair, 'patch', pair, { text: 'patch', pair: '' }]);
    expect(both).toEqual(alone);
    expect(empty).toEqual(first);
  });

  it('refuses what is not there and options out of bounds', async () => {
    await expect(loadModel(join(root, 'nothing'))).rejects.toThrow(ModelError);
    await expect(loadModel(model, { batchSize: 0 })).rejects.toThrow(UsageError);
  });
});
