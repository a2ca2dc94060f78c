// Everything a run holds open: data, engine, optimizer, where it writes, and what it counts; and what is asked of it as
// a whole. open-run.ts opens it.

import { dirname, join } from 'node:path';
import { type CheckpointWriter, loadCheckpoint } from '../checkpoint/store.js';
import type { Dataset } from '../data/dataset.js';
import type { Remarks } from '../data/images/remarks.js';
import type { DataLoader } from '../data/loader.js';
import type { Splits } from '../data/splits.js';
import type { Engine } from '../engine/engine.js';
import { OrtuneError } from '../errors.js';
import type { EvaluationEvent } from '../events.js';
import type { OwnMetrics } from '../metrics/own.js';
import type { Accumulator } from '../optim/accumulator.js';
import type { Optimizer } from '../optim/optimizer.js';
import type { Schedule } from '../optim/schedule.js';
import type { Traffic } from '../runtime/session.js';
import type { StepTimes } from '../statistics.js';
import type { EncodingPlan, TaskSpec } from '../tasks/task.js';
import { taskNamed } from '../tasks/tasks.js';
import type { CachedPart, TrunkCache } from '../trunk/trunk-cache.js';
import type { RunConfig } from './amounts.js';
import type { BadSamples } from './bad-samples.js';
import type { BestTracker } from './best.js';
import type { Due, RunLength } from './intervals.js';
import type { CheckedMemory } from './memory-check.js';
import type { PendingStep } from './pending-steps.js';
import type { RunDirectory } from './run-directory.js';
import { checkpointSources, type Origin, type Progress, type RunState } from './run-state.js';
import type { Teacher } from './teacher.js';

/** A checkpoint. */
interface Place {
  path: string;
  step: number;
}

export interface Run {
  config: RunConfig;
  data: Splits;
  task: TaskSpec;
  engine: Engine;
  /** Of whole samples. */
  loader: DataLoader;
  /** How samples are loaded. */
  plan: EncodingPlan;
  /** Where the batches come from: the loader, or what is kept of a frozen trunk. */
  trunk: TrunkCache;
  optimizer: Optimizer;
  /** What it needs, where that was determined. */
  memory: CheckedMemory | undefined;
  /** Steps after which their outcomes are collected. */
  syncEvery: number;
  /** Steps taken since. */
  pending: PendingStep[];
  /** Whose logits the loss compares with. */
  teacher: Teacher | undefined;
  /** Where a step has more than one batch. */
  accumulator: Accumulator | undefined;
  schedule: Schedule;
  length: RunLength;
  evaluationDue: Due;
  checkpointDue: Due;
  best: BestTracker;
  /** The program's own. */
  metrics: OwnMetrics;
  /** Evaluations are without samples of what the model writes: these could not be written. */
  writesNothing?: boolean;
  /** A callback has ended it. */
  stopped: boolean;
  /** Whether the weights of the best evaluation are the ones to write. */
  keepsBest: boolean;
  directory: RunDirectory;
  /** Samples that were left out. */
  bad: BadSamples;
  /** What is to be known of pictures. */
  remarks: Remarks;
  checkpoints: CheckpointWriter;
  origin: Origin;
  progress: Progress;
  times: StepTimes;
  /** Most of a step, where the device has memory of its own. */
  traffic?: Traffic | undefined;
  startedMs: number;
  firstStepMs: number | undefined;
  /** Of the evaluation data: the latest, and the best of this process. */
  evaluation?: EvaluationEvent;
  bestEvaluation?: EvaluationEvent;
  /** The latest that is whole and on disk. */
  checkpoint?: Place | undefined;
  /** Why the latest could not be written. */
  checkpointFailure?: Error;
  /** Settles, never fails, when the one being written has become one of these. */
  checkpointWritten: Promise<void>;
  /** Where the run goes on from. */
  resumed: Place | undefined;
  /** Ends every thread and writes what is left to write. */
  close(): Promise<void>;
}

/**
 * The parts of the data that are gone over more than once, so that keeping what a frozen trunk makes of them pays. A
 * function of the configuration alone: a resumed run decides alike.
 */
export function repeatedParts({ config, data, length, task, evaluationDue }: Run): Map<CachedPart, Dataset> {
  const parts = new Map<CachedPart, Dataset>();
  const { cacheable, writeTargets } = taskNamed(task.name);
  if (!writeTargets) return parts;
  const { totalSteps, stepsPerEpoch } = length;
  const same = cacheable(config) && config.augmentModule === undefined;
  if (totalSteps > stepsPerEpoch && same) parts.set('train', data.train);
  let evaluations = 0;
  for (let step = 1; step <= totalSteps && evaluations < 2; step++) evaluations += Number(evaluationDue(step));
  if (data.eval && evaluations > 1) parts.set('eval', data.eval);
  return parts;
}

/** state.json of a checkpoint written now. */
export function stateOf(run: Run): RunState {
  const { progress, origin, optimizer, best, length, config } = run;
  const inEpoch = progress.step % length.stepsPerEpoch;
  return structuredClone({
    ...origin,
    progress,
    sampler: {
      seed: config.seed,
      epoch: Math.floor(progress.step / length.stepsPerEpoch),
      batch: inEpoch * config.gradientAccumulationSteps,
    },
    optimizerSteps: optimizer.steps,
    ...(optimizer.rangeSteps && { rangeSteps: optimizer.rangeSteps }),
    ...(optimizer.scaling && { scaling: optimizer.scaling }),
    best: best.state(),
  });
}

/** Puts the weights of the checkpoint of step `best` into the engine. */
export async function loadWeights({ directory, engine, optimizer, resumed }: Run, best: number): Promise<void> {
  const before = resumed !== undefined && best <= resumed.step;
  const path = join(before ? dirname(resumed.path) : directory.checkpoints, `step-${best}`);
  await loadCheckpoint(path, checkpointSources(engine, optimizer));
  await engine.upload(optimizer);
}

/** @throws OrtuneError when something that the run has to write could not be written: better now than at the end */
export function throwIfUnwritten({ directory, checkpointFailure }: Run): void {
  if (checkpointFailure) throw checkpointFailure;
  if (directory.failure) throw directory.failure;
}

/** An error that ended a run, with what there is to go on from. */
export async function withLastCheckpoint(error: unknown, run: Run): Promise<unknown> {
  await run.checkpointWritten;
  if (!(error instanceof OrtuneError) || error === run.checkpointFailure || run.progress.step === 0) return error;
  error.message += run.checkpoint
    ? `\nThe last good checkpoint is ${run.checkpoint.path}; --resume goes on from it.`
    : '\nNo checkpoint has been written yet.';
  return error;
}
