// What the options say of texts that a model writes by itself in evaluations.

import { UsageError } from '../../errors.js';
import {
  figuresOfTexts,
  type TextFigureName,
  type TextMetric,
  type TextMetricOptions,
} from '../../metrics/texts/figures.js';
import { missingLibrary, transformersInstalled } from '../causal/library.js';
import type { TaskConfig } from '../task.js';
import { tokenMetrics } from '../token-meter.js';

export interface Writing {
  /** Most tokens that are written of a sample. */
  maxNewTokens: number;
  /** How many texts are shown. */
  shown: number;
  /** How all samples are measured; undefined: the model writes of those alone that are shown. */
  metrics?: TextMetricOptions;
}

/** Where a run does not say it. */
const usuallyShown = 3;

/** Undefined where nothing is written: predictions have no such options. */
export function writingOf(config: TaskConfig): Writing | undefined {
  const { predictWithGenerate, generationMaxLength: maxNewTokens, generateSamples } = config;
  if (predictWithGenerate) {
    const { textMetrics: metrics, textTokenizer: tokenizer, rougeWords } = config;
    return { maxNewTokens, shown: generateSamples ?? usuallyShown, metrics: { metrics, tokenizer, rougeWords } };
  }
  return generateSamples > 0 ? { maxNewTokens, shown: generateSamples } : undefined;
}

/** Of how many samples is written, the first ones; and whether an evaluation is none without. */
export const wantedOf = (writing: Writing | undefined): { samples: number; needed: boolean } => ({
  samples: writing?.metrics ? Number.POSITIVE_INFINITY : (writing?.shown ?? 0),
  needed: writing?.metrics !== undefined,
});

/** Names of the figures of an evaluation. */
export const writingMetrics = (writing: Writing | undefined): readonly WritingMetric[] => [
  ...tokenMetrics,
  ...figuresOfTexts(writing?.metrics ? (writing.metrics.metrics as readonly TextMetric[]) : []),
];

export type WritingMetric = (typeof tokenMetrics)[number] | TextFigureName;

/** At the start of a run. @throws UsageError where texts are to be measured and there is nothing that writes them */
export function checkLibrary(writing: Writing | undefined): void {
  if (writing?.metrics && !transformersInstalled())
    throw new UsageError(`option 'predictWithGenerate': ${missingLibrary}, or leave the option out`);
}
