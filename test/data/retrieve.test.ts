// Texts of a corpus for others, against scores of the formula written out in Python and held against bm25s
// (fixtures/retrieve/make.py); and the files that are read and written.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, test } from 'vitest';
import { retrieveTexts } from '#ortune/commands/retrieve.js';
import { parseOptions } from '#ortune/config/options.js';
import { retrieveSchema } from '#ortune/config/retrieve-schema.js';
import { bestTexts } from '#ortune/data/retrieve/best.js';
import { wordsOf } from '#ortune/data/retrieve/bm25.js';
import { best, bm25 } from '../../bench/bm25.mjs';
import { temporaryDirectory } from '../support/temporary.js';

interface Golden {
  corpus: string[];
  cases: { query: string; best: number[]; scores: number[] }[];
}
const golden: Golden = JSON.parse(readFileSync(new URL('../fixtures/retrieve/bm25.json', import.meta.url), 'utf8'));

/** Some at a time, as files are read. */
const inBlocks = (texts: readonly string[], size: number) =>
  async function* () {
    for (let at = 0; at < texts.length; at += size) yield texts.slice(at, at + size);
  };

describe('the best texts of a corpus', () => {
  it('are those of the formula, with its scores', async () => {
    const { corpus, cases } = golden;
    const queries = cases.map(({ query }) => query);
    const found = await bestTexts(queries, inBlocks(corpus, 37), 10);
    for (const [i, answers] of found.entries()) {
      const { query, best, scores } = cases[i]!;
      expect(
        answers.map(({ document }) => document),
        query,
      ).toEqual(best);
      for (const [k, { score }] of answers.entries()) expect(score).toBeCloseTo(scores[k]!, 9);
    }
  });

  it('are the same where what cannot be among them is passed over', async () => {
    const letters = 'abcdefghijklmnopqrstuvwxyz';
    // A small generator: words of one letter, early ones much more often.
    let state = 7;
    const next = (): number => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    const text = (most: number): string =>
      Array.from({ length: 1 + Math.floor(next() * most) }, () => letters[Math.floor(26 * next() ** 3)]).join(' ');
    const corpus = Array.from({ length: 3000 }, () => text(12));
    const queries = Array.from({ length: 30 }, () => text(8));
    const scores = bm25(corpus);
    for (const most of [1, 5]) {
      const found = await bestTexts(queries, inBlocks(corpus, 500), most);
      for (const [i, query] of queries.entries()) {
        const expected = best(scores(query), most).map((document) => scores(query).get(document));
        expect(found[i]!.map(({ score }) => score)).toEqual(expected.map((score) => expect.closeTo(score!, 9)));
      }
    }
  });

  it('of equal ones the earlier; none for a query without words; fewer where there are fewer', async () => {
    const corpus = inBlocks(['a b', 'a b', 'c', 'a b'], 2);
    const places = async (query: string, most: number): Promise<number[]> =>
      (await bestTexts([query], corpus, most))[0]!.map(({ document }) => document);
    expect(await places('b', 2)).toEqual([0, 1]);
    expect(await places('c', 2)).toEqual([2]);
    expect(await places('?!', 2)).toEqual([]);
    expect(await places('d', 2)).toEqual([]);
  });
});

test.each([
  ['Two WORDS, one-half: 3.5%', 'two words one half 3 5'],
  ['Straße E\u0301te\u0301 हिन्दी', 'straße été हिन्दी'],
  ['北京大学 and 山', '北京 京大 大学 and 山'],
])('words of %s', (text, expected) => {
  expect(wordsOf(text).join(' ')).toBe(expected);
});

describe('ortune retrieve', () => {
  const directory = temporaryDirectory('retrieve');
  const write = (name: string, content: string | Uint8Array): string => {
    const file = join(directory, name);
    writeFileSync(file, content);
    return file;
  };
  const jsonl = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const corpus = jsonl([{ text: 'a tall tree' }, { text: 'rain' }, { text: 'a red fox' }, { text: 'a tall tree' }]);
  const queries = write('task.csv', 'title,body\nA fox,runs\nA tree,stands\nA fox,runs\n');
  const retrieve = (options: object) =>
    retrieveTexts(parseOptions(retrieveSchema, { data: queries, textColumn: 'title', ...options }));

  it.each([
    ['corpus.jsonl', corpus],
    ['corpus.jsonl.gz', gzipSync(corpus)],
    ['corpus.csv', 'text\na tall tree\nrain\na red fox\na tall tree\n'],
  ])('writes the chosen texts of %s, each once, in their order', async (name, content) => {
    const output = join(directory, 'chosen.jsonl');
    const options = { corpus: write(name, content), corpusColumn: 'text', top: 1, output };
    expect(await retrieve({ ...options, pairColumn: 'body' })).toMatchObject({ queries: 2, documents: 4, texts: 2 });
    expect(readFileSync(output, 'utf8')).toBe('{"text":"a tall tree"}\n{"text":"a red fox"}\n');
  });

  it.each([
    [{ corpus: 'no-such.jsonl' }, 'cannot be read'],
    [{ corpus: write('none.jsonl', '{"text":"snow"}\n'), corpusColumn: 'text' }, 'no text has a word of those of'],
    [{ corpus: write('damaged.jsonl', '{"text":"a"}\n{"text":'), corpusColumn: 'text' }, 'damaged.jsonl:2'],
    [{ corpus: write('other.jsonl', '{"body":"a"}\n'), corpusColumn: 'text' }, "no column 'text'; found 'body'"],
  ])('refuses %j and writes nothing', async (options, message) => {
    const output = join(directory, 'refused.jsonl');
    await expect(retrieve({ ...options, output })).rejects.toThrow(message);
    expect(existsSync(output)).toBe(false);
  });
});
