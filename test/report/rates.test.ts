// The plots of a range test: text that fits a terminal of 60 columns, and an SVG with its axes named.

import sharp from 'sharp';
import { expect, it } from 'vitest';
import { type LearningRates, rateAt, suggestRate } from '#ortune/optim/rate-range.js';
import { ratesSvg } from '#ortune/report/rates-svg.js';
import { ratesText } from '#ortune/report/rates-text.js';

const taken = Array.from({ length: 40 }, (_, i) => {
  const learningRate = rateAt({ start: 1e-5, end: 1, steps: 40 }, i);
  return { step: i + 1, learningRate, loss: 1 / (1 + learningRate / 1e-3) + learningRate ** 2 };
});
const rates: LearningRates = { ...suggestRate(taken, 40), ended: 'diverged', notes: ['a note'] };

it('text fits 60 columns and says the rule beside the suggestion', () => {
  const text = ratesText(rates);
  const [plot] = text.split('\n\n') as [string];
  for (const line of plot.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
  expect(text).toMatch(/^[\n\x20-\x7e]*$/);
  expect(plot).toMatch(/1e-5 +1e-4 +1e-3 +1e-2 +1e-1/);
  expect(plot.split('\n')).toHaveLength(16);
  expect(text).toContain('ended at step 40 (1), as the loss had risen to four times its lowest');
  expect(text).toContain(`the smaller of the two: --learning-rate ${rates.suggested}`);
  expect(text).toContain('note: a note');
});

it('the smoothed loss falls from the left and the column of the suggestion is marked', () => {
  const lines = ratesText(rates).split('\n').slice(1, 13);
  const across = lines.map((line) => line.slice(9));
  const column = Math.round((Math.log10(rates.suggested! / 1e-5) / 5) * 49);
  expect(across.filter((line) => line[column] === '|').length).toBeGreaterThan(8);
  const starsAt = (at: number): number => across.findIndex((line) => line[at] === '*');
  expect(starsAt(0)).toBeLessThan(starsAt(25));
});

it('nothing is suggested where there is no suggestion', () => {
  const { points } = rates;
  const text = ratesText({ points, ended: 'steps', notes: [] });
  expect(text).not.toContain('--learning-rate');
  expect(ratesSvg({ points })).not.toContain('suggested');
});

it('one step has a plot too', () => {
  const points = [{ step: 1, learningRate: 1e-3, loss: 2, smoothed: 2 }];
  expect(ratesText({ points, ended: 'not finite', notes: [] })).toContain('as a loss or gradient was no finite number');
  expect(ratesSvg({ points })).not.toContain('NaN');
});

it('the SVG is a picture, with named axes', async () => {
  const svg = ratesSvg(rates);
  expect(svg).toContain('>learning rate (logarithmic)</text>');
  expect(svg).toContain('>loss</text>');
  expect(svg.match(/<circle/g)).toHaveLength(40);
  const { width, height } = await sharp(Buffer.from(svg)).metadata();
  expect([width, height]).toEqual([720, 420]);
});
