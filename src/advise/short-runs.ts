// Short runs of the ways to use a model, each an ordinary run of a comparison: at two learning rates for some steps,
// then at the better one for three times as many. Accuracies are those of a share of the training data that is held
// out; the user's own evaluation data are left alone.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { compare } from '../compare/compare.js';
import type { StrategyResult } from '../compare/tabulate.js';
import { type AdviseConfig, runPart } from '../config/advise-schema.js';
import type { CompareOptions } from '../config/compare-schema.js';
import { usualAmounts } from '../config/usual-amounts.js';
import { OrtuneError } from '../errors.js';
import { type Expected, expected, longer, type ShortRun, stepsFor } from './outlook.js';

/** A way to use the weights: what is trained in its steps, and the rates that it is tried with. */
interface Trial {
  strategy: string;
  /** A step in passes forward. */
  passes: number;
  /** Times the rate of the configuration, which is one for fine-tuning. */
  rates: readonly [number, number];
}

/** From the cheapest to the dearest. Matrices that start at zero, heads and random weights take larger rates. */
const trials: readonly Trial[] = [
  { strategy: 'frozen', passes: 1, rates: [20, 100] },
  { strategy: 'lora', passes: 2.5, rates: [4, 20] },
  { strategy: 'finetuned', passes: 3, rates: [1, 8] },
  { strategy: 'scratch', passes: 3, rates: [2, 10] },
];

export interface StrategyOutlook extends Expected {
  name: string;
  /** The better one of those tried. */
  learningRate: number;
  /** At that rate. */
  runs: ShortRun[];
  /** That the whole run would take, its evaluations left out. */
  seconds: number;
}

export interface Trials {
  /** The model as it is, where its own classes are those of the data. */
  asItIs?: Expected;
  strategies: StrategyOutlook[];
  /** Held-out samples that accuracies are of. */
  held: number;
  /** Steps of the whole run. */
  totalSteps: number;
  /** Of what could not be run: why. */
  notes: string[];
}

export interface TrialOptions {
  /** Training samples. */
  samples: number;
  /** Seconds that the model takes for a sample, forward. */
  perSample: number;
  /** Seconds that there are. */
  seconds: number;
  /** The classes of the model are those of the data. */
  ownClasses: boolean;
  signal?: AbortSignal | undefined;
  onRun?: ((what: string, done: number, of: number) => void) | undefined;
}

/** Most and fewest samples to measure on, and the most of the training data. */
const heldOut = { most: 1000, least: 50, share: 0.2 };
const leastSteps = 10;

/** @returns why there are no runs, where the time does not suffice @throws the signal's reason */
export async function runTrials(config: AdviseConfig, options: TrialOptions): Promise<Trials | string> {
  const { samples, perSample, seconds, ownClasses, signal, onRun } = options;
  const endMs = performance.now() + 1000 * seconds;
  const wanted = Math.min(heldOut.most, heldOut.share * samples, Math.max(heldOut.least, seconds / (50 * perSample)));
  const evalSplit = Math.min(0.5, wanted / samples);
  const { learningRate } = usualAmounts(config);
  const held = Math.round(evalSplit * samples);
  const totalSteps = stepsOf(config, samples);
  const batch = config.batchSize * config.gradientAccumulationSteps;
  const asked = trials.filter(({ strategy }) => config.strategies.includes(strategy));
  const passes = asked.map((trial) => trial.passes);
  const steps = stepsFor({ seconds, perSample, batch, passes, held, totalSteps });
  if (steps < Math.min(leastSteps, Math.ceil(totalSteps / longer))) return 'the budget leaves no time for short runs';
  const found: Trials = { strategies: [], held, totalSteps, notes: [] };
  if (ownClasses) {
    const as = { strategy: 'untouched', learningRate, steps: 0, evalSplit, signal };
    const { mean: accuracy } = await runShort(config, as);
    found.asItIs = expected([{ steps: 0, accuracy }], 0, held);
  }
  for (const [i, trial] of asked.entries()) {
    if (performance.now() > endMs) {
      found.notes.push(`${trial.strategy} was left out: the budget was spent before it`);
      continue;
    }
    onRun?.(`short runs: ${trial.strategy}`, i, asked.length);
    const run = (rate: number, count: number): Promise<StrategyResult> =>
      runShort(config, { strategy: trial.strategy, learningRate: rate, steps: count, evalSplit, signal });
    try {
      found.strategies.push(await tryRates(trial, learningRate, steps, { run, held, totalSteps }));
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof OrtuneError)) throw error;
      found.notes.push(`${trial.strategy} was left out: ${error.message}`);
    }
  }
  rmSync(runsOf(config), { recursive: true, force: true });
  return found;
}

const runsOf = ({ output }: AdviseConfig): string => join(output, 'runs');

/** Optimizer steps of the run that the configuration describes. */
function stepsOf(config: AdviseConfig, samples: number): number {
  const { maxSteps, batchSize, gradientAccumulationSteps, evalSplit = 0 } = config;
  const { epochs } = usualAmounts(config);
  const trained = samples - Math.round(evalSplit * samples);
  return maxSteps ?? epochs * Math.ceil(Math.ceil(trained / batchSize) / gradientAccumulationSteps);
}

interface Trying {
  run(learningRate: number, steps: number): Promise<StrategyResult>;
  held: number;
  totalSteps: number;
}

async function tryRates(
  { strategy, rates }: Trial,
  base: number,
  steps: number,
  { run, held, totalSteps }: Trying,
): Promise<StrategyOutlook> {
  const first: { rate: number; accuracy: number }[] = [];
  for (const times of rates) first.push({ rate: base * times, accuracy: (await run(base * times, steps)).mean });
  const better = first[1]!.accuracy > first[0]!.accuracy ? first[1]! : first[0]!;
  const last = await run(better.rate, longer * steps);
  const runs = [
    { steps, accuracy: better.accuracy },
    { steps: longer * steps, accuracy: last.mean },
  ];
  const seconds = ((last.stepMs ?? 0) * totalSteps) / 1000;
  return { name: strategy, learningRate: better.rate, runs, seconds, ...expected(runs, totalSteps, held) };
}

interface Short {
  strategy: string;
  learningRate: number;
  steps: number;
  evalSplit: number;
  signal: AbortSignal | undefined;
}

/** @throws what compare throws; the signal's reason */
async function runShort(config: AdviseConfig, short: Short): Promise<StrategyResult> {
  const { strategy, learningRate, steps, evalSplit, signal } = short;
  const { freeze, init, keepLayers, adapter, resume, allowChanges, ...shared } = runPart(config);
  const output = join(runsOf(config), `${strategy}-${learningRate}-${steps}`);
  const options = {
    ...shared,
    ...{ strategies: [strategy], seeds: [config.seed], metric: 'accuracy', learningRate, maxSteps: steps },
    ...{
      evalSplit,
      eval: undefined,
      test: undefined,
      evalStrategy: 'steps',
      evalSteps: Math.max(1, steps),
      saveStrategy: 'no',
    },
    ...{ metricForBestModel: 'loss', loadBestModelAtEnd: undefined, earlyStoppingPatience: undefined },
    ...{ reduceOnPlateauPatience: undefined, warmupSteps: undefined, trunkCache: false, tensorboard: false },
    ...{ output, overwrite: true },
  } as CompareOptions;
  try {
    const { strategies } = await compare(options, { signal });
    signal?.throwIfAborted();
    return strategies[0]!;
  } finally {
    // Their models are of no use, and as large as the model.
    rmSync(output, { recursive: true, force: true });
  }
}
