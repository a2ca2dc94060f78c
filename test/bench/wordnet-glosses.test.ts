import { describe, expect, it } from 'vitest';
import { classes, glosses, readSenses, senseText } from '../../bench/wordnet-glosses.mjs';
import { temporaryDirectory } from '../support/temporary.js';
import { writeDictionary } from '../support/wordnet.js';

const directory = temporaryDirectory('wordnet');
writeDictionary(directory, 60);
const senses = readSenses(directory);

describe('senses', () => {
  it('are read with their words, definition, examples and class', () => {
    expect(classes).toHaveLength(45);
    expect([classes[3], classes[28], classes[29], classes[43]]).toEqual([
      'noun.Tops',
      'noun.time',
      'verb.body',
      'verb.weather',
    ]);
    const { evaluation, ...first } = senses[0]!;
    expect(first).toEqual({
      words: ['noun05q', 'other noun05q'],
      definition: 'what a q is in noun 05',
      examples: ['they saw the noun05q'],
      id: 'n00000000',
      relations: [{ symbol: '@', to: 'n00000000' }],
      label: 'noun.animal',
    });
    expect(evaluation).toBeTypeOf('boolean');
    expect(senseText(senses[0]!)).toBe('noun05q, other noun05q: what a q is in noun 05; they saw the noun05q');
  });

  it('have distinct definitions, and none that several classes share', () => {
    expect(senses).toHaveLength(5 * 60 + 1);
    expect(senses.filter(({ definition }) => /the same/i.test(definition)).map(({ label }) => label)).toEqual([
      'noun.animal',
    ]);
  });

  it('are for evaluation alone by a quarter, the same in every reading', () => {
    const share = senses.filter(({ evaluation }) => evaluation).length / senses.length;
    expect(share).toBeGreaterThan(0.17);
    expect(share).toBeLessThan(0.33);
    expect(readSenses(directory)).toEqual(senses);
  });
});

describe('glosses to classify', () => {
  const options = { perClass: 10, testPerClass: 12 };

  it('are tested on only what is for evaluation alone, whatever the seed', () => {
    const forEvaluation = new Map(senses.map(({ definition, evaluation }) => [definition, evaluation]));
    for (let seed = 0; seed < 20; seed++) {
      const { train, test } = glosses(senses, { seed, ...options });
      expect(test.every(({ text }) => forEvaluation.get(text))).toBe(true);
      expect(train.some(({ text }) => forEvaluation.get(text))).toBe(false);
    }
  });

  it('are as many of every class as asked for, and a class that has fewer is named', () => {
    const { train, test, scarce } = glosses(senses, { perClass: 10, testPerClass: 14 });
    for (const label of new Set(senses.map((sense) => sense.label))) {
      const own = (records: { label: string }[]) => records.filter((record) => record.label === label).length;
      expect(own(train)).toBe(10);
      expect(own(test)).toBe(scarce[label]?.test ?? 14);
    }
    expect(scarce['noun.Tops']).toEqual({ train: 0, test: 0 });
  });

  it('are drawn by the seed', () => {
    expect(glosses(senses, { seed: 3, ...options })).toEqual(glosses(senses, { seed: 3, ...options }));
    expect(glosses(senses, { seed: 4, ...options }).train).not.toEqual(glosses(senses, { seed: 3, ...options }).train);
  });
});
