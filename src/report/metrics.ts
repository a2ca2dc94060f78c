// Metrics and matrices of numbers as aligned text for people.

import { formatNumber } from '../format.js';
import { isCount } from '../metrics/names.js';
import { shown } from '../quote.js';

/** 'loss 0.0512, accuracy 0.9841, f1 0.9750': the figures that stand for the whole, in their own order. */
export function metricsLine(metrics: object): string {
  return Object.entries(metrics)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number' && !isCount(entry[0]))
    .map(([name, value]) => `${name} ${formatNumber(value)}`)
    .join(', ');
}

/** Rows of cells in columns; the first column is text, the others are numbers and stand right. */
export function alignRows(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]!.length))) ?? [];
  return rows
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
    .join('\n');
}

/** What a model read, what it wrote of that, and what that was to be; long texts cut. */
export const writtenLines = (written: readonly { input: string; text: string; target: string }[]): string[] =>
  written.flatMap(({ input, text, target }) => [
    `  read  "${shown(input)}"`,
    `  wrote "${shown(text)}"`,
    `  to be "${shown(target)}"`,
  ]);
