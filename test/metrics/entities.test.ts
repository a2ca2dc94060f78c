// Entities that are found, against an independent implementation of what seqeval counts, on 240 random cases, and by
// name where tags are odd.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  EntityCounts,
  type EntityResult,
  lenientChunks,
  type Scheme,
  schemeOf,
  strictChunks,
} from '#ortune/metrics/entities.js';

interface Case {
  scheme: Scheme;
  gold: string[][];
  found: string[][];
  lenient: EntityResult;
  strict: EntityResult;
}

const cases: Case[] = JSON.parse(readFileSync(new URL('../fixtures/metrics/entities.json', import.meta.url), 'utf8'));

function measured({ gold, found, scheme }: Case, mode: 'lenient' | 'strict'): EntityResult {
  const counts = new EntityCounts();
  const chunks = (tags: string[]) => (mode === 'strict' ? strictChunks(tags, scheme) : lenientChunks(tags));
  for (const [i, tags] of gold.entries()) counts.add(chunks(tags), chunks(found[i]!));
  return counts.result();
}

function expectClose(found: EntityResult, expected: EntityResult): void {
  const all = (result: EntityResult) => [result, ...result.types];
  expect(found.types.map(({ type }) => type)).toEqual(expected.types.map(({ type }) => type));
  for (const [i, one] of all(found).entries()) {
    const other = all(expected)[i]!;
    expect(one.support).toBe(other.support);
    for (const score of ['precision', 'recall', 'f1'] as const) expect(one[score]).toBeCloseTo(other[score], 12);
  }
}

describe('entities', () => {
  test.each(['lenient', 'strict'] as const)('are counted as seqeval does, %s', (mode) => {
    expect(cases).toHaveLength(240);
    for (const one of cases) expectClose(measured(one, mode), one[mode]);
  });

  test.each([
    [['I-PER', 'I-PER'], 1, 0],
    [['B-PER', 'I-LOC'], 2, 1],
    [['B-PER', 'O', 'I-PER'], 2, 1],
    [['B-PER', 'B-PER'], 2, 2],
    [[], 0, 0],
  ])('of %j are %i, and %i as IOB2 allows them', (tags, lenient, strict) => {
    expect(lenientChunks(tags)).toHaveLength(lenient);
    expect(strictChunks(tags, 'IOB2')).toHaveLength(strict);
  });

  test('have a scheme by their prefixes, and parts of speech none', () => {
    expect(schemeOf(['O', 'B-PER', 'I-PER'])).toBe('IOB2');
    expect(schemeOf(['O', 'B-PER', 'E-PER', 'S-PER'])).toBe('IOBES');
    expect(schemeOf(['O', 'B-PER', 'L-PER', 'U-PER'])).toBe('BILOU');
    expect(schemeOf(['NN', 'VB', 'DT'])).toBeUndefined();
  });
});
