// Hard negatives from vectors that are known, and the files that vectors are written to.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { describe, expect, it, test } from 'vitest';
import { writerOfVectors } from '#ortune/commands/embed.js';
import { mineNegatives, writeMined } from '#ortune/commands/mine.js';
import { UsageError } from '#ortune/errors.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('mine');

/** On the circle, by degrees. */
const at = (...degrees: number[]): Float32Array =>
  Float32Array.from(degrees.flatMap((d) => [Math.cos((d * Math.PI) / 180), Math.sin((d * Math.PI) / 180)]));

const pairs = [
  { text: 'a', pair: 'a0' },
  { text: 'a', pair: 'a1' },
  { text: 'b', pair: 'b0' },
  { text: 'c', pair: 'c0' },
];
const vectors = { queries: at(0, 20, 90), documents: at(5, 40, 10, 100), size: 2 };
const usual = { negatives: 1, skip: 0, within: 100, marginBelow: 0, relativeMargin: 0 };
const negativesOf = async (more: object): Promise<(string | undefined)[]> => {
  const mined = await mineNegatives(pairs, vectors, { ...usual, ...more });
  return pairs.map(({ text, pair }) =>
    mined.find((one) => one.text === text && one.pair === pair)?.negatives.join(' '),
  );
};

describe('mining', () => {
  it('takes the nearest texts that no pair of the query has', async () => {
    expect(await negativesOf({})).toEqual(['b0', 'b0', 'a0', 'a1']);
    expect(await negativesOf({ negatives: 2 })).toEqual(['b0 c0', 'b0 c0', 'a0 a1', 'a1 b0']);
  });

  it.each([
    [{ skip: 1 }, ['c0', 'c0', 'a1', 'b0']],
    [{ skip: 1, within: 1 }, [undefined, undefined, undefined, undefined]],
    [{ negatives: 3 }, [undefined, undefined, 'a0 a1 c0', 'a1 b0 a0']],
    // Below the cosine of the pair itself: that of b is 0.985, of its negative a0 0.966.
    [{ marginBelow: 0.01 }, ['b0', 'c0', 'a0', 'a1']],
    [{ relativeMargin: 0.03 }, ['c0', 'c0', 'a1', 'a1']],
    [{ maxScore: 0.5 }, ['c0', 'c0', 'c0', 'b0']],
  ])('with %j', async (more, expected) => {
    expect(await negativesOf(more)).toEqual(expected);
  });

  it('writes rows with the columns of the pairs and one for each negative', () => {
    const file = join(directory, 'mined.jsonl');
    writeMined(file, [{ text: 'a', pair: 'b', negatives: ['c', 'd'] }], { textColumn: 'q', pairColumn: 'p' });
    expect(readFileSync(file, 'utf8')).toBe('{"q":"a","p":"b","negative1":"c","negative2":"d"}\n');
  });
});

test('vectors are written as NumPy, safetensors and Parquet files', async () => {
  const data = Float32Array.of(1, 2, 3, 4, 5, 6);
  const texts = ['a dog', '狗\u0000'];
  const npy = join(directory, 'v.npy');
  writerOfVectors(npy)({ data, size: 3 }, texts);
  const bytes = readFileSync(npy);
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from('\x93NUMPY\x01\x00', 'latin1'));
  const begin = 10 + bytes.readUInt16LE(8);
  expect(begin % 64).toBe(0);
  expect(bytes.toString('latin1', 10, begin)).toMatch(
    /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2, 3\), \} *\n$/,
  );
  expect(new Float32Array(bytes.buffer.slice(bytes.byteOffset + begin, bytes.byteOffset + bytes.length))).toEqual(data);
  const safe = join(directory, 'v.safetensors');
  writerOfVectors(safe)({ data, size: 3 }, texts);
  const header = JSON.parse(readFileSync(safe).toString('utf8', 8, 8 + Number(readFileSync(safe).readBigUInt64LE())));
  expect(header.embeddings).toMatchObject({ dtype: 'F32', shape: [2, 3] });
  const parquet = join(directory, 'v.parquet');
  writerOfVectors(parquet)({ data, size: 3 }, texts);
  expect(await parquetReadObjects({ file: await asyncBufferFromFile(parquet) })).toEqual([
    { text: 'a dog', embedding: [1, 2, 3] },
    { text: '狗\u0000', embedding: [4, 5, 6] },
  ]);
  expect(() => writerOfVectors('v.csv')).toThrow(UsageError);
  expect(() => writerOfVectors('v.csv')).toThrow(/must end in \.safetensors, \.npy, \.parquet/);
});
