import { describe, expect, it } from 'vitest';
import { KnownRuns, pack, passagesOf, runLength, sentencesOf } from '../../../models/tiny-en/text.mjs';

const words = (count: number, first = 'word'): string =>
  Array.from({ length: count }, (_, i) => `${first}${'abcdefghijklmnopqrstuvwxyz'[i % 26]}${'x'.repeat(i / 26)}`).join(
    ' ',
  );

describe('sentences', () => {
  it('end at a mark before a capital, and at an empty line', () => {
    const text = 'He said: "Go on."  She went\nat 3.5 knots, e.g. slowly! (And then?) No\n\nmore';
    expect(sentencesOf(text)).toEqual([
      'He said: "Go on."',
      'She went at 3.5 knots, e.g. slowly!',
      '(And then?)',
      'No',
      'more',
    ]);
  });

  it('go into passages of about so many words', () => {
    const sentences = Array.from({ length: 10 }, (_, i) => words(30, `s${i}`));
    const passages = passagesOf(sentences, 100);
    expect(passages.flat()).toEqual(sentences);
    expect(passages.map((passage) => passage.length)).toEqual([4, 4, 2]);
  });
});

describe('records', () => {
  const count = (word: string): number => word.length;

  it('are full but for a word, and hold everything in order', () => {
    const sentences = ['aaa bb cccc', 'd ee', 'ffff'];
    const records = pack(sentences, 6, count);
    expect(records).toEqual(['aaa bb', 'cccc d', 'ee ffff']);
    expect(records.join(' ')).toBe(sentences.join(' '));
  });

  it('leave out a word that none can hold', () => {
    expect(pack(['aa zzzzzzzz bb'], 6, count)).toEqual(['aa bb']);
  });
});

describe('known runs of words', () => {
  const known = new KnownRuns();
  known.add(`Before. ${words(runLength)}; after`);

  it('are found whatever the case and the marks between them', () => {
    expect(known.without([`x ${words(runLength).toUpperCase().replaceAll(' ', ' > ')} y`])).toEqual([]);
    expect(known.without([words(runLength - 1)])).toHaveLength(1);
    expect(known.without([words(runLength).split(' ').reverse().join(' ')])).toHaveLength(1);
  });

  it('take the sentences they touch, also across borders and after others went', () => {
    const [first, second] = [words(5), words(runLength).split(' ').slice(5).join(' ')];
    expect(known.without(['stays', first, second, 'stays too'])).toEqual(['stays', 'stays too']);
    expect(known.without(['stays', first, words(runLength), second, 'stays too'])).toEqual(['stays', 'stays too']);
    expect(known.without([first, 'between', second])).toEqual([first, 'between', second]);
  });
});
