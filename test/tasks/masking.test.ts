import { describe, expect, test } from 'vitest';
import type { MaskVocabulary } from '#ortune/data/tokenizer/encoded.js';
import { type Masking, maskRow, pairedRows, targetCount } from '#ortune/tasks/masking.js';

const [cls, sep, mask] = [1, 2, 3];
const vocabulary: MaskVocabulary = {
  maskId: mask,
  special: new Set([0, cls, sep, mask]),
  ordinary: Array.from({ length: 96 }, (_, i) => i + 4),
  continues: (id) => id >= 80,
};
const plain: Masking = { probability: 0.15, wholeWords: false, nextSentence: false };
/** Ids 4 to 79 begin a word. */
const row = (tokens: number): number[] => [cls, ...Array.from({ length: tokens }, (_, i) => 4 + ((i * 7) % 76)), sep];

function masked(ids: number[], key = {}, masking: Partial<Masking> = {}) {
  const after = [...ids];
  const found = maskRow(after, { ...plain, ...masking }, vocabulary, { seed: 1, epoch: 0, sample: 0, ...key });
  return { ...found, before: ids, after };
}

describe('a masked row', () => {
  test('hides the share of its ordinary tokens, at least one, and says what stood there', () => {
    for (const tokens of [1, 2, 7, 20, 126]) {
      const { positions, labels, before, after } = masked(row(tokens));
      expect(positions).toHaveLength(Math.max(1, Math.round(0.15 * tokens)));
      expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
      expect(labels).toEqual(positions.map((p) => before[p]));
      expect(positions.every((p) => p > 0 && p <= tokens)).toBe(true);
      const others = before.flatMap((id, i) => (positions.includes(i) ? [] : [[i, id]]));
      expect(others.map(([i]) => [i, after[i!]])).toEqual(others);
    }
  });

  test('without ordinary tokens hides nothing', () => {
    expect(masked([cls, sep])).toMatchObject({ positions: [], labels: [], after: [cls, sep] });
  });

  test('is a function of seed, epoch and sample', () => {
    const of = (key: object) => masked(row(60), key).positions.join();
    expect(of({})).toBe(of({}));
    expect(new Set([of({}), of({ seed: 2 }), of({ epoch: 1 }), of({ sample: 1 })]).size).toBe(4);
  });

  test('replaces 80 % by the mask token, 10 % by another, and leaves 10 %, every position equally often', () => {
    const counts = { mask: 0, other: 0, same: 0 };
    const places = new Array<number>(100).fill(0);
    const samples = 4000;
    for (let sample = 0; sample < samples; sample++) {
      const { positions, labels, after } = masked(row(100), { sample });
      for (const [i, p] of positions.entries()) {
        places[p - 1]!++;
        counts[after[p] === mask ? 'mask' : after[p] === labels[i] ? 'same' : 'other']++;
      }
    }
    const total = 15 * samples;
    // Binomial deviations are 98, 73 and 73 of 60,000; a random token is the same one in 1 of 96 cases.
    expect(Math.abs(counts.mask - 0.8 * total)).toBeLessThan(500);
    expect(Math.abs(counts.other - 0.1 * total * (95 / 96))).toBeLessThan(400);
    expect(Math.abs(counts.same - 0.1 * total * (97 / 96))).toBeLessThan(400);
    // 600 each, deviation 22.6.
    for (const count of places) expect(Math.abs(count - 0.15 * samples)).toBeLessThan(120);
  });

  test('never draws a special token', () => {
    for (let sample = 0; sample < 300; sample++)
      for (const id of masked(row(40), { sample }).after.slice(1, -1)) expect(id).toBeGreaterThanOrEqual(mask);
  });
});

describe('whole words', () => {
  // Words of three tokens: one that begins and two that go on.
  const words = [cls, ...Array.from({ length: 20 }, (_, i) => [10 + i, 80, 81]).flat(), sep];

  test('are hidden together', () => {
    for (let sample = 0; sample < 200; sample++) {
      const { positions } = masked(words, { sample }, { wholeWords: true });
      expect(positions).toHaveLength(9);
      for (let i = 0; i < 9; i += 3) {
        expect((positions[i]! - 1) % 3).toBe(0);
        expect(positions.slice(i, i + 3)).toEqual([0, 1, 2].map((k) => positions[i]! + k));
      }
    }
  });

  test('that are too long for the share are left for shorter ones, and cut where there is no other', () => {
    const mixed = masked([cls, 10, 80, 81, 82, 11, sep], {}, { wholeWords: true, probability: 0.2 });
    expect(mixed.positions).toEqual([5]);
    expect(masked([cls, 10, 80, 81, 82, sep], {}, { wholeWords: true }).positions).toEqual([1]);
  });

  test('do not reach over a special token', () => {
    const { positions } = masked([cls, 10, sep, 80, sep], {}, { wholeWords: true, probability: 0.5 });
    expect(positions).toHaveLength(1);
  });
});

test('a row of a given length has room for what may be hidden in it', () => {
  for (const length of [1, 8, 32, 128, 511])
    for (let tokens = 1; tokens <= length; tokens++)
      expect(targetCount(tokens, 0.15)).toBeLessThanOrEqual(targetCount(length, 0.15));
});

describe('next sentences', () => {
  test('half of the rows keep theirs, the others get that of another row', () => {
    let own = 0;
    for (let batch = 0; batch < 400; batch++) {
      const rows = pairedRows(
        Array.from({ length: 16 }, (_, i) => 16 * batch + i),
        { seed: 3, epoch: 1 },
      );
      for (const [row, partner] of rows.entries()) if (partner === row) own++;
      expect(rows.every((partner) => partner >= 0 && partner < 16)).toBe(true);
    }
    expect(Math.abs(own - 3200)).toBeLessThan(200); // deviation 40
  });

  test('a row that is alone keeps its own', () => {
    for (let sample = 0; sample < 20; sample++) expect(pairedRows([sample], { seed: 0, epoch: 0 })).toEqual([0]);
  });
});
