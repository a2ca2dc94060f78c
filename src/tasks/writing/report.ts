// An evaluation of a model that writes, on one screen.

import { metricsLine, writtenLines } from '../../report/metrics.js';
import type { WritingResult } from './meter.js';

/** `what`: samples are called so. */
export function writingReport(result: WritingResult, what: string): string {
  const { samples, tokens, signatures, notes = [], written = [], ...figures } = result;
  return [
    `${samples} ${what}, ${tokens} tokens: ${metricsLine(figures)}`,
    ...Object.entries(signatures ?? {}).map(([name, signature]) => `${name}: ${signature}`),
    ...notes.map((note) => `note: ${note}`),
    ...writtenLines(written),
  ].join('\n');
}
