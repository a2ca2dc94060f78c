// The outcomes of the steps taken, collected and emitted as events. They are read from a device every so often, and
// before anything is made of the weights: an evaluation, a checkpoint, the end.

import { DeviceError } from '../errors.js';
import type { SkippedEvent, StepEvent, TrainerEvents } from '../events.js';
import type { StepOutcome } from '../optim/update.js';
import type { Traffic } from '../runtime/session.js';
import type { StepTime } from '../statistics.js';
import { badStepError } from './bad-step.js';
import { nothingLearnt } from './learnable.js';
import { overflow, type PendingStep, placesOf, spreadTimes } from './pending-steps.js';
import type { Run } from './run.js';
import type { StepBatches } from './taken-step.js';

export type Emit = <E extends keyof TrainerEvents>(event: E, payload: TrainerEvents[E]) => void;

/** The larger of each, where there is any. */
const mostOf = (a: Traffic | undefined, b: Traffic | undefined): Traffic | undefined =>
  a && b ? { up: Math.max(a.up, b.up), down: Math.max(a.down, b.down) } : (a ?? b);

/**
 * Whether the outcomes of the steps so far are needed: every so often, and before anything is made of the weights.
 */
export function syncDue(
  { pending, syncEvery, firstStepMs, progress, ...run }: Run,
  signal: AbortSignal | undefined,
): boolean {
  const { step } = progress;
  const { stepsPerEpoch, totalSteps } = run.length;
  if (pending.length >= syncEvery || firstStepMs === undefined || signal?.aborted) return true;
  return step % stepsPerEpoch === 0 || step === totalSteps || run.evaluationDue(step) || run.checkpointDue(step);
}

/** Collects the outcomes of the steps so far; `latest`: the batches of the last of them, where they are still there. */
export async function collectOutcomes(run: Run, emit: Emit, latest?: StepBatches): Promise<void> {
  const pending = run.pending;
  if (pending.length === 0) return;
  run.pending = [];
  const before = run.engine.device.traffic.down;
  const outcomes = await run.optimizer.outcomes().catch((error) => sayWhen(pending, error));
  const down = run.engine.device.traffic.down - before;
  const times = run.engine.device.asynchronous
    ? spreadTimes(pending, performance.now())
    : pending.map(({ time }) => time);
  for (const [i, step] of pending.entries()) {
    const last = i === pending.length - 1;
    if (last && step.traffic) step.traffic = { ...step.traffic, down: step.traffic.down + down };
    await record(run, emit, step, outcomes[i]!, times[i]!, last ? latest : undefined);
  }
}

async function record(
  run: Run,
  emit: Emit,
  pending: PendingStep,
  { bad, lossScale: scale, ...outcome }: StepOutcome,
  time: StepTime,
  latest: StepBatches | undefined,
): Promise<void> {
  const { progress, times, directory, length } = run;
  const { step, epoch, learningRate, traffic } = pending;
  if (step % length.stepsPerEpoch === 0) progress.epochLoss = { sum: 0, steps: 0 };
  if (bad !== undefined)
    return skipStep(run, emit, pending, { ...outcome, bad, ...(scale && { lossScale: scale }) }, latest);
  if (run.firstStepMs === undefined) directory.open();
  run.firstStepMs ??= performance.now();
  progress.epochLoss.sum += outcome.loss;
  progress.epochLoss.steps++;
  run.traffic = mostOf(run.traffic, traffic);
  if (epoch === 0 && run.trunk.truncated === undefined) progress.truncated += pending.truncated;
  times.add(time);
  const event: StepEvent = {
    step: step + 1,
    totalSteps: length.totalSteps,
    epoch,
    ...outcome,
    learningRate,
    ...(scale !== undefined && { lossScale: scale }),
    samplesPerSecond: times.rate(),
    secondsLeft: times.secondsFor(length.totalSteps - step - 1),
    ...(traffic && { traffic }),
  };
  directory.record('step', event);
  emit('step', event);
  if (pending.weight === 0) progress.idle++;
  const shown = Math.min(length.stepsPerEpoch, length.totalSteps);
  if (step + 1 === shown && progress.idle === shown) throw nothingLearnt(shown);
}

/** A step that a callback leaves out: counted, and nothing is computed. */
export async function leaveOut(run: Run, emit: Emit, { step, epoch, batches }: StepBatches): Promise<void> {
  // Events come in the order of the steps.
  await collectOutcomes(run, emit);
  const { progress, length } = run;
  if (step % length.stepsPerEpoch === 0) progress.epochLoss = { sum: 0, steps: 0 };
  progress.step++;
  progress.leftOut++;
  const event: SkippedEvent = { step: step + 1, epoch, reason: 'a callback left it out', samples: placesOf(batches) };
  run.directory.record('skipped', event);
  emit('skipped', event);
}

function sayWhen(pending: readonly PendingStep[], error: unknown): never {
  const [first, last] = [pending[0]!.step + 1, pending.at(-1)!.step + 1];
  if (error instanceof DeviceError)
    error.message = `${first === last ? `step ${last}` : `steps ${first} to ${last}`}: ${error.message}`;
  throw error;
}

/** A step that is not finite: ends the run, or is reported and forgotten while there are few. */
async function skipStep(
  run: Run,
  emit: Emit,
  pending: PendingStep,
  outcome: StepOutcome & { bad: string },
  latest: StepBatches | undefined,
): Promise<void> {
  const { nonFinite, maxBadSteps } = run.config;
  const { step, epoch } = pending;
  const harmless = overflow(outcome);
  if (harmless !== undefined) run.progress.overflows++;
  else run.progress.skipped++;
  if (harmless !== undefined || (nonFinite === 'skip' && run.progress.skipped <= maxBadSteps)) {
    const reason = harmless ?? `${outcome.bad} is not finite`;
    const event: SkippedEvent = { step: step + 1, epoch, reason, samples: placesOf(pending.rows) };
    run.directory.record('skipped', event);
    emit('skipped', event);
    return;
  }
  throw await badStepError(run, pending, outcome.bad, latest);
}
