// Values of another realm are told by what they are; and no source asks `instanceof` of a built-in class, which a value
// of another realm is not.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { globSync } from 'tinyglobby';
import { expect, it } from 'vitest';
import { copyOutside, isError, isErrorNamed, messageOf } from '#ortune/realm.js';

const root = join(import.meta.dirname, '..');

it('errors of another realm are errors', () => {
  const theirs = runInNewContext('new RangeError("too far")');
  expect(theirs instanceof Error).toBe(false);
  expect(isError(theirs)).toBe(true);
  expect(isError(AbortSignal.abort().reason)).toBe(true);
  expect(isError({ message: 'too far', name: 'RangeError' })).toBe(false);
  expect(isErrorNamed(theirs, 'RangeError')).toBe(true);
  expect(isErrorNamed(theirs, 'TypeError')).toBe(false);
  expect([theirs, 'as text', 7, undefined].map(messageOf)).toEqual(['too far', 'as text', '7', 'undefined']);
});

it('a copy is an array of the outer realm, in memory of its own', () => {
  const theirs: BigInt64Array = runInNewContext('new BigInt64Array(new SharedArrayBuffer(16)).fill(3n)');
  const copy = copyOutside(theirs);
  expect(copy).toBeInstanceOf(BigInt64Array);
  expect(copy.buffer).toBeInstanceOf(ArrayBuffer);
  expect([...copy]).toEqual([3n, 3n]);
});

it('no source asks instanceof of a built-in class, or for the prototype of a value', () => {
  const found = globSync('src/**/*.ts', { cwd: root }).flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .filter((line) => !line.trimStart().startsWith('//'))
      .flatMap((line) => [...line.matchAll(/instanceof (\w+)|getPrototypeOf|\.constructor [!=]==?/g)])
      .filter(([, name]) => name === undefined || name in globalThis)
      .map(([text]) => `${file}: ${text}`),
  );
  expect(found).toEqual([]);
});
