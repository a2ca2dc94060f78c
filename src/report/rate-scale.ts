// What the plots of a range test have in common: the range of losses that they show, and the ticks of their axes. What
// lies above the range is drawn at its upper edge, since a loss that has gone up for good would leave no room for what
// there is to see.

import type { SmoothedPoint } from '../optim/rate-range.js';

export interface Scale {
  /** Rates, of which the logarithms are drawn. */
  rates: [low: number, high: number];
  losses: [low: number, high: number];
}

export function scaleOf(points: readonly SmoothedPoint[]): Scale {
  const smoothed = points.map((point) => point.smoothed);
  const low = Math.min(...smoothed);
  const until = smoothed.indexOf(low) + 1;
  const fall = Math.max(...smoothed.slice(0, until)) - low || Math.abs(low) * 0.1 || 1;
  const floor = points.every(({ loss }) => loss >= 0) ? 0 : Number.NEGATIVE_INFINITY;
  return {
    rates: [points[0]!.learningRate, points.at(-1)!.learningRate],
    losses: [Math.max(floor, low - 0.2 * fall), low + 1.6 * fall],
  };
}

/** Where a rate and a loss lie, each from 0 to 1. */
export function placeOf({ rates: [slow, fast], losses: [low, high] }: Scale, rate: number, loss: number) {
  const across = fast > slow ? Math.log(rate / slow) / Math.log(fast / slow) : 0;
  return { across, up: Math.min(1, Math.max(0, (loss - low) / (high - low))) };
}

/** A rate to two digits. */
export const rateText = (rate: number): string => String(Number(rate.toPrecision(2)));

/** The powers of ten between two rates. */
export function decades([slow, fast]: readonly [number, number]): number[] {
  const [first, last] = [Math.ceil(Math.log10(slow) - 1e-9), Math.floor(Math.log10(fast) + 1e-9)];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => Number(`1e${first + i}`));
}
