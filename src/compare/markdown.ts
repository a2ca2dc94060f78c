// The table of a comparison, as aligned text and as Markdown: a row for each strategy, what it reaches and what it
// costs.

import { formatCount, formatNumber } from '../format.js';
import { alignRows } from '../report/metrics.js';
import type { CompareResult } from './result.js';
import type { StrategyResult } from './tabulate.js';

const figure = (value: number): string => value.toFixed(4);

interface Column {
  title: string;
  cell: (strategy: StrategyResult) => string;
}

function columnsOf({ metric, strategies }: CompareResult): Column[] {
  const columns: Column[] = [
    { title: 'strategy', cell: ({ name }) => name },
    { title: metric, cell: ({ mean, std }) => figure(mean) + (std === undefined ? '' : ` ± ${figure(std)}`) },
    { title: 'range', cell: ({ min, max }) => `${figure(min)} to ${figure(max)}` },
    { title: 'trained', cell: ({ trainable }) => formatCount(trainable) },
    { title: 'parameters', cell: ({ parameters }) => formatCount(parameters) },
    { title: 'seconds', cell: ({ seconds }) => formatNumber(seconds) },
    { title: 'steps', cell: ({ steps }) => formatNumber(steps) },
    { title: 'FLOPs', cell: ({ flops }) => (flops === 0 ? '0' : flops.toExponential(1)) },
  ];
  if (strategies.some(({ stepsToScratch }) => stepsToScratch !== undefined))
    columns.push({ title: "to scratch's", cell: ({ stepsToScratch }) => String(stepsToScratch ?? 'never') });
  return columns;
}

function rowsOf(result: CompareResult): string[][] {
  const columns = columnsOf(result);
  return [columns.map(({ title }) => title), ...result.strategies.map((s) => columns.map(({ cell }) => cell(s)))];
}

/** What the figures are. */
function caption({ metric, strategies, interrupted }: CompareResult): string {
  const counts = strategies.map(({ seeds }) => seeds.length);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const seeds = least === most ? `${most} seed${most === 1 ? '' : 's'}` : `${least} to ${most} seeds`;
  const spread = most > 1 ? 'mean ± sample standard deviation and range over' : 'of';
  const curves = strategies.some(({ stepsToScratch }) => stepsToScratch !== undefined)
    ? "; to scratch's: steps until the evaluations are where scratch ends"
    : '';
  const open = interrupted ? '\nInterrupted: not every run has ended.' : '';
  return `${metric}: ${spread} ${seeds}; seconds, steps and floating-point operations of a run${curves}${open}`;
}

export function comparisonText(result: CompareResult): string {
  if (result.strategies.length === 0) return 'no run has ended yet';
  return `${alignRows(rowsOf(result))}\n\n${caption(result)}`;
}

export function comparisonMarkdown(result: CompareResult): string {
  const [titles, ...rows] = rowsOf(result).map((cells) => `| ${cells.join(' | ')} |`);
  const rule = `| --- ${'| ---: '.repeat(columnsOf(result).length - 1)}|`;
  return [titles, rule, ...rows, '', caption(result)].join('\n');
}
