// From short runs to what a whole run would reach, and which way to take. A strategy is run for some steps and for
// three times as many, each with a schedule of its own; errors fall as a power of the steps (extrapolate.ts). That is
// the hope; that the longer run learns no more is the fear; both with the error of their measurement.

import { extrapolate } from './extrapolate.js';

/** A run of a strategy: optimizer steps, and the share of held-out samples that is right. */
export interface ShortRun {
  steps: number;
  accuracy: number;
}

/** What a whole run is expected to reach. */
export interface Expected {
  accuracy: number;
  /** From no further gain to the whole gain, each with one standard error. */
  low: number;
  high: number;
}

/** @param runs ascending by steps @param samples that accuracy was measured on */
export function expected(runs: readonly ShortRun[], totalSteps: number, samples: number): Expected {
  const last = runs.at(-1)!.accuracy;
  const curve = runs.map(({ steps, accuracy }) => ({ samples: steps, accuracy }));
  const steps = Math.max(totalSteps, runs.at(-1)!.steps);
  const accuracy = curve.length < 2 ? last : extrapolate(curve, steps);
  const error = (of: number): number => standardError(of, samples);
  return { accuracy, low: Math.max(0, last - error(last)), high: Math.min(1, accuracy + error(accuracy)) };
}

/** Of a share of so many samples: binomial. */
export const standardError = (share: number, samples: number): number => Math.sqrt((share * (1 - share)) / samples);

/** A way that may be taken. */
export interface Way extends Expected {
  name: string;
}

/** What a dearer way must gain to be worth it. */
const worthwhile = 0.005;

/** The first of the ways, which come from the cheapest on, that the best of all is hardly better than. */
export function choose<W extends Way>(ways: readonly W[]): W | undefined {
  const best = Math.max(...ways.map(({ accuracy }) => accuracy));
  return ways.find(({ accuracy }) => accuracy >= best - worthwhile);
}

export interface Costs {
  /** Seconds that there are for all runs. */
  seconds: number;
  /** That the model takes for a sample, forward. */
  perSample: number;
  /** Samples of a step. */
  batch: number;
  /** Of each strategy: a step in passes forward. */
  passes: readonly number[];
  /** Samples to measure on. */
  held: number;
  /** Steps of the whole run. */
  totalSteps: number;
}

/** Learning rates that a strategy is tried with. */
export const triedRates = 2;
/** How much longer the second run of a strategy is. */
export const longer = 3;
/** Opening and saving. */
const secondsOfRun = 3;

/**
 * Steps of the first runs of each strategy, such that all fit into the time: as many as there are rates, and one that
 * is longer.
 */
export function stepsFor({ seconds, perSample, batch, passes, held, totalSteps }: Costs): number {
  const runs = (triedRates + 1) * passes.length;
  const left = seconds - runs * (held * perSample + secondsOfRun);
  const each = (triedRates + longer) * batch * perSample * passes.reduce((sum, one) => sum + one, 0);
  return Math.min(Math.floor(left / each), Math.ceil(totalSteps / longer));
}
