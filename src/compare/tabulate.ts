// Runs to figures: means and spreads over the seeds of each strategy, and how soon it is where training from scratch
// ends.

import { scratch } from '../config/strategies.js';
import { lessIsBetter } from '../metrics/names.js';
import { mean, median, sampleDeviation } from '../statistics.js';
import type { FinishedRun, RunRecord } from './record.js';

/** A run that is part of the table. */
export interface Measured {
  strategy: string;
  seed: number;
  /** Directory of the trained model. */
  output: string;
  record: RunRecord & { finished: FinishedRun };
}

export interface SeedResult {
  seed: number;
  /** The metric. */
  value: number;
  steps: number;
  seconds: number;
  /** The model directory. */
  output: string;
}

export interface StrategyResult {
  name: string;
  /** Of the metric over the seeds. */
  mean: number;
  /** Sample standard deviation over the seeds; left out for a single one, which has no spread. */
  std?: number;
  min: number;
  max: number;
  seeds: SeedResult[];
  /** Elements that are trained, and all that could be. */
  trainable: number;
  parameters: number;
  /** Means over the runs. */
  seconds: number;
  steps: number;
  /** Floating-point operations of training, as TrainResult has them. */
  flops: number;
  /** Median of the runs' medians; left out where nothing is trained. */
  stepMs?: number;
  /**
   * Steps until the metric of the evaluations, as the mean over the seeds, is first where training from scratch ends;
   * left out where it never is, or where nothing was evaluated or run from scratch.
   */
  stepsToScratch?: number;
}

/** `runs` in any order; strategies come in the order they first appear in. */
export function tabulate(runs: readonly Measured[], metric: string): StrategyResult[] {
  const names = [...new Set(runs.map(({ strategy }) => strategy))];
  const target = meanCurve(runsOf(runs, scratch), metric).at(-1)?.value;
  return names.map((name) => {
    const own = runsOf(runs, name);
    const reached = target === undefined ? undefined : firstStep(meanCurve(own, metric), target, metric);
    return { ...resultOf(name, own, metric), ...(reached !== undefined && { stepsToScratch: reached }) };
  });
}

const runsOf = (runs: readonly Measured[], name: string): Measured[] =>
  runs.filter(({ strategy }) => strategy === name);

function resultOf(name: string, runs: readonly Measured[], metric: string): StrategyResult {
  const seeds = runs.map(({ seed, output, record: { finished, seconds } }): SeedResult => {
    return { seed, value: finished.metrics[metric]!, steps: finished.steps, seconds, output };
  });
  const values = seeds.map(({ value }) => value);
  const deviation = sampleDeviation(values);
  const stepMs = median(runs.flatMap(({ record }) => record.finished.stepMs ?? []));
  const { trainable, parameters } = runs[0]!.record;
  return {
    name,
    mean: mean(values),
    ...(!Number.isNaN(deviation) && { std: deviation }),
    min: Math.min(...values),
    max: Math.max(...values),
    seeds,
    trainable,
    parameters,
    seconds: mean(seeds.map(({ seconds }) => seconds)),
    steps: mean(seeds.map(({ steps }) => steps)),
    flops: mean(runs.map(({ record }) => record.finished.flops)),
    ...(!Number.isNaN(stepMs) && { stepMs }),
  };
}

/** Mean over the runs at every step at which all of them were evaluated. */
function meanCurve(runs: readonly Measured[], metric: string): { step: number; value: number }[] {
  const curves = runs.map(({ record }) => new Map(record.finished.curve.map((p) => [p.step, p.metrics[metric]!])));
  const [first, ...others] = curves;
  const shared = [...(first?.keys() ?? [])].filter((step) => others.every((curve) => curve.has(step)));
  return shared.map((step) => ({ step, value: mean(curves.map((curve) => curve.get(step)!)) }));
}

function firstStep(
  curve: readonly { step: number; value: number }[],
  target: number,
  metric: string,
): number | undefined {
  return curve.find(({ value }) => (lessIsBetter(metric) ? value <= target : value >= target))?.step;
}

/** The strategy with the best mean, the first of equal ones; undefined of none. */
export function bestOf(strategies: readonly StrategyResult[], metric: string): string | undefined {
  const sign = lessIsBetter(metric) ? -1 : 1;
  const finite = strategies.filter((strategy) => Number.isFinite(strategy.mean));
  return finite.toSorted((a, b) => sign * (b.mean - a.mean))[0]?.name;
}
