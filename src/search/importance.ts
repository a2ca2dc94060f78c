// How much an option matters: the share of the variance of the metric over the trials that its values explain alone. A
// one-way analysis of variance with the groups that have the same value, corrected for what groups explain by chance
// (epsilon squared: Kelley, 1935). It sees no interaction of options, and of few trials it says little.

import { mean } from '../statistics.js';
import type { Chosen } from './trials.js';

export interface Measured {
  chosen: Chosen;
  value: number;
}

/** So many different numbers and more are taken together in thirds. */
const many = 6;

/** By option, from 0 to 1; an option is left out where the trials are too few to tell. */
export function importanceOf(trials: readonly Measured[]): Record<string, number> {
  const finite = trials.filter(({ value }) => Number.isFinite(value));
  const shares = Object.keys(finite[0]?.chosen ?? {}).flatMap((key) => {
    const share = shareExplained(groupsBy(key, finite));
    return share === undefined ? [] : [[key, share] as const];
  });
  return Object.fromEntries(shares.toSorted((a, b) => b[1] - a[1]));
}

function groupsBy(key: string, trials: readonly Measured[]): number[][] {
  const options = trials.map(({ chosen }) => chosen[key]);
  const different = new Set(options.map((option) => JSON.stringify(option)));
  const numbers = options.every((option) => typeof option === 'number');
  if (numbers && different.size >= many) {
    const sorted = trials.toSorted((a, b) => (a.chosen[key] as number) - (b.chosen[key] as number));
    return [0, 1, 2].map((third) =>
      sorted
        .slice(Math.round((third * sorted.length) / 3), Math.round(((third + 1) * sorted.length) / 3))
        .map(({ value }) => value),
    );
  }
  return [...different].map((text) =>
    trials.filter(({ chosen }) => JSON.stringify(chosen[key]) === text).map(({ value }) => value),
  );
}

const squares = (values: readonly number[], centre: number): number =>
  values.reduce((sum, value) => sum + (value - centre) ** 2, 0);

/** Epsilon squared of groups of values; undefined for one group, for groups of one value each, and for equal values. */
export function shareExplained(groups: readonly (readonly number[])[]): number | undefined {
  const all = groups.flat();
  const spare = all.length - groups.length;
  const total = squares(all, mean(all));
  if (groups.length < 2 || spare < 1 || total === 0) return undefined;
  const within = groups.reduce((sum, group) => sum + squares(group, mean(group)), 0);
  return Math.max(0, (total - within - ((groups.length - 1) * within) / spare) / total);
}
