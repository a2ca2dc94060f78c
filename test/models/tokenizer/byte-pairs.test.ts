// Byte-level BPE beside Python's trainer (test/fixtures/built/byte_pairs.py), and what is written of it.

import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { buildBytePairs } from '#ortune/models/tokenizer/byte-pairs.js';

interface Golden {
  texts: string[];
  cases: { vocabulary: number; minFrequency: number; pieces: string[]; merges: [string, string][] }[];
}

const golden: Golden = JSON.parse(readFileSync('test/fixtures/built/byte-pairs.golden.json', 'utf8'));

describe('buildBytePairs', () => {
  it.each(golden.cases)('learns the pieces and merges of Python: $vocabulary, $minFrequency', (wanted) => {
    const { vocabulary, minFrequency, pieces, merges } = wanted;
    const { model } = buildBytePairs(golden.texts, { vocabulary, minFrequency }).tokenizer;
    expect(Object.entries(model.vocab).sort((a, b) => a[1] - b[1])).toEqual(pieces.map((piece, id) => [piece, id]));
    expect((model as unknown as { merges: unknown }).merges).toEqual(merges);
  });

  it('is opened by the tokenizers library, and gives every text back', () => {
    const files = buildBytePairs(golden.texts, { vocabulary: 400 });
    const tokenizer = new Tokenizer(files.tokenizer, files.config);
    for (const text of [...golden.texts, 'unseen: ß ñ 漢字 \u{1f680}']) {
      const { ids } = tokenizer.encode(text, { add_special_tokens: false });
      expect(tokenizer.decode(ids, { skip_special_tokens: true, clean_up_tokenization_spaces: false })).toBe(text);
    }
  });

  it('closes every text for an encoder and a decoder', () => {
    const files = buildBytePairs(golden.texts, { vocabulary: 400, purpose: 'seq2seq', maxLength: 32 });
    const { tokens } = new Tokenizer(files.tokenizer, files.config).encode('banana');
    expect(tokens.at(-1)).toBe('</s>');
    expect(files.config).toMatchObject({ pad_token: '<pad>', eos_token: '</s>', model_max_length: 32 });
    expect(files.tokenizer.model.vocab).toMatchObject({ '<pad>': 0, '</s>': 1 });
  });

  it('refuses a vocabulary without room for every byte, rarities that are none, and texts that are empty', () => {
    expect(() => buildBytePairs(['a'], { vocabulary: 256 })).toThrow(
      /'vocabulary' must be a whole number of at least 257/,
    );
    expect(() => buildBytePairs(['a'], { minFrequency: 0 })).toThrow(
      /'minFrequency' must be a whole number of at least 1/,
    );
    expect(() => buildBytePairs(['a'], { purpose: 'translation' as 'seq2seq' })).toThrow(
      /'purpose' must be causal-lm or/,
    );
    expect(() => buildBytePairs(['', ''])).toThrow(/every text is empty/);
  });
});
