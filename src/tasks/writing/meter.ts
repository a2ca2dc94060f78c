// What an evaluation adds up in which a model also writes by itself: the loss of the tokens, figures of what was
// written of all samples, and the first texts. Tokens become texts at the end, by the tokenizer in its process.

import { TokenizerProcess } from '../../data/tokenizer/process.js';
import type { LanguageModelResult } from '../../metrics/language-model.js';
import { TextMetrics, type TextResult } from '../../metrics/texts/figures.js';
import { tokenRows } from '../causal/results.js';
import type { MeasuredBatch, Meter, Results } from '../task.js';
import { tokenMeter } from '../token-meter.js';
import type { Writing } from './options.js';

export interface WritingResult extends LanguageModelResult, Partial<Omit<TextResult, 'samples'>> {
  /** The first texts that the model wrote: of what, and what they should be. */
  written?: WrittenText[];
}

export interface WrittenText {
  input: string;
  text: string;
  target: string;
}

/** A text, or its tokens. */
type Told = string | readonly number[];

/** Texts that are decoded in one request. */
const block = 256;

/** `told`: of a row of a batch what the model read, and what it is to write. */
export function writingMeter(
  writing: Writing | undefined,
  directory: string,
  told: (results: Results, batch: MeasuredBatch, row: number) => { input: Told; target: Told },
): Meter<WritingResult> {
  const tokens = tokenMeter();
  if (!writing) return tokens;
  const { shown, metrics: measured } = writing;
  const ids: number[][] = [];
  const inputs: Told[] = [];
  const targets: Told[] = [];
  return {
    add(results, batch) {
      tokens.add(results, batch);
      // Of some of the samples nothing may be written.
      const rows = results.counts?.data.length ?? 0;
      for (const [row, found] of tokenRows(results, rows).entries()) {
        const { input, target } = told(results, batch, row);
        ids.push(found);
        targets.push(target);
        if (inputs.length < shown) inputs.push(input);
      }
    },
    async result() {
      const counted = await tokens.result();
      if (ids.length === 0) return counted;
      const [texts, read, expected] = await inTexts(directory, [
        { rows: ids, withoutSpecial: true },
        { rows: inputs, withoutSpecial: false },
        { rows: targets, withoutSpecial: true },
      ]);
      const written = read!.map((input, i) => ({ input, text: texts![i]!, target: expected![i]! }));
      if (!measured) return { ...counted, written };
      const metrics = new TextMetrics(measured);
      for (const [i, text] of texts!.entries()) metrics.add(text, [expected![i]!]);
      return { ...metrics.result(), ...counted, written };
    },
  };
}

/** Each list as texts. */
async function inTexts(
  directory: string,
  lists: readonly { rows: readonly Told[]; withoutSpecial: boolean }[],
): Promise<string[][]> {
  const process = new TokenizerProcess({ directory, maxLength: 512 }, { background: false });
  const decoded = async (rows: readonly (readonly number[])[], withoutSpecial: boolean): Promise<string[]> => {
    const texts: string[] = [];
    for (let first = 0; first < rows.length; first += block)
      texts.push(
        ...(await process.request({ kind: 'decode', rows: rows.slice(first, first + block), withoutSpecial })),
      );
    return texts;
  };
  try {
    const found: string[][] = [];
    for (const { rows, withoutSpecial } of lists) {
      const ofTokens = await decoded(
        rows.filter((row) => typeof row !== 'string'),
        withoutSpecial,
      );
      let at = 0;
      found.push(rows.map((row) => (typeof row === 'string' ? row : ofTokens[at++]!)));
    }
    return found;
  } finally {
    await process.close();
  }
}
