// What an evaluation of texts to texts adds up: the loss of the targets' tokens, and where the model writes by itself
// also figures of its texts. Tokens become texts at the end, by the tokenizer in its process.

import { ofKind, textAt } from '../../data/columns.js';
import { TokenizerProcess } from '../../data/tokenizer/process.js';
import type { LanguageModelResult } from '../../metrics/language-model.js';
import type { TextMetricOptions, TextResult } from '../../metrics/texts/figures.js';
import { TextMetrics } from '../../metrics/texts/figures.js';
import { metricsLine } from '../../report/metrics.js';
import { tokenRows } from '../causal/results.js';
import type { Meter } from '../task.js';
import { tokenMeter } from '../token-meter.js';

/** How the model writes, and what of that is measured. */
export interface Writing {
  directory: string;
  maxNewTokens: number;
  metrics: TextMetricOptions;
}

export interface SequenceResult extends LanguageModelResult, Partial<Omit<TextResult, 'samples'>> {
  /** The first texts that the model wrote, beside what they should be. */
  written?: { text: string; target: string }[];
}

/** Texts that are shown. */
const shown = 3;
/** Texts that are decoded in one request. */
const block = 256;

export function sequenceMeter(writing: Writing | undefined): Meter<SequenceResult> {
  const tokens = tokenMeter();
  if (!writing) return tokens;
  const ids: number[][] = [];
  const targets: string[] = [];
  return {
    add(results, batch) {
      tokens.add(results, batch);
      ids.push(...tokenRows(results, batch.samples.length));
      const target = ofKind(batch.slices, 'target', 'text')!;
      for (const row of batch.samples.keys()) targets.push(textAt(target, row));
    },
    async result() {
      const texts = await decoded(writing.directory, ids);
      const metrics = new TextMetrics(writing.metrics);
      for (const [i, text] of texts.entries()) metrics.add(text, [targets[i]!]);
      const written = texts.slice(0, shown).map((text, i) => ({ text, target: targets[i]! }));
      return { ...metrics.result(), ...(await tokens.result()), written };
    },
  };
}

async function decoded(directory: string, rows: readonly number[][]): Promise<string[]> {
  const process = new TokenizerProcess({ directory, maxLength: 512 }, { background: false });
  const texts: string[] = [];
  try {
    for (let first = 0; first < rows.length; first += block) {
      const some = rows.slice(first, first + block);
      texts.push(...(await process.request({ kind: 'decode', rows: some, withoutSpecial: true })));
    }
  } finally {
    await process.close();
  }
  return texts;
}

export function sequenceReport({ samples, tokens, signatures, notes = [], written = [], ...figures }: SequenceResult) {
  return [
    `${samples} texts, ${tokens} tokens: ${metricsLine(figures)}`,
    ...Object.entries(signatures ?? {}).map(([name, signature]) => `${name}: ${signature}`),
    ...notes.map((note) => `note: ${note}`),
    ...written.map(({ text, target }) => `wrote ${JSON.stringify(text)}\n   to be ${JSON.stringify(target)}`),
  ].join('\n');
}
