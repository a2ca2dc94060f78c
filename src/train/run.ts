// Everything a run holds open: data, engine, optimizer, where it writes, and what it counts. Opened in the order in
// which a user's mistakes are found quickest; closed in the reverse.

import { dirname, join } from 'node:path';
import { CheckpointWriter, loadCheckpoint, resolveCheckpoint } from '../checkpoint/store.js';
import type { TrainConfig } from '../config/train-schema.js';
import { orAborted } from '../data/data-client.js';
import type { Dataset } from '../data/dataset.js';
import { type PlacedRemark, Remarks } from '../data/images/remarks.js';
import { labelsOfConfig } from '../data/labels.js';
import type { BadSample, DataLoader } from '../data/loader.js';
import type { Given } from '../data/memory/given.js';
import type { Splits } from '../data/splits.js';
import { Engine } from '../engine/engine.js';
import { modelValues } from '../engine/model-values.js';
import { OrtuneError, UsageError } from '../errors.js';
import type { EvaluationEvent } from '../events.js';
import { type ResolveOptions, resolveModel } from '../models/hub.js';
import { directoryOf } from '../onnx/load.js';
import { Accumulator } from '../optim/accumulator.js';
import type { Optimizer } from '../optim/optimizer.js';
import { type Schedule, scheduleOf } from '../optim/schedule.js';
import { lossEntry } from '../optim/update.js';
import type { Traffic } from '../runtime/session.js';
import { StepTimes } from '../statistics.js';
import { batchSizeFor } from '../tasks/fixed-axes.js';
import { openLoader } from '../tasks/loader.js';
import type { EncodingPlan, TaskSpec } from '../tasks/task.js';
import { loadTask, taskNamed } from '../tasks/tasks.js';
import { readModelConfig } from '../transfer/config.js';
import { type CachedPart, TrunkCache } from '../trunk/trunk-cache.js';
import { BadSamples, type SkippedSample } from './bad-samples.js';
import { BestTracker } from './best.js';
import { openData, tablesOf } from './data.js';
import { createOptimizer, groupOptions } from './groups.js';
import { type Due, dueAt, type RunLength } from './intervals.js';
import { checkLearnable } from './learnable.js';
import { type CheckedMemory, checkMemory } from './memory-check.js';
import type { PendingStep } from './pending-steps.js';
import { lockRun, RunDirectory } from './run-directory.js';
import {
  checkpointSources,
  keepsBest,
  newProgress,
  type Origin,
  type Progress,
  type RunState,
  refuseAnotherRun,
} from './run-state.js';

/** A checkpoint. */
interface Place {
  path: string;
  step: number;
}

