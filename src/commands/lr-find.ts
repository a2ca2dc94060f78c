// A range test of learning rates: steps of the very run that is to come (its model, data, order, batches, optimizer and
// groups) at rates that grow from step to step, until the loss goes up for good. What a run writes goes to a temporary
// directory, and what it would keep beside the data is not kept, so nothing of the run is touched; neither checkpoint
// nor model is written.

import { checkHooks, checkOptions, resolvingKeys } from '../arguments.js';
import { type LrFindConfig, type LrFindOptions, lrFindSchema, trainPart } from '../config/lr-find-schema.js';
import { parseOptions } from '../config/options.js';
import type { TrainConfig } from '../config/train-schema.js';
import { withoutGiven } from '../data/memory/given.js';
import { OrtuneError } from '../errors.js';
import type { SkippedEvent, StepEvent } from '../events.js';
import { writeAtomically } from '../files/atomic-file.js';
import { ownFolder } from '../models/given-model.js';
import type { ResolveOptions } from '../models/hub.js';
import { hasDiverged, type LearningRates, type RatePoint, rateAt, suggestRate } from '../optim/rate-range.js';
import { ratesSvg } from '../report/rates-svg.js';
import { openRun } from '../train/open-run.js';
import { collectOutcomes, type Emit } from '../train/outcomes.js';
import { pendingStep } from '../train/pending-steps.js';
import type { Run } from '../train/run.js';
import { takeStep } from '../train/step.js';
import { stepBatches } from '../train/step-batches.js';

export interface LrFindHooks extends ResolveOptions {
  /** After each step. */
  onStep?: (event: StepEvent) => void;
  /** Of the run that is tested. */
  onWarning?: (message: string) => void;
}

/**
 * Takes `steps` (100) optimizer steps at rates that grow exponentially from `startRate` to `endRate` and says which
 * rate to train with. Smith, "Cyclical Learning Rates for Training Neural Networks" (2015).
 * @param options those of `ortune lr-find`
 * @throws UsageError, DataError, ModelError as a run; OrtuneError where the loss is no number from the first step on,
 *   and where the plot cannot be written; the signal's reason
 */
export async function findLearningRate(options: LrFindOptions, hooks: LrFindHooks = {}): Promise<LearningRates> {
  checkOptions(options, 'findLearningRate: options');
  checkHooks(hooks, 'findLearningRate', [...resolvingKeys, 'onStep', 'onWarning']);
  const { options: rest, given } = withoutGiven(options);
  const config = parseOptions(lrFindSchema, rest);
  const { folder, close } = await ownFolder();
  let tested: Tested;
  try {
    const run = await openRun(runOf(config, folder), given, hooks.signal, {
      download: hooks.onDownload,
      remark: hooks.onWarning,
      everyStep: true,
    });
    try {
      for (const note of [...run.engine.model.notes, ...run.data.notes, ...(run.plan.notes ?? [])])
        hooks.onWarning?.(note);
      tested = await test(run, config, hooks);
    } finally {
      await run.close();
    }
  } finally {
    await close();
  }
  const rates = resultOf(tested, config);
  if (config.svg === undefined) return rates;
  write(config.svg, ratesSvg(rates));
  return { ...rates, svg: config.svg };
}

/** What decides nothing of a step is off. */
const runOf = (config: LrFindConfig, output: string): TrainConfig => ({
  ...trainPart(config, output),
  ...({ schedule: 'constant', warmupSteps: 0, maxSteps: config.steps, trunkCache: false } as const),
  // All that is to train trains from the start.
  ...({ unfreeze: undefined, unfreezeSteps: undefined } as const),
  ...({ evalStrategy: 'no', saveStrategy: 'no', saveSteps: undefined, evalSteps: undefined } as const),
  // The first such step is the end, and no fault.
  ...({ nonFinite: 'skip', maxBadSteps: 1 } as const),
});

interface Tested {
  points: RatePoint[];
  ended: LearningRates['ended'];
}

async function test(run: Run, config: LrFindConfig, { signal, onStep }: LrFindHooks): Promise<Tested> {
  const { startRate: start, endRate: end, steps } = config;
  const points: RatePoint[] = [];
  let bad = false;
  const emit: Emit = (name, payload) => {
    if (name === 'skipped') bad ||= (payload as SkippedEvent).reason.endsWith('is not finite');
    if (name !== 'step') return;
    const { step, learningRate, loss } = payload as StepEvent;
    points.push({ step, learningRate, loss });
    onStep?.(payload as StepEvent);
  };
  for await (const batches of stepBatches(run, 0, signal)) {
    run.progress.learningRateFactor = rateAt({ start, end, steps }, batches.step) / run.config.learningRate;
    const started = performance.now();
    run.pending.push(pendingStep(batches, started, await takeStep(run, batches)));
    run.progress.step++;
    await collectOutcomes(run, emit, batches);
    signal?.throwIfAborted();
    if (bad) return { points, ended: 'not finite' };
    if (
      hasDiverged(
        points.map(({ loss }) => loss),
        steps,
      )
    )
      return { points, ended: 'diverged' };
  }
  return { points, ended: 'steps' };
}

function resultOf({ points, ended }: Tested, { steps, endRate, startRate }: LrFindConfig): LearningRates {
  if (points.length === 0)
    throw new OrtuneError(
      `the loss or its gradient is no finite number at the first step, whose learning rate is ${startRate}: that is no matter ` +
        'of rates. `ortune train` says which sample, weight or tensor it is.',
    );
  const found = suggestRate(points, steps);
  const notes: string[] = [];
  if (found.suggested === undefined)
    notes.push(
      'at no rate did the loss fall by more than its noise, so there is no suggestion: more steps, larger batches ' +
        '(batchSize, gradientAccumulationSteps) or another range of rates show more',
    );
  else if (ended === 'steps' && found.lowest === found.points.at(-1)!.learningRate)
    notes.push(`the loss was still falling at the highest rate; endRate above ${endRate} shows where it stops`);
  return { ...found, ended, notes };
}

function write(path: string, text: string): void {
  try {
    writeAtomically(path, text);
  } catch (error) {
    throw new OrtuneError(`${path} cannot be written: ${(error as Error).message}`);
  }
}
