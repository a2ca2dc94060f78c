import { expect, test } from 'vitest';
import { continuesWord } from '#ortune/data/word-boundaries.js';

const words = (model: object, rest: object = {}) => continuesWord({ model, ...rest });

test('WordPiece marks what goes on with a word', () => {
  const continues = words({ type: 'WordPiece', vocab: { the: 0, '##s': 1, '.': 2 } });
  expect([0, 1, 2].map(continues)).toEqual([false, true, false]);
  const other = words({ type: 'WordPiece', continuing_subword_prefix: '@@', vocab: { '@@s': 0, '##s': 1 } });
  expect([0, 1].map(other)).toEqual([true, false]);
});

test('byte-level BPE marks what begins one', () => {
  const continues = words({ type: 'BPE', vocab: { Ġthe: 0, s: 1 } }, { pre_tokenizer: { type: 'ByteLevel' } });
  expect([0, 1].map(continues)).toEqual([false, true]);
});

test('so does SentencePiece, whose vocabulary is a list', () => {
  const vocab = [
    ['▁the', -1],
    ['s', -2],
  ];
  const continues = words({ type: 'Unigram', vocab }, { pre_tokenizer: { type: 'Metaspace', replacement: '▁' } });
  expect([0, 1].map(continues)).toEqual([false, true]);
});

test('a vocabulary without marks is refused', () => {
  expect(() => words({ type: 'BPE', vocab: { the: 0 } })).toThrow(
    /does not mark where words begin.*leave wholeWordMask out/,
  );
});
