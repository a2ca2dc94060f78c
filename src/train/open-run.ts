// Opens a run in the order in which a user's mistakes are found quickest; what it returns is closed in the reverse.

import { CheckpointWriter, loadCheckpoint, resolveCheckpoint } from '../checkpoint/store.js';
import type { TrainConfig } from '../config/train-schema.js';
import { orAborted } from '../data/data-client.js';
import { type PlacedRemark, Remarks } from '../data/images/remarks.js';
import { labelsOfConfig } from '../data/labels.js';
import type { BadSample } from '../data/loader.js';
import type { Given } from '../data/memory/given.js';
import { hashOfModule } from '../data/own-augmentation.js';
import type { Splits } from '../data/splits.js';
import { Engine } from '../engine/engine.js';
import { modelThread } from '../engine/model-thread.js';
import { modelValues } from '../engine/model-values.js';
import { UsageError } from '../errors.js';
import { type OwnMetrics, ownDirection } from '../metrics/own.js';
import { placeModel } from '../models/given-model.js';
import type { ResolveOptions } from '../models/hub.js';
import { directoryOf } from '../onnx/load.js';
import { Accumulator } from '../optim/accumulator.js';
import type { Optimizer } from '../optim/optimizer.js';
import { scheduleOf } from '../optim/schedule.js';
import { lossEntry } from '../optim/update.js';
import { StepTimes } from '../statistics.js';
import { batchSizeFor } from '../tasks/fixed-axes.js';
import { openLoader } from '../tasks/loader.js';
import { hashOfLossFiles } from '../tasks/losses/loss-files.js';
import type { TaskSpec } from '../tasks/task.js';
import { loadTask, taskNamed } from '../tasks/tasks.js';
import { WorkerPool } from '../threads/worker-pool.js';
import { adapterOf } from '../transfer/adapter/options.js';
import { readModelConfig } from '../transfer/config.js';
import { TrunkCache } from '../trunk/trunk-cache.js';
import { type RunConfig, withAmounts } from './amounts.js';
import { BadSamples, type SkippedSample } from './bad-samples.js';
import { BestTracker, keepsBest } from './best.js';
import { divideParts, openData, tablesOf } from './data.js';
import { createOptimizer, groupOptions } from './groups.js';
import { dueAt, type RunLength } from './intervals.js';
import { checkLearnable } from './learnable.js';
import { checkMemory } from './memory-check.js';
import type { Run } from './run.js';
import { lockRun, RunDirectory } from './run-directory.js';
import { checkpointSources, newProgress, type Origin, type RunState, refuseAnotherRun } from './run-state.js';
import { Teacher } from './teacher.js';
import { unfreezingNotes } from './unfreezing.js';

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
    /** The outcome of each step is needed before the next. */
    everyStep?: boolean;
    /** The program's own. */
    metrics?: OwnMetrics;
  } = {},
): Promise<Run> {
  const startedMs = performance.now();
  const { metrics = {} } = listeners;
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
    const augment = config.augmentModule && hashOfModule(config.augmentModule);
    const from = config.resume === undefined ? undefined : await resolveCheckpoint(config.output, config.resume);
    const { name, classes, options, parts: files, readsModel, lossFiles } = await loadTask(config.task);
    // It loads its modules while the data are read.
    const thread = new WorkerPool(modelThread);
    keep({ close: () => thread.destroy() });
    const { maxDownloadBytes } = config;
    const resolving = { signal, onDownload: listeners.download, maxDownloadBytes };
    const { path: model } = keep(await placeModel(config.model, given.model, resolving));
    const values = readsModel ? await modelValues({ model, parts: files, bind: config.bind }) : undefined;
    const own = labelsOfConfig(readModelConfig(directoryOf(model)))?.names;
    const data = keep(await openData(config, given, { model: values, labels: own, signal }));
    const { positiveWeights } = data;
    const targets = { soft: data.targets === 'probabilities', ...(positiveWeights && { positiveWeights }) };
    const task: TaskSpec = { name, options: options(config, { ...targets, directory: directoryOf(model) }) };
    const loss = hashOfLossFiles(lossFiles?.(task.options) ?? []);
    const labels = classes ? data.labels.names : undefined;
    const opening = { ...config, model, labels, task, parts: files, lora: adapterOf(config) };
    const engine = keep(await Engine.open(opening, thread));
    // They are made while the data are looked at, and asked for below.
    engine.hashes().catch(() => {});
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
    const read = tablesOf([...parts, data.corpus].filter((part) => part !== undefined));
    const loaded = openLoader(loading, { ...engine.model, purpose: 'train' }, task, read);
    const { loader, plan: planned } = await orAborted(loaded, signal).catch((error) => {
      // What is opened in spite of an abort is closed when it is there.
      loaded.then(({ loader }) => loader.close()).catch(() => {});
      throw error;
    });
    keep(loader);
    divideParts(parts, planned);
    const batchesEach = batchesPerEpoch(data, engine, config);
    const amounts = withAmounts(config, {
      samples: data.train.samples,
      stepsPerEpoch: Math.ceil(batchesEach / config.gradientAccumulationSteps),
      trainsHead: classes && !data.corpus && engine.model.parameters.some((p) => p.trainable && p.head),
    });
    const settled = amounts.config;
    const { maxLength } = planned;
    const student = { ...engine.model, directory: directoryOf(model), batchSize: config.batchSize, maxLength };
    const teacher = config.teacher === undefined ? undefined : keep(await Teacher.open(config, student, resolving));
    const memory = await checkMemory(config, engine, loader);
    const accumulator =
      config.gradientAccumulationSteps > 1
        ? await Accumulator.create(engine.device, engine.gradients, [...trainedNames(engine), lossEntry])
        : undefined;
    const syncEvery = engine.device.asynchronous && !listeners.everyStep ? config.loggingSteps : 1;
    const learnable =
      config.maxSteps === 0 ? [] : checkLearnable(data.train, groupOptions(engine.model.parameters, settled).values());
    const length = lengthOf(batchesEach, data, settled);
    const { stepsPerEpoch } = length;
    const optimizer = await createOptimizer(engine, settled, {
      ...{ gradients: accumulator?.total, outcomes: syncEvery, stepsPerEpoch },
    });
    const unfreezes = unfreezingNotes(engine.model.parameters, settled, length);
    const notes = [...(planned.notes ?? []), ...batches.notes, ...amounts.notes, ...learnable, ...unfreezes];
    const plan = { ...planned, notes };
    const resolved = {
      ...settled,
      dropout: engine.model.dropout,
      device: engine.device.name,
      precision: engine.precision,
    };
    const hashes = {
      ...{ model: (await engine.hashes()).hash, train: data.train.hash },
      ...(data.eval && { eval: data.eval.hash }),
      ...(data.corpus && { corpus: data.corpus.hash }),
      ...(augment !== undefined && { augment }),
      ...(loss !== undefined && { loss }),
      ...(teacher && { teacher: teacher.hash() }),
    };
    const saved =
      from === undefined
        ? undefined
        : await stateToResume(from, config, engine, optimizer, { config: resolved, hashes }, length);
    const resumed = saved && { path: from!, step: saved.progress.step };
    const best = new BestTracker({
      metric: config.metricForBestModel,
      patience: config.earlyStoppingPatience,
      reducePatience: config.reduceOnPlateauPatience,
      threshold: config.earlyStoppingThreshold,
      lessIsBetter: ownDirection('metricForBestModel', config.metricForBestModel, metrics),
    });
    if (saved) best.restore(saved.best);
    if (saved) await optimizer.resume(saved.optimizerSteps, saved.scaling, saved.rangeSteps);
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
      config: settled,
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
      teacher,
      schedule: scheduleOf(settled, length.totalSteps),
      length,
      evaluationDue: data.eval ? dueAt(config.evalStrategy, config.evalSteps, length) : () => false,
      checkpointDue: dueAt(config.saveStrategy, config.saveSteps, length),
      best,
      metrics,
      stopped: false,
      keepsBest: keepsBest(config),
      directory,
      bad,
      remarks,
      checkpoints: keep(new CheckpointWriter(directory.checkpoints, checkpointSources(engine, optimizer))),
      origin: { config: resolved, hashes },
      progress: { ...newProgress(), ...saved?.progress },
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

/** @throws UsageError for a run that ends before the first step of the training data */
function lengthOf(batches: number, { corpus }: Splits, config: RunConfig): RunLength {
  const { gradientAccumulationSteps, epochs, maxSteps, corpusRatio } = config;
  const corpusSteps = corpus ? corpusRatio : 0;
  const stepsPerEpoch = Math.ceil(batches / gradientAccumulationSteps) * (corpusSteps + 1);
  const totalSteps = maxSteps ?? epochs * stepsPerEpoch;
  if (totalSteps > 0 && totalSteps <= corpusSteps)
    throw new UsageError(
      `after ${corpusSteps} steps of the corpus (corpusRatio) comes the first of the labelled texts, and the run ends after ${totalSteps}: ` +
        'raise maxSteps, or lower corpusRatio',
    );
  return { stepsPerEpoch, totalSteps, corpusSteps };
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
  { totalSteps, stepsPerEpoch }: RunLength,
): Promise<RunState> {
  const state = (await loadCheckpoint(path, checkpointSources(engine, optimizer))) as RunState;
  if (!config.allowChanges) refuseAnotherRun(path, state, origin, stepsPerEpoch);
  if (state.progress.step <= totalSteps) return state;
  throw new UsageError(
    `checkpoint ${path} is of step ${state.progress.step}, this run ends at ${totalSteps}; raise epochs or maxSteps`,
  );
}
