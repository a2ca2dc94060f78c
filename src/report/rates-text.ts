// The losses of a range test over the learning rate, as plain text of at most 60 columns, and what follows from them.

import { formatNumber } from '../format.js';
import type { LearningRates } from '../optim/rate-range.js';
import { decades, placeOf, rateText, scaleOf } from './rate-scale.js';

const [columns, rows, margin] = [50, 12, 9];

/** The plot: `*` the smoothed loss, `.` those of single steps, `|` the suggestion. */
export function ratesPlot({ points, suggested }: Pick<LearningRates, 'points' | 'suggested'>): string {
  const scale = scaleOf(points);
  const cells = Array.from({ length: rows }, () => new Array<string>(columns).fill(' '));
  const draw = (rate: number, loss: number, sign: string): void => {
    const { across, up } = placeOf(scale, rate, loss);
    cells[Math.round((1 - up) * (rows - 1))]![Math.round(across * (columns - 1))] = sign;
  };
  const column = (rate: number): number => Math.round(placeOf(scale, rate, 0).across * (columns - 1));
  if (suggested !== undefined) for (const row of cells) row[Math.max(0, column(suggested))] = '|';
  for (const { learningRate, loss } of points) draw(learningRate, loss, '.');
  for (const { learningRate, smoothed } of points) draw(learningRate, smoothed, '*');
  const [low, high] = scale.losses;
  const lines = cells.map((row, i) => {
    const label = i % 4 === 0 || i === rows - 1 ? formatNumber(high - ((high - low) * i) / (rows - 1)) : '';
    return `${label.padStart(margin - 2)} |${row.join('')}`;
  });
  const ticks = new Array<string>(columns + 4).fill(' ');
  let free = 0;
  for (const rate of decades(scale.rates)) {
    const [at, text] = [column(rate), rate.toExponential(0).replace('+', '')];
    if (at < free || at + text.length > ticks.length - 3) continue;
    ticks.splice(at, text.length, ...text);
    free = at + text.length + 1;
  }
  const axis = `${' '.repeat(margin - 1)}+${'-'.repeat(columns)}`;
  return ['loss', ...lines, axis, `${' '.repeat(margin)}${ticks.join('')}`, `${' '.repeat(margin)}learning rate`]
    .map((line) => line.trimEnd())
    .join('\n');
}

const ends = {
  steps: 'after its last step',
  diverged: 'as the loss had risen to four times its lowest',
  'not finite': 'as a loss or gradient was no finite number',
};

/** The plot, and what to do. */
export function ratesText(rates: LearningRates): string {
  const { points, steepest, lowest, suggested, ended, notes } = rates;
  const last = points.at(-1)!;
  const said = [`ended at step ${last.step} (${rateText(last.learningRate)}), ${ends[ended]}`];
  if (suggested !== undefined)
    said.push(
      `steepest fall of the smoothed loss at ${rateText(steepest!)}`,
      `lowest smoothed loss at ${rateText(lowest!)}, a tenth of that ${rateText(lowest! / 10)}`,
      `suggested, the smaller of the two: --learning-rate ${suggested}`,
    );
  return [ratesPlot(rates), '', ...said, ...notes.map((note) => `note: ${note}`)].join('\n');
}
