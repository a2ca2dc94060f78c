import { expect, it } from 'vitest';
import { best, bm25 } from '../../bench/bm25.mjs';
import { drawn } from '../../bench/by-content.mjs';
import { naiveBayes } from '../../bench/naive-bayes.mjs';
import { definitionPairs } from '../../bench/wordnet-pairs.mjs';
import { kindsOf } from '../../bench/wordnet-relations.mjs';

const sense = (id: string, to: string[], symbol = '@') => ({
  ...{ id, words: [id], definition: `what ${id} is`, examples: [], label: 'noun.Tops' },
  relations: to.map((other) => ({ symbol, to: other })),
});

it('BM25 scores the documents that have a word of the query', () => {
  const scores = bm25(['a red fox', 'a fox and a dog', 'rain'])('Fox, fox of the red kind');
  expect([...scores.keys()].sort()).toEqual([0, 1]);
  expect(best(scores, 5)).toEqual([0, 1]);
  expect(best(scores, 1)).toEqual([0]);
  // ln(1 + (3 - 2 + 0.5) / (2 + 0.5)) times 2.2 / (1 + 1.2 * (0.25 + 0.75 * 5 / (9 / 3))), once for a word of the query
  expect(scores.get(1)).toBeCloseTo((Math.log(1.6) * 2.2) / (1 + 1.2 * 1.5), 10);
});

it('naive Bayes gives log odds for each label', () => {
  const odds = naiveBayes(
    [
      { text: 'red fox', label: ['animal', 'red'] },
      { text: 'red rain', label: ['red'] },
    ],
    ['animal', 'red'],
  )('fox unknown');
  expect(odds[0]).toBeCloseTo(Math.log(2 / 2) + Math.log(2 / 5 / (1 / 5)), 10);
  expect(odds[1]).toBeCloseTo(Math.log(3 / 1) + Math.log(2 / 7 / (1 / 3)), 10);
});

it('paths go over what senses are kinds and instances of', () => {
  const all = [
    sense('entity', []),
    sense('animal', ['entity']),
    sense('pet', ['entity']),
    sense('dog', ['animal', 'pet']),
    sense('Laika', ['dog'], '@i'),
    sense('cat', ['pet']),
    sense('run', []),
    sense('leg', ['animal'], '#p'),
  ];
  const { byId, above, pathLength } = kindsOf(all);
  const steps = (a: string, b: string) => pathLength(byId.get(a)!, byId.get(b)!);
  expect([...above(byId.get('Laika')!)].map(([{ id }, count]) => [id, count])).toEqual([
    ['Laika', 0],
    ['dog', 1],
    ['animal', 2],
    ['pet', 2],
    ['entity', 3],
  ]);
  expect(steps('dog', 'dog')).toBe(0);
  expect(steps('Laika', 'cat')).toBe(3);
  expect(steps('entity', 'Laika')).toBe(3);
  expect(steps('dog', 'run')).toBe(Number.POSITIVE_INFINITY);
  expect(steps('dog', 'leg')).toBe(Number.POSITIVE_INFINITY);
});

it('draws different entries by a key, all of a short list', () => {
  const list = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const found = drawn(list, 3, 'key');
  expect(new Set(found).size).toBe(3);
  expect(drawn(list, 3, 'key')).toEqual(found);
  expect(drawn(list, 20, 'key').sort()).toEqual(list);
});

it('no word of a pair to test is in a pair to train on', () => {
  const senses = Array.from({ length: 80 }, (_, i) => ({
    ...sense(`n${i}`, []),
    words: [`word${i % 30}`, `other${i}`],
    evaluation: i % 4 === 0,
  }));
  const { train, test } = definitionPairs(senses, { held: 5 });
  expect(test).toHaveLength(5);
  const words = new Set(test.flatMap((pair) => pair.words.split(', ')));
  expect(train.length).toBeGreaterThan(20);
  expect(train.flatMap((pair) => pair.words.split(', ')).filter((word) => words.has(word))).toEqual([]);
});
