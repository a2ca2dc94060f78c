// From the space to trials: every combination, or so many drawn. What a trial is follows from the space, the seed and
// its number alone, so that a search that is started again knows its trials; a trial is named by what it has chosen, so
// that those of a larger space are known too.

import { createHash } from 'node:crypto';
import { isRange, isWhole, type Range, type SearchSpace } from '../config/search-space.js';
import { uniform } from '../random.js';

/** What a trial has of the space, by option; null: the option is left out. */
export type Chosen = Readonly<Record<string, unknown>>;

export interface Trial {
  /** 'trial-1f6c09d2': begins the names of its directories. */
  name: string;
  chosen: Chosen;
}

type Entry = readonly [key: string, values: readonly unknown[] | Range];

/**
 * The trials of a space: the grid, the last option changing fastest; or `trials` different ones, fewer where there are.
 */
export function trialsOf(space: SearchSpace, { trials, seed }: { trials?: number | undefined; seed: number }): Trial[] {
  const entries = Object.entries(space).filter((entry): entry is [string, Entry[1]] => entry[1] !== undefined);
  const all = entries.reduce((n, [, values]) => n * (isRange(values) ? Number.POSITIVE_INFINITY : values.length), 1);
  const chosen = trials === undefined || all <= trials ? grid(entries) : drawn(entries, trials, seed);
  return chosen.map((one) => ({ name: nameOf(one), chosen: one }));
}

/** 'learningRate 0.001, batchSize 8' */
export const describeChosen = (chosen: Chosen): string =>
  Object.entries(chosen)
    .map(([key, value]) => `${key} ${valueText(value)}`)
    .join(', ');

/** A value as tables show it. */
export const valueText = (value: unknown): string =>
  value === null ? 'left out' : typeof value === 'string' ? value : JSON.stringify(value);

function nameOf(chosen: Chosen): string {
  const text = JSON.stringify(Object.entries(chosen).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `trial-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}

function grid([first, ...rest]: readonly Entry[]): Chosen[] {
  if (!first) return [{}];
  const [key, values] = first;
  return (values as readonly unknown[]).flatMap((value) => grid(rest).map((others) => ({ [key]: value, ...others })));
}

/** Combinations that come again are drawn anew. */
function drawn(entries: readonly Entry[], trials: number, seed: number): Chosen[] {
  const found = new Map<string, Chosen>();
  const streams = entries.map(([key]) => createHash('sha256').update(key).digest().readInt32LE());
  for (let draw = 0; found.size < trials && draw < 100 * trials; draw++) {
    const chosen = Object.fromEntries(
      entries.map(([key, values], i) => [key, valueAt(key, values, uniform(seed, streams[i]!, draw))]),
    );
    const name = nameOf(chosen);
    if (!found.has(name)) found.set(name, chosen);
  }
  return [...found.values()];
}

/** The value of an option at `u` in [0, 1). */
function valueAt(key: string, values: Entry[1], u: number): unknown {
  if (!isRange(values)) return values[Math.floor(u * values.length)];
  const { min, max, scale } = values;
  if (isWhole(key)) {
    if (scale !== 'log') return min + Math.floor(u * (max - min + 1));
    // Each number has the part of the axis that rounds to it.
    return Math.min(max, Math.max(min, Math.round(Math.exp(between(Math.log(min - 0.5), Math.log(max + 0.5), u)))));
  }
  const value = scale === 'log' ? Math.exp(between(Math.log(min), Math.log(max), u)) : between(min, max, u);
  // As many digits as say what was drawn, and a person reads.
  return Math.min(max, Math.max(min, Number(value.toPrecision(4))));
}

const between = (low: number, high: number, u: number): number => low + u * (high - low);
