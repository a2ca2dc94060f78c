// Figures of texts against sacrebleu, nltk and torchmetrics (make-texts.py), and what their cases do not have.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Bleu } from '#ortune/metrics/texts/bleu.js';
import { Chrf } from '#ortune/metrics/texts/chrf.js';
import { ErrorRate } from '#ortune/metrics/texts/error-rate.js';
import { TextMetrics, type TextResult } from '#ortune/metrics/texts/figures.js';
import { measureTexts, sentenceBleu } from '#ortune/metrics/texts/measure.js';
import { meteor } from '#ortune/metrics/texts/meteor.js';
import { porterStem } from '#ortune/metrics/texts/porter.js';
import { rouge, rougeFigures } from '#ortune/metrics/texts/rouge.js';
import { sacrebleuVersion } from '#ortune/metrics/texts/signature.js';
import { type TextTokenizer, tokenise } from '#ortune/metrics/texts/tokenizers.js';
import { WordNet } from '#ortune/metrics/texts/wordnet.js';

interface Golden {
  sacrebleu: string;
  stems: Record<string, string>;
  cases: {
    text: string;
    references: string[];
    bleu: Record<TextTokenizer, number>;
    chrf: Record<string, number>;
    rouge: number[];
    rougeStems: number[];
    meteor: number;
    meteorZh: number;
    meteorSynonyms: number;
    wer: number | null;
    cer: number | null;
  }[];
  corpora: {
    bleu: Record<TextTokenizer, [score: number, signature: string]>;
    bleuOfThree: [number, string];
    chrf: Record<string, [number, string]>;
    chrfOfThree: [number, string];
    wer: number;
    cer: number;
  };
}
const fixtures = new URL('../fixtures/metrics/', import.meta.url);
const golden = JSON.parse(readFileSync(new URL('texts.json', fixtures), 'utf8')) as Golden;
const { cases, corpora } = golden;
const dictionary = fileURLToPath(new URL('wordnet', fixtures));

/** Figures that are equal to 1e-6. */
function near(found: number, expected: number, what: unknown): void {
  expect(Math.abs(found - expected), JSON.stringify([what, found, expected])).toBeLessThanOrEqual(1e-6);
}

const chrfs = {
  chrf: {},
  'chrf++': { wordOrders: 2 },
  'chrf++ lowercase': { wordOrders: 2, lowercase: true },
};
const bleuTokenizers = Object.entries(corpora.bleu) as [TextTokenizer, [number, string]][];

describe('300 random texts and edge cases', () => {
  it('have BLEU as by sacrebleu', () => {
    expect(cases.length).toBeGreaterThanOrEqual(300);
    expect(golden.sacrebleu).toBe(sacrebleuVersion);
    for (const { text, references, bleu } of cases)
      for (const [tokenizer] of bleuTokenizers)
        near(sentenceBleu(text, references, { tokenizer, lowercase: tokenizer === 'intl' }), bleu[tokenizer], [
          tokenizer,
          text,
          references,
        ]);
  });

  it.each(Object.entries(chrfs))('have %s as by sacrebleu', (name, options) => {
    for (const { text, references, chrf } of cases) {
      const metric = new Chrf(options);
      metric.add(text, references);
      near(metric.score, chrf[name]!, [text, references]);
    }
  });

  it.each([
    ['rouge', {}],
    ['rougeStems', { stem: true }],
  ] as const)('have %s as by torchmetrics', (name, options) => {
    for (const one of cases) {
      const figures = rouge(one.text, one.references, options);
      for (const [i, figure] of rougeFigures.entries())
        near(figures[figure], one[name][i]!, [figure, one.text, one.references]);
    }
  });

  it.each([
    ['meteor', '13a', false],
    ['meteorZh', 'zh', false],
    ['meteorSynonyms', '13a', true],
  ] as const)('have %s as by nltk', (name, tokenizer, synonyms) => {
    const wordnet = synonyms ? new WordNet(dictionary) : undefined;
    const words = (text: string) => tokenise(text, tokenizer);
    for (const one of cases)
      near(meteor(words(one.text), one.references.map(words), wordnet), one[name], [one.text, one.references]);
    if (synonyms) expect(cases.filter((one) => one.meteorSynonyms !== one.meteor).length).toBeGreaterThan(15);
  });

  it.each([
    ['wer', 'words'],
    ['cer', 'characters'],
  ] as const)('have %s as by torchmetrics', (name, of) => {
    const all = new ErrorRate(of);
    for (const { text, references, ...one } of cases) {
      all.add(text, references.slice(0, 1));
      const rate = new ErrorRate(of);
      rate.add(text, references.slice(0, 1));
      if (one[name] !== null) near(rate.rate, one[name], [text, references[0]]);
    }
    near(all.rate, corpora[name], 'corpus');
  });

  it('have stems as by nltk', () => {
    expect(Object.keys(golden.stems).length).toBeGreaterThan(500);
    for (const [word, stem] of Object.entries(golden.stems)) expect([word, porterStem(word)]).toEqual([word, stem]);
  });
});

