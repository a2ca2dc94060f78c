// The table of a search, as aligned text and as Markdown: a row for each trial with what it chose, the best first;
// below it what the options matter, and what the figures are.

import { formatNumber } from '../format.js';
import { alignRows } from '../report/metrics.js';
import type { SearchResult } from './result.js';
import { valueText } from './trials.js';

const figure = (value: number): string => value.toFixed(4);

function rowsOf({ metric, trials }: SearchResult): string[][] {
  const keys = Object.keys(trials[0]?.chosen ?? {});
  const rows = trials.map(({ name, chosen, value, steps, seconds, failed }) => [
    name,
    ...keys.map((key) => valueText(chosen[key])),
    value === undefined ? (failed === undefined ? 'none' : 'diverged') : figure(value),
    formatNumber(steps),
    formatNumber(seconds),
  ]);
  return [['trial', ...keys, metric, 'steps', 'seconds'], ...rows];
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** What the figures are, a sentence each. */
function caption(result: SearchResult): string[] {
  const { metric, best, importance, steps, halving, interrupted } = result;
  const shares = Object.entries(importance).map(([key, share]) => `${key} ${percent(share)}`);
  const lines = [`${metric}: of the evaluation data. ${steps.toLocaleString('en-US')} steps in all.`];
  if (halving)
    lines.push(
      halving.goesOn
        ? 'halving: a trial goes on from its checkpoint, since its rates do not depend on how long it runs.'
        : `halving: a trial that runs longer is begun anew: ${halving.reason}.`,
    );
  if (shares.length > 0)
    lines.push(
      `importance: ${shares.join(', ')}. The share of the variance of ${metric} over all trials${halving ? ' (in the first rung)' : ''} that the values of an option explain ` +
        'alone; what options do together is not seen, and of few trials it says little.',
    );
  if (best)
    lines.push(
      `best: ${best.name}, ${metric} ${figure(best.value)}; the data that chose it flatter it` +
        (best.test === undefined
          ? ', so measure it on others (test).'
          : `: on the test data it has ${figure(best.test)}.`),
      best.output === undefined
        ? `its model was not kept, since another trial was the best when it ended: ortune train ${best.config}`
        : `its model: ${best.output}; its options: ortune train ${best.config}`,
    );
  if (interrupted) lines.push('Interrupted: not every trial has ended.');
  return lines;
}

export function searchText(result: SearchResult): string {
  if (result.trials.length === 0) return 'no trial has ended yet';
  return `${alignRows(rowsOf(result))}\n\n${caption(result).join('\n')}`;
}

export function searchMarkdown(result: SearchResult): string {
  const [titles, ...rows] = rowsOf(result).map((cells) => `| ${cells.join(' | ')} |`);
  const rule = `| --- ${'| ---: '.repeat(rowsOf(result)[0]!.length - 1)}|`;
  return [titles, rule, ...rows, '', caption(result).join('\n\n')].join('\n');
}
