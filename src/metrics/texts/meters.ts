// The figures of texts as meters of one shape, a row each.

import { Bleu } from './bleu.js';
import { Chrf } from './chrf.js';
import { ErrorRate } from './error-rate.js';
import type { TextFigures, TextMetric } from './figures.js';
import { meteor } from './meteor.js';
import { type RougeOptions, rouge, rougeFigures } from './rouge.js';
import { type TextTokenizer, tokenise } from './tokenizers.js';
import { WordNet } from './wordnet.js';
import { countRuns, withoutSpace } from './words.js';

export interface SharedOptions {
  /** Tokens of BLEU, METEOR and distinct-n: sacrebleu's 13a (default), zh, char, intl or none. */
  tokenizer?: TextTokenizer | undefined;
  /** Whether BLEU and chrF lose case first; default no. */
  lowercase?: boolean | undefined;
  /**
   * Words of ROUGE: latin (default), a to z and digits as rouge-score has them, or unicode, all letters, in scripts
   * without spaces each character.
   */
  rougeWords?: RougeOptions['words'];
  /** Whether ROUGE compares stems of English words; default no. */
  stem?: boolean | undefined;
  /** Directory of WordNet's files, for the synonyms of METEOR; default none. */
  wordnet?: string | undefined;
}

export interface TextMeter {
  add(text: string, references: readonly string[]): void;
  result(samples: number): { figures: TextFigures; signatures?: Record<string, string>; notes?: string[] };
}

export const textMeters: Record<TextMetric, (options: SharedOptions) => TextMeter> = {
  exactMatch() {
    let hits = 0;
    return {
      add(text, references) {
        hits += Number(references.some((reference) => withoutSpace(reference) === withoutSpace(text)));
      },
      result: (samples) => ({ figures: { exactMatch: hits / samples } }),
    };
  },
  bleu: (options) => signed('bleu', new Bleu(options)),
  chrf: ({ lowercase }) => signed('chrf', new Chrf({ lowercase })),
  'chrf++': ({ lowercase }) => signed('chrf++', new Chrf({ lowercase, wordOrders: 2 })),
  rouge: rougeMeter,
  meteor: meteorMeter,
  wer: () => errorRate('wer', 'words'),
  cer: () => errorRate('cer', 'characters'),
  distinct: ({ tokenizer = '13a' }) => {
    const runs = [1, 2].map((n) => ({ n, seen: new Set<string>(), total: 0 }));
    const share = (i: number): number => (runs[i]!.total === 0 ? 0 : runs[i]!.seen.size / runs[i]!.total);
    return {
      add(text) {
        const words = tokenise(text, tokenizer);
        for (const one of runs)
          for (const [run, count] of countRuns(words, one.n)) {
            one.seen.add(run);
            one.total += count;
          }
      },
      result: () => ({
        figures: { distinct1: share(0), distinct2: share(1) },
        signatures: { distinct: `tok:${tokenizer}` },
      }),
    };
  },
};

const signed = (name: 'bleu' | 'chrf' | 'chrf++', meter: Bleu | Chrf): TextMeter => ({
  add: (text, references) => meter.add(text, references),
  result: () => ({ figures: { [name]: meter.score }, signatures: { [name]: meter.signature } }),
});

function errorRate(name: 'wer' | 'cer', of: 'words' | 'characters'): TextMeter {
  const rate = new ErrorRate(of);
  return { add: (text, references) => rate.add(text, references), result: () => ({ figures: { [name]: rate.rate } }) };
}

/** Letters that ROUGE's words of a to z have no part of. */
const beyondLatin = /(?![a-z])\p{L}/giu;

function rougeMeter({ rougeWords: words = 'latin', stem = false }: SharedOptions): TextMeter {
  const sums = { rouge1: 0, rouge2: 0, rougeL: 0, rougeLsum: 0 };
  let [letters, lost] = [0, 0];
  return {
    add(text, references) {
      const figures = rouge(text, references, { words, stem });
      for (const name of rougeFigures) sums[name] += figures[name];
      if (words === 'unicode') return;
      for (const reference of references) {
        letters += reference.match(/\p{L}/gu)?.length ?? 0;
        lost += reference.match(beyondLatin)?.length ?? 0;
      }
    },
    result(samples) {
      const figures = Object.fromEntries(rougeFigures.map((name) => [name, sums[name] / samples]));
      const share = Math.round((100 * lost) / letters);
      const note =
        `ROUGE: ${share} % of the letters of the references are none of a to z and count for nothing, as in ` +
        'rouge-score; choose rougeWords unicode to count them';
      return {
        figures,
        signatures: { rouge: `words:${words}|stem:${stem ? 'porter' : 'no'}` },
        notes: share > 0 ? [note] : [],
      };
    },
  };
}

function meteorMeter({ tokenizer = '13a', wordnet }: SharedOptions): TextMeter {
  const synonyms = wordnet === undefined ? undefined : new WordNet(wordnet);
  let sum = 0;
  return {
    add(text, references) {
      const others = references.map((reference) => tokenise(reference, tokenizer));
      sum += meteor(tokenise(text, tokenizer), others, synonyms);
    },
    result: (samples) => ({
      figures: { meteor: sum / samples },
      signatures: { meteor: `tok:${tokenizer}|stages:exact,stem${synonyms ? ',synonyms' : ''}` },
    }),
  };
}
