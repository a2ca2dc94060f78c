// Where tokens stand in 5,000 strings, against Python's tokenizers: hashes of blocks of 50 over ids, texts, word ids
// and UTF-16 places of all windows, for single texts, pairs whose second text is cut, and words that are cut already.
// All strings for a tokenizer of each kind, some of them for the others; every 10th block of pairs and words.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { TokenizerContents } from '#ortune/data/tokenizer/as-python.js';
import { isOwned, type Window } from '#ortune/data/tokenizer/encoded.js';
import { RustTokenizer } from '#ortune/data/tokenizer/rust.js';

type Json = Record<string, unknown>;

interface Golden {
  singles: string[];
  pairs: string[];
  words: string[] | null;
  noPair: number[];
  first: unknown[];
}

const folder = new URL('../../fixtures/tokenizers/', import.meta.url);
const made = JSON.parse(gunzipSync(readFileSync(new URL('tokenizers.json.gz', folder))).toString()) as {
  texts: string[];
  tokenizers: Record<string, { files: Record<string, Json> }>;
};
const goldens = JSON.parse(readFileSync(new URL('offsets.json', folder), 'utf8')) as {
  block: number;
  length: number;
  stride: number;
  pairStride: number;
  question: number;
  shown: number[];
  count: number;
  whole: string[];
  tokenizers: Record<string, Golden>;
};
const { block, length, stride, pairStride, question, count } = goldens;

/** As make-offsets.py puts them together. */
function further(i: number): string {
  const [one, two] = [30 + ((i * 7) % 1900), 30 + ((i * 13 + 5) % 1900)].map((at) => [...made.texts[at]!]);
  const [a, b] = [i % Math.max(1, one!.length), (i * 3) % Math.max(1, two!.length)];
  return one!.slice(a, a + 40).join('') + two!.slice(b, b + 30).join('');
}

const short = made.texts.map((text) => [...text].slice(0, 400).join(''));
const texts = [...short, ...Array.from({ length: count - made.texts.length }, (_, i) => further(i))];
const questionOf = (i: number): string => [...texts[(7 * i + 1) % count]!].slice(0, question).join('');

function open(name: string): RustTokenizer {
  const { files } = made.tokenizers[name]!;
  const contents: TokenizerContents = {
    tokenizer: files['tokenizer.json']!,
    config: files['tokenizer_config.json'],
    specialTokens: files['special_tokens_map.json'],
    addedTokens: files['added_tokens.json'],
    model: files['config.json'],
  };
  return new RustTokenizer(contents, length);
}

/** Python's split. */
const separators = new RegExp(`(?:(?!\\ufeff)\\s|[${String.fromCharCode(0x1c)}-${String.fromCharCode(0x1f)}\\u0085])+`);
const wordsOf = (text: string): string[] => text.split(separators).filter((word) => word !== '');

/** Without the token that stands for an empty row. */
const rowOf = ({ ids, texts: of, words, places, total }: Window, { padId }: RustTokenizer): unknown[] =>
  total === 0 && ids.length === 1 && ids[0] === padId ? [[], [], [], []] : [ids, of, words, places];

/** Hashes of every so manieth block. */
async function blocksOf(
  tokenizer: RustTokenizer,
  windows: (i: number) => Promise<Window[]> | undefined,
  every: number,
): Promise<string[]> {
  const hashes: string[] = [];
  for (let first = 0; first < count; first += every * block) {
    const rows: unknown[] = [];
    for (let i = first; i < first + block; i++)
      rows.push((await windows(i))?.map((window) => rowOf(window, tokenizer)) ?? null);
    hashes.push(createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 12));
  }
  return hashes;
}

describe.each(Object.entries(goldens.tokenizers))('%s', (name, golden) => {
  const tokenizer = open(name);
  const every = goldens.whole.includes(name) ? 1 : 20;

  test('says where the tokens of texts stand', async () => {
    for (const [k, i] of goldens.shown.entries()) {
      const [window] = await tokenizer.windows({ text: texts[i]! }, { stride });
      expect(rowOf(window!, tokenizer)).toEqual(golden.first[k]);
    }
    expect(await blocksOf(tokenizer, (i) => tokenizer.windows({ text: texts[i]! }, { stride }), every)).toEqual(
      golden.singles,
    );
  });

  test('says where the tokens of pairs stand', async () => {
    const windows = (i: number) =>
      golden.noPair.includes(i)
        ? undefined
        : tokenizer.windows({ text: questionOf(i), pair: texts[i]! }, { stride: pairStride });
    expect(await blocksOf(tokenizer, windows, 10)).toEqual(golden.pairs);
  });

  if (golden.words)
    test('has the windows and word ids of words that are cut already', async () => {
      const windows = (i: number) => {
        const words = wordsOf(texts[i]!);
        return words.length === 0 ? undefined : tokenizer.windows({ words }, { stride });
      };
      expect(await blocksOf(tokenizer, windows, 10)).toEqual(golden.words);
    });
});

describe('windows', () => {
  const tokenizer = open('bert-cased');
  const text = 'the sound of 👍🏽 places 😀 before the other line '.repeat(30);

  test('give each token of the text to one window, by the context that it has there', async () => {
    const windows = await tokenizer.windows({ text }, { stride });
    expect(windows.length).toBeGreaterThan(3);
    const owners = new Uint8Array(windows[0]!.total);
    for (const window of windows) {
      const own = window.texts.filter((of) => of >= 0).length;
      for (let at = 0; at < own; at++) if (isOwned(at, own, window)) owners[window.from + at]!++;
    }
    expect(owners.every((times) => times === 1)).toBe(true);
  });

  test('of lists of words are as many as are counted', async () => {
    const lists = texts.slice(0, 120).map(wordsOf);
    const counts: number[] = [];
    for (const words of [...lists, ...lists.slice(0, 20), []]) {
      const found = await tokenizer.windows({ words }, { stride });
      counts.push(await tokenizer.windowCount({ words }, { stride }));
      expect(counts.at(-1)).toBe(found.length);
      if (tokenizer.surelyFits(words)) expect(found.length).toBe(1);
    }
    expect([Math.min(...counts), Math.max(...counts) > 1]).toEqual([1, true]);
    expect(tokenizer.surelyFits(['a word that was never counted'])).toBe(false);
  });

  test('cut the text at the places of its tokens', async () => {
    for (const { ids, texts: of, places } of await tokenizer.windows({ text }, { stride }))
      for (const [i, id] of ids.entries()) {
        const piece = text.slice(places[2 * i], places[2 * i + 1]);
        const token = tokenizer.tokenOf(id);
        if (of[i]! >= 0 && token !== '[UNK]') expect(piece).toBe(token.replace(/^##/, ''));
      }
  });

  test('have no more in common than half of what fits', async () => {
    const [first, second] = await tokenizer.windows({ text }, { stride: 1000 });
    expect(second!.from).toBe((first!.ids.length - 2) / 2);
  });

  test('of a pair need room for the second text', async () => {
    await expect(tokenizer.windows({ text, pair: 'a' }, { stride })).rejects.toThrow(/leave no room for the second/);
  });

  test('need room for a token', async () => {
    const small = new RustTokenizer({ tokenizer: made.tokenizers['bert-cased']!.files['tokenizer.json']! }, 2);
    await expect(small.windows({ text }, { stride })).rejects.toThrow(/2 special tokens leave no room in 2 tokens/);
  });
});
