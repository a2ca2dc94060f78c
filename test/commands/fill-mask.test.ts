// Masks of texts, filled in: by token, probability and text as the pipeline of the transformers library does it.

import { join } from 'node:path';
import { env, pipeline } from '@xenova/transformers';
import { afterAll, describe, expect, it } from 'vitest';
import { type LoadedModel, loadModel } from '#ortune/commands/predict.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import type { FilledMask, MaskPrediction } from '#ortune/tasks/fill-mask.js';
import { temporaryDirectory } from '../support/temporary.js';

env.allowRemoteModels = false;

const tinyEn = join(import.meta.dirname, '../../models/tiny-en');
const one = [
  'a bird that can not [MASK] .',
  '[MASK]',
  'the [MASK] of a very long text, so that the others of its batch are padded; it has nothing else to say',
];

let open: LoadedModel | undefined;
const model = async (): Promise<LoadedModel> => {
  open ??= await loadModel(tinyEn, { topK: 4 });
  return open;
};
afterAll(() => open?.close());

describe('masks', () => {
  it('are filled in as the pipeline does it', async () => {
    const found = await (await model()).predict<MaskPrediction>(one);
    const fill = await pipeline('fill-mask', tinyEn, { dtype: 'fp32' });
    for (const [i, text] of one.entries()) {
      const [expected] = [(await fill(text, { top_k: 4 })) as unknown as Piped[]];
      expect(found[i]!.masks).toHaveLength(1);
      const [tokens] = found[i]!.masks;
      expect(tokens!.map(({ id, token, sequence }) => [id, token, sequence])).toEqual(
        expected!.map((p) => [p.token, p.token_str, p.sequence]),
      );
      for (const [k, { score }] of tokens!.entries()) expect(Math.abs(score - expected![k]!.score)).toBeLessThan(1e-4);
    }
    await fill.dispose();
  });

  it('may be several in a text, each with tokens of its own', async () => {
    const [both, single] = await (await model()).predict<MaskPrediction>([
      'the [MASK] of the [MASK] .',
      'the [MASK] of the house .',
    ]);
    expect(both!.masks.map(({ length }) => length)).toEqual([4, 4]);
    expect(single!.masks).toHaveLength(1);
    const [first, second] = both!.masks.map(([likeliest]) => likeliest!) as [FilledMask, FilledMask];
    expect(first.sequence).toContain(`the ${first.token} of the [MASK]`);
    expect(second.sequence).toContain(`the [MASK] of the ${second.token}`);
    for (const tokens of both!.masks) {
      const scores = tokens.map(({ score }) => score);
      expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    }
  });

  it('are named where they are not there, and the others are filled in', async () => {
    const found = await (await model()).predict<MaskPrediction>(['no mask', one[0]!, '', one[1]!]);
    expect(found.map(({ masks }) => masks.length)).toEqual([0, 1, 0, 1]);
    for (const i of [0, 2]) expect(found[i]!.error).toMatch(/there is no mask in the text; write the mask token/);
    expect(found[1]).toEqual((await (await model()).predict<MaskPrediction>([one[0]!]))[0]);
  });

  it('are one line for each text', async () => {
    const loaded = await model();
    const [found] = await loaded.predict<MaskPrediction>(['the [MASK] of the [MASK] .']);
    const line = loaded.show(found!, 'a text').split('\t');
    expect(line).toHaveLength(3);
    expect(line[1]).toMatch(/^\S+ 0\.\d{4}(, \S+ 0\.\d{4}){3}$/);
  });
});

interface Piped {
  token: number;
  token_str: string;
  score: number;
  sequence: string;
}

it('a mask that is cut off is named as such, and no more tokens are given than there are', async () => {
  const directory = temporaryDirectory('fill-mask');
  const tokenizer = buildWordPiece(['one two three'], { vocabulary: 30, minFrequency: 1, maxLength: 8 });
  const size = { layers: 1, hidden: 8, heads: 2, positions: 8, dropout: 0, tokenizer } as const;
  writeEncoder(join(directory, 'm'), { ...size, head: 'language-model' });
  const loaded = await loadModel(join(directory, 'm'), { topK: 1000, task: 'masked-lm' });
  try {
    const [cut, short] = await loaded.predict<MaskPrediction>(['one two three one two three one two [MASK]', '[MASK]']);
    expect(cut!.error).toMatch(/no mask in the text, or it was cut off/);
    const [tokens] = short!.masks;
    expect(tokens!.length).toBeLessThan(60);
    expect(tokens!.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 5);
  } finally {
    await loaded.close();
  }
});