export interface Run {
  config: TrainConfig;
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
  /** Where a step has more than one batch. */
  accumulator: Accumulator | undefined;
  schedule: Schedule;
  length: RunLength;
  evaluationDue: Due;
  checkpointDue: Due;
  best: BestTracker;
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
 * Opens a run, resumed from a checkpoint where the configuration says so.
 * @throws UsageError, DataError, ModelError for input that cannot be used; the signal's reason
 */
export async function openRun(
  wished: TrainConfig,
  given: Given,
  signal: AbortSignal | undefined,
  listeners: {
    download?: ResolveOptions['onDownload'];
    badSample?: (sample: SkippedSample) => void;
    /** Told of each kind of picture that something is to be said of. */
    remark?: (note: string) => void;
  } = {},
): Promise<Run> {
  const startedMs = performance.now();
  let config = wished;
  const opened: { close(): Promise<unknown> }[] = [];
  const close = async (): Promise<void> => {
    for (const item of opened.reverse()) await item.close();
  };
  const keep = <T extends { close(): Promise<unknown> }>(item: T): T => {
    opened.push(item);
    return item;
  };
  try {
    keep(await lockRun(config.output));
    new RunDirectory(config);
    const from = config.resume === undefined ? undefined : await resolveCheckpoint(config.output, config.resume);
    const { name, classes, options, parts: files, readsModel } = await loadTask(config.task);
    const resolving = { signal, onDownload: listeners.download };
    const model = await resolveModel(config.model, resolving);
    const values = readsModel ? await modelValues({ model, parts: files }) : undefined;
    const own = labelsOfConfig(readModelConfig(directoryOf(model)))?.names;
    const data = keep(await openData(config, given, { model: values, labels: own, signal }));
    const task: TaskSpec = { name, options: options(config, { soft: data.targets === 'probabilities' }) };
    const labels = classes ? data.labels.names : undefined;
    const engine = keep(await Engine.open({ ...config, model, labels, task, parts: files }));
    const batches = batchSizeFor(engine.model.inputs, config.batchSize);
    config = { ...config, batchSize: batches.batchSize };
    const parts = [data.train, data.eval, data.test].filter((part) => part !== undefined);
    let bad: BadSamples | undefined;
    const remarks = new Remarks(listeners.remark);
    const loading = {
      ...config,
      badSample: (sample: BadSample) => bad?.add(sample),
      remark: (remark: PlacedRemark) => remarks.add(remark),
    };
    const opening = openLoader(loading, { ...engine.model, purpose: 'train' }, task, tablesOf(parts));
    const { loader, plan: planned } = await orAborted(opening, signal).catch((error) => {
      // What is opened in spite of an abort is closed when it is there.
      opening.then(({ loader }) => loader.close()).catch(() => {});
      throw error;
    });
    keep(loader);
    const memory = await checkMemory(config, engine, loader);
    const accumulator =
      config.gradientAccumulationSteps > 1
        ? await Accumulator.create(engine.device, engine.gradients, [...trainedNames(engine), lossEntry])
        : undefined;
    const syncEvery = engine.device.asynchronous ? config.loggingSteps : 1;
    const learnable =
      config.maxSteps === 0 ? [] : checkLearnable(data.train, groupOptions(engine.model.parameters, config).values());
    const plan = { ...planned, notes: [...(planned.notes ?? []), ...batches.notes, ...learnable] };
    const optimizer = await createOptimizer(engine, config, { gradients: accumulator?.total, outcomes: syncEvery });
    const stepsPerEpoch = Math.ceil(batchesPerEpoch(data, engine, config) / config.gradientAccumulationSteps);
    const length = { stepsPerEpoch, totalSteps: config.maxSteps ?? config.epochs * stepsPerEpoch };
    const resolved = {
      ...config,
      dropout: engine.model.dropout,
      device: engine.device.name,
      precision: engine.precision,
    };
    const hashes = { model: engine.model.hash, train: data.train.hash, ...(data.eval && { eval: data.eval.hash }) };
    const saved =
      from === undefined
        ? undefined
        : await stateToResume(from, config, engine, optimizer, { config: resolved, hashes }, length);
    const resumed = saved && { path: from!, step: saved.progress.step };
    const best = new BestTracker({
      metric: config.metricForBestModel,
      patience: config.earlyStoppingPatience,
      threshold: config.earlyStoppingThreshold,
    });
    if (saved) best.restore(saved.best);
    if (saved) await optimizer.resume(saved.optimizerSteps, saved.scaling);
    if (saved) await engine.upload(optimizer);
    const directory = keep(new RunDirectory(resolved, { resumeStep: resumed?.step }));
    bad = new BadSamples(
      {
        samples: parts.reduce((sum, { samples }) => sum + samples, 0),
        maxBadSamples: config.maxBadSamples,
        known: directory.badSamples,
      },
      (sample) => {
        directory.addBadSample(sample);
        listeners.badSample?.(sample);
      },
    );
    const run: Run = {
      config,
      data,
      task,
      engine,
      loader,
      plan,
      trunk: keep(new TrunkCache(config, engine, loader, taskNamed(name).writeTargets)),
      syncEvery,
      pending: [],
      optimizer,
      memory,
      accumulator,
      schedule: scheduleOf(config, length.totalSteps),
      length,
      evaluationDue: data.eval ? dueAt(config.evalStrategy, config.evalSteps, length) : () => false,
      checkpointDue: dueAt(config.saveStrategy, config.saveSteps, length),
      best,
      keepsBest: keepsBest(config),
      directory,
      bad,
      remarks,
      checkpoints: keep(new CheckpointWriter(directory.checkpoints, checkpointSources(engine, optimizer))),
      origin: { config: resolved, hashes },
      progress: saved?.progress ?? newProgress(),
      times: new StepTimes(),
      startedMs,
      firstStepMs: undefined,
      checkpoint: resumed,
      checkpointWritten: Promise.resolve(),
      resumed,
      close,
    };
    signal?.throwIfAborted();
    return run;
  } catch (error) {
    await close();
    throw error;
  }
}

const trainedNames = ({ model }: Engine): string[] =>
  model.parameters.filter((p) => p.trainable).map(({ name }) => name);

/** @throws UsageError for fewer samples than the one batch that BatchNormalization needs */
function batchesPerEpoch({ train }: Splits, { dropLast }: Engine, { batchSize, maxSteps }: TrainConfig): number {
  const batches = train.batches(batchSize, dropLast && maxSteps !== 0);
  if (batches > 0) return batches;
  throw new UsageError(
    `the training data has ${train.samples} samples, not one batch of ${batchSize}, and BatchNormalization would take what fills it up ` +
      `into its statistics: set batchSize to at most ${train.samples}, or batchNorm to frozen`,
  );
}

/** Loads the weights and the optimizer's state of a checkpoint and gives the rest, if it is of this very run. */
async function stateToResume(
  path: string,
  config: TrainConfig,
  engine: Engine,
  optimizer: Optimizer,
  origin: Origin,
  { totalSteps }: RunLength,
): Promise<RunState> {
  const state = (await loadCheckpoint(path, checkpointSources(engine, optimizer))) as RunState;
  if (!config.allowChanges) refuseAnotherRun(path, state, origin);
  if (state.progress.step <= totalSteps) return state;
  throw new UsageError(
    `checkpoint ${path} is of step ${state.progress.step}, this run ends at ${totalSteps}; raise epochs or maxSteps`,
  );
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
  if (totalSteps > stepsPerEpoch && cacheable(config)) parts.set('train', data.train);
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
