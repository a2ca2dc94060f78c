// Figures of generated texts against texts that people wrote, by name: what a task, or a program that generates by
// itself, measures text by text. BLEU and chrF are 0 to 100 as sacrebleu gives them, everything else is a share.

import { type SharedOptions, textMeters } from './meters.js';
import { rougeFigures } from './rouge.js';

export const textMetrics = [
  'exactMatch',
  'bleu',
  'chrf',
  'chrf++',
  'rouge',
  'meteor',
  'wer',
  'cer',
  'distinct',
] as const;
export type TextMetric = (typeof textMetrics)[number];

export interface TextFigures {
  /** Share of the texts that are a reference, white space at their ends left out. */
  exactMatch?: number;
  bleu?: number;
  chrf?: number;
  'chrf++'?: number;
  rouge1?: number;
  rouge2?: number;
  rougeL?: number;
  rougeLsum?: number;
  meteor?: number;
  /** Word error rate: less is better, more than 1 may be. */
  wer?: number;
  /** Character error rate. */
  cer?: number;
  /** Share of the words that are different ones. */
  distinct1?: number;
  /** The same of two words in a row. */
  distinct2?: number;
}

export type TextFigureName = keyof TextFigures;

/** Names of the figures that metrics come to. */
export const figuresOfTexts = (metrics: readonly TextMetric[]): TextFigureName[] =>
  metrics.flatMap((name): readonly TextFigureName[] => {
    if (name === 'rouge') return rougeFigures;
    return name === 'distinct' ? ['distinct1', 'distinct2'] : [name];
  });

export interface TextResult extends TextFigures {
  /** How many texts. */
  samples: number;
  /** What a figure was computed with, where that decides what it is; of BLEU and chrF as sacrebleu writes it. */
  signatures: Readonly<Record<string, string>>;
  /** What the user should know. */
  notes: readonly string[];
}

export interface TextMetricOptions extends SharedOptions {
  /** Default: all that need no files. */
  metrics?: readonly TextMetric[] | undefined;
}

/** Measures texts one by one; what it keeps are counts, and of distinct-n the runs that occurred. */
export class TextMetrics {
  readonly #meters: ReturnType<(typeof textMeters)[TextMetric]>[];
  #samples = 0;

  /** @throws UsageError for a directory without WordNet's files */
  constructor(options: TextMetricOptions = {}) {
    const { metrics = textMetrics } = options;
    this.#meters = textMetrics.filter((name) => metrics.includes(name)).map((name) => textMeters[name](options));
  }

  /** @param references at least one */
  add(text: string, references: readonly string[]): void {
    this.#samples++;
    for (const meter of this.#meters) meter.add(text, references);
  }

  result(): TextResult {
    const results = this.#meters.map((meter) => meter.result(this.#samples));
    return {
      samples: this.#samples,
      ...Object.assign({}, ...results.map(({ figures }) => figures)),
      signatures: Object.assign({}, ...results.map(({ signatures }) => signatures)),
      notes: results.flatMap(({ notes = [] }) => notes),
    };
  }
}
