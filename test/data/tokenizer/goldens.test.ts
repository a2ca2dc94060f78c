// Ids and types of 2,000 strings against Python's transformers, for tokenizers of different make: hashes of blocks of
// 50, for single texts and pairs that are cut, and for words that are cut already.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { TokenizerContents } from '#ortune/data/tokenizer/as-python.js';
import { RustTokenizer } from '#ortune/data/tokenizer/rust.js';

type Json = Record<string, unknown>;
type Row = { ids: number[]; types: number[] };

interface Golden {
  files: Record<string, Json>;
  class: string;
  singles: string[];
  pairs: string[];
  words: string[];
  wordRows: boolean[];
  first: number[][];
  /** Of the vocabulary with added tokens. */
  size: number;
}

const packed = readFileSync(new URL('../../fixtures/tokenizers/tokenizers.json.gz', import.meta.url));
const { block, length, texts, tokenizers } = JSON.parse(gunzipSync(packed).toString()) as {
  block: number;
  length: number;
  texts: string[];
  tokenizers: Record<string, Golden>;
};

const contentsOf = (files: Record<string, Json>): TokenizerContents => ({
  tokenizer: files['tokenizer.json']!,
  config: files['tokenizer_config.json'],
  specialTokens: files['special_tokens_map.json'],
  addedTokens: files['added_tokens.json'],
  model: files['config.json'],
});

/** Hashes of every so manieth block of what `encode` gives for each string. */
async function blocksOf(encode: (text: string, i: number) => Promise<Row | undefined>, every = 1): Promise<string[]> {
  const hashes: string[] = [];
  for (let first = 0; first < texts.length; first += every * block) {
    const rows: unknown[] = [];
    for (const [i, text] of texts.slice(first, first + block).entries()) {
      const row = await encode(text, first + i);
      rows.push(row ? [row.ids, row.types] : null);
    }
    hashes.push(createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 16));
  }
  return hashes;
}

/** Of pairs and words. */
const every = 10;
const some = (hashes: readonly string[]): string[] => hashes.filter((_, i) => i % every === 0);

/** Python's split: white space of JavaScript but U+FEFF, and four separators and U+0085. */
const more = `${String.fromCharCode(0x1c)}-${String.fromCharCode(0x1f)}\\u0085`;
const separators = new RegExp(`(?:(?!\\ufeff)\\s|[${more}])+`);
const wordsOf = (text: string): string[] => text.split(separators).filter((word) => word !== '');

describe.each(Object.entries(tokenizers))('%s', (_, golden) => {
  const tokenizer = new RustTokenizer(contentsOf(golden.files), length);
  /** Without the token that stands for an empty row. */
  const python = async (row: Row, text: string): Promise<Row> => {
    const padded = row.ids.length === 1 && row.ids[0] === tokenizer.padId;
    return padded && (await tokenizer.inspect(text)).ids.length === 0 ? { ids: [], types: [] } : row;
  };

  test('gives the ids of single texts', async () => {
    const single = async (text: string): Promise<Row> => python(await tokenizer.encode(text), text);
    for (const [i, ids] of golden.first.entries()) expect((await single(texts[i * 37]!)).ids).toEqual(ids);
    expect(await blocksOf(single)).toEqual(golden.singles);
  });

  test('gives the ids and types of pairs', async () => {
    const second = (i: number): string => texts[(7 * i + 1) % texts.length]!;
    const pair = async (text: string, i: number) => python(await tokenizer.encode(text, second(i)), text + second(i));
    expect(await blocksOf(pair, every)).toEqual(some(golden.pairs));
  });

  test('gives the ids of words that are cut already', async () => {
    const words = async (text: string, i: number) =>
      golden.wordRows[i] ? python(await tokenizer.encodeWords(wordsOf(text)), text) : undefined;
    expect(await blocksOf(words, every)).toEqual(some(golden.words));
  });

  test('has the vocabulary of it', () => {
    expect(tokenizer.largestId + 1).toBe(golden.size);
  });
});
