// The tokenizing process: what a tokenizer.json of others may take of it, and what becomes of its end.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { TokenizerEnded, TokenizerProcess } from '#ortune/data/tokenizer/process.js';
import type { TextEncoding } from '#ortune/data/tokenizer/protocol.js';
import { itWhere, noProc } from '../../support/describe-where.js';
import { sampleWords, wordPiece, writeTokenizer } from '../../support/tokenizers.js';

const { tokenizer, config } = wordPiece(sampleWords);
const most = { seconds: 0.5, bytes: 2 ** 28 };
const open: TokenizerProcess[] = [];

function processOf(changes: object, more: Partial<TextEncoding> = {}): TokenizerProcess {
  const general = { ...config, tokenizer_class: 'PreTrainedTokenizerFast' };
  const directory = writeTokenizer({ ...tokenizer, ...changes }, general);
  const made = new TokenizerProcess({ directory, maxLength: 16, most, ...more });
  open.push(made);
  return made;
}
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

const texts = (...all: string[]) => ({ kind: 'texts' as const, texts: all.map((text) => [text, ''] as const) });
const replace = (Regex: string, content: string) => ({ type: 'Replace', pattern: { Regex }, content });
const sequence = (...normalizers: object[]) => ({ normalizer: { type: 'Sequence', normalizers } });
const letters = 'a'.repeat(60);

describe('a tokenizer.json', () => {
  test.each([
    ['whose normaliser backtracks without end', sequence(replace('(a|aa)+$', 'b'))],
    ['whose normaliser nests repetitions', sequence(replace('((a+)+)+c', 'b'))],
    [
      'whose splitting backtracks without end',
      {
        pre_tokenizer: { type: 'Split', pattern: { Regex: '(a|aa)+c|(a|aa)+d' }, behavior: 'Isolated', invert: false },
      },
    ],
  ])('%s is ended at the text, and the next one is tokenised', async (_, changes) => {
    const made = processOf(changes);
    const failure: Error & { item?: number } = await made.request(texts('the', `${letters}!`)).then(
      () => new Error('it was tokenised'),
      (error) => error,
    );
    expect(failure).toBeInstanceOf(TokenizerEnded);
    // The library ends the process itself where an expression takes too many steps.
    expect(failure.message).toMatch(/tokenizer\.json takes more processor time|tokenizer\.json ended by/);
    expect(failure.item).toBe(1);
    expect(await made.request(texts('the'))).toMatchObject([{ truncated: false }]);
  });

  test.each([['doubles a letter again and again', sequence(...Array.from({ length: 24 }, () => replace('a', 'aa')))]])(
    'that %s is refused',
    async (_, changes) => {
      const outcome = await processOf(changes, { most: { seconds: 2, bytes: 2 ** 26 } })
        .request(texts(letters))
        .then(
          ([one]) => (one as { error: string }).error,
          (error: Error) => error.message,
        );
      expect(outcome).toMatch(/fills the memory|no tokenizer should make of them|processor time/);
    },
  );

  test('that cannot be used is said with its file', async () => {
    await expect(processOf({ model: { type: 'BPE', vocab: {}, merges: ['a b'] } }).facts()).rejects.toThrow(
      /tokenizer\.json cannot be used: /,
    );
    await expect(processOf({ model: null }).facts()).rejects.toThrow(/tokenizer\.json cannot be used: it has no model/);
  });

  test('that was changed since it was judged is refused', async () => {
    await expect(processOf({}, { hash: '0'.repeat(64) }).facts()).rejects.toThrow(/changed since the start/);
  });
});

test('a token beyond the embedding is named, with the rows that there are', async () => {
  const beyond = processOf({}, { embeddingRows: 9 });
  const [good, bad] = await beyond.request(texts('the', 'meeting'));
  expect(good).toMatchObject({ truncated: false });
  expect((bad as { error: string }).error).toMatch(/token '.*' has the id \d+, and the model's embedding has 9 rows/);
});

itWhere(noProc, 'a process that is killed is replaced, and its texts are done again', async () => {
  const made = processOf({});
  const first = await made.request(texts('the free'));
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
  for (const child of children)
    if (readFileSync(join('/proc', child, 'cmdline'), 'utf8').includes('tokenizer/service'))
      process.kill(Number(child), 'SIGKILL');
  expect(await made.request(texts('the free'))).toEqual(first);
});

test('texts with characters that no file has right have ids all the same', async () => {
  const lone = String.fromCharCode(0xd800);
  const nul = String.fromCharCode(0);
  const found = await processOf({}).request(texts('', `the ${lone} free`, 'the � free', `the${nul} free`));
  expect(found[1]).toEqual(found[2]);
  expect(found.every((one) => 'ids' in one)).toBe(true);
});