describe('a corpus', () => {
  const three = cases.filter(({ references }) => references.length === 3);
  const metricOf = (metric: Bleu | Chrf, rows: readonly { text: string; references: string[] }[], most: number) => {
    for (const { text, references } of rows) metric.add(text, references.slice(0, most));
    return metric;
  };
  it.each(bleuTokenizers)('has BLEU and signature as by sacrebleu: %s', (tokenizer, [score, signature]) => {
    const bleu = metricOf(new Bleu({ tokenizer, lowercase: tokenizer === 'intl' }), cases, 1);
    near(bleu.score, score, tokenizer);
    expect(bleu.signature).toBe(signature);
  });

  it.each(Object.entries(chrfs))('has %s and signature as by sacrebleu', (name, options) => {
    const chrf = metricOf(new Chrf(options), cases, 1);
    near(chrf.score, corpora.chrf[name]![0], name);
    expect(chrf.signature).toBe(corpora.chrf[name]![1]);
  });

  it('may have several references each', () => {
    for (const [metric, [score, signature]] of [
      [new Bleu(), corpora.bleuOfThree],
      [new Chrf(), corpora.chrfOfThree],
    ] as const) {
      metricOf(metric, three, 3);
      near(metric.score, score, signature);
      expect(metric.signature).toBe(signature);
    }
    expect(metricOf(new Bleu(), cases, 3).signature).toMatch(/^nrefs:var\|/);
  });
});

describe('texts measured together', () => {
  it('have all figures that need no files', () => {
    const result: TextResult = measureTexts(['the cat sat', 'a dog '], [['the cat sat'], ['a dog', 'the dog']]);
    const { signatures, notes, ...figures } = result;
    expect(figures).toMatchObject({
      samples: 2,
      exactMatch: 1,
      'chrf++': 100,
      rouge1: 1,
      rouge2: 1,
      wer: 0,
      cer: 1 / 16,
    });
    expect(figures.distinct1).toBe(1);
    expect(Object.keys(signatures)).toEqual(['bleu', 'chrf', 'chrf++', 'rouge', 'meteor', 'distinct']);
    expect(notes).toEqual([]);
  });

  it('are compared with one text each too, and by the metrics named', () => {
    const result = measureTexts(['so so so', 'x'], ['so', 'y'], { metrics: ['wer', 'distinct'] });
    expect(result).toMatchObject({ samples: 2, wer: 3 / 2, distinct1: 2 / 4, distinct2: 1 / 2 });
    expect(result).not.toHaveProperty('bleu');
  });

  it('in scripts that ROUGE of rouge-score has no words of are said, and counted as unicode', () => {
    const chinese = '敏捷的狐狸';
    const latin = measureTexts([chinese], [chinese], { metrics: ['rouge'] });
    expect(latin.rouge1).toBe(0);
    expect(latin.notes).toEqual([expect.stringMatching(/^ROUGE: 100 % of the letters .* choose rougeWords unicode/)]);
    const unicode = measureTexts(['敏捷的狗 café ครับ'], ['敏捷的狐狸 café ครับ'], {
      metrics: ['rouge'],
      rougeWords: 'unicode',
    });
    // Four characters of Chinese against five, café, and three letters of Thai with their mark.
    expect(unicode.rouge1).toBeCloseTo((2 * 7) / (8 + 9), 12);
    expect(unicode.notes).toEqual([]);
    expect(unicode.signatures.rouge).toBe('words:unicode|stem:no');
  });

  it('have synonyms where WordNet is', () => {
    const options = { metrics: ['meteor'] as const };
    const [text, reference] = [['a big car'], ['a big auto']];
    const without = measureTexts(text, reference, options);
    const found = measureTexts(text, reference, { ...options, wordnet: dictionary });
    expect(found.meteor).toBeGreaterThan(0.9);
    expect(without.meteor).toBeLessThan(0.7);
    expect(found.signatures.meteor).toBe('tok:13a|stages:exact,stem,synonyms');
    expect(() => measureTexts(text, reference, { ...options, wordnet: '/nowhere' })).toThrow(
      /'\/nowhere' holds no index.noun: expected a directory of WordNet's files/,
    );
  });

  it('with nothing to compare have figures too', () => {
    expect(measureTexts([''], [''])).toMatchObject({ exactMatch: 1, bleu: 0, rouge1: 0, meteor: 0, wer: 0, cer: 0 });
    expect(measureTexts(['x'], [''])).toMatchObject({ exactMatch: 0, wer: 1, distinct2: 0 });
  });

  it.each<[RegExp, unknown, unknown, object?]>([
    [/measureTexts: texts must be a list of texts, found the text 'a'/, 'a', ['a']],
    [/references\[1\] must be a text or a list of one or more texts, found a list/, ['a', 'b'], ['a', []]],
    [/texts\[0\] must be a text, found the number 1/, [1], ['a']],
    [/2 texts and 1 references: expected the references of each text/, ['a', 'b'], ['a']],
    [/there are no texts/, [], []],
    [/has no 'metric'; did you mean 'metrics'/, ['a'], ['a'], { metric: ['bleu'] }],
    [/metrics: there is no 'blue'; there are exactMatch, bleu/, ['a'], ['a'], { metrics: ['blue'] }],
    [/tokenizer: there is no 'ja'; there are 13a/, ['a'], ['a'], { tokenizer: 'ja' }],
    [/rougeWords: there is no 'x'; there are latin, unicode/, ['a'], ['a'], { rougeWords: 'x' }],
    [/stem must be true or false, found the number 1/, ['a'], ['a'], { stem: 1 }],
  ])('that are none are refused: %s', (message, texts, references, options) => {
    expect(() => measureTexts(texts as string[], references as string[], options)).toThrow(message);
  });
});

it('a meter of texts can be asked on the way', () => {
  const metrics = new TextMetrics({ metrics: ['exactMatch'] });
  metrics.add('a', ['a']);
  expect(metrics.result().exactMatch).toBe(1);
  metrics.add('b', ['a']);
  expect(metrics.result().exactMatch).toBe(0.5);
});
