// Evaluation: batch by batch, counted and forgotten (the task's meter). During training it runs on ortune's own
// sessions; the command measures the saved file, as any other program would open it, with the stock onnxruntime-node
// session.

import { checkHooks, checkOptions, resolvingKeys } from '../arguments.js';
import { ofTask } from '../config/contradictions.js';
import { parseOptions } from '../config/options.js';
import { type EvalOptions, evalSchema } from '../config/schema.js';
import type { Dataset } from '../data/dataset.js';
import { type PlacedRemark, Remarks } from '../data/images/remarks.js';
import type { BadSample, Batch, BatchSource, DataLoader } from '../data/loader.js';
import { withoutGiven } from '../data/memory/given.js';
import { axesKey, batchSizeOf } from '../data/slots.js';
import type { OpenedDataset } from '../data/splits.js';
import { crowdedNotes, openSavedModel } from '../engine/saved-model.js';
import { DataError, UsageError } from '../errors.js';
import { checkOwnMetrics, type OwnMeters, ownMeters } from '../metrics/own.js';
import type { ResolveOptions } from '../models/hub.js';
import { peakRssBytes, StepTimes } from '../statistics.js';
import { openLoader } from '../tasks/loader.js';
import type { Meter, Results, TaskSpec } from '../tasks/task.js';
import {
  loadTask,
  type Metrics,
  type MetricsOf,
  type TaskName,
  taskOfData,
  taskOfModel,
  tasks,
} from '../tasks/tasks.js';
import { BadSamples, type SkippedSample } from './bad-samples.js';
import { divideParts, openEvaluation, tablesOf } from './data.js';

/** `T`: the task, where it is known. */
export interface EvalResult<T extends TaskName = TaskName> {
  task: T;
  metrics: MetricsOf<T>;
  samplesPerSecond: number;
  /** Median time of a batch. */
  stepMs: number;
  peakRssBytes: number;
  seconds: number;
  /** Texts cut to maxLength. */
  truncated: number;
  /** Pictures that could not be decoded and were left out: where each is, and why. */
  badSamples: readonly SkippedSample[];
  /** What was assumed of model and data, such as what labels were taken for, and what else the user should know. */
  notes: readonly string[];
}

/** Metrics of all samples; `run`: what a model gives for a batch. */
export async function measureEvaluation(
  run: (batch: Batch) => Promise<Results>,
  loader: BatchSource,
  data: Dataset,
  meter: Meter<Metrics>,
  options: {
    signal?: AbortSignal | undefined;
    times?: StepTimes;
    own?: OwnMeters;
    /** Names of the model's inputs. */
    inputs: readonly string[];
  },
): Promise<{ metrics: Metrics; truncated: number }> {
  const { signal, own } = options;
  const samples = data.rows({ batchSize: batchSizeOf(loader.layout), seed: 0, epoch: 0, signal });
  let truncated = 0;
  let waitStarted = performance.now();
  for await (const batch of loader.batches(samples, { signal })) {
    const started = performance.now();
    batch.slot.to('running');
    const results = await run(batch);
    meter.add(results, batch);
    batch.slot.to('bound');
    truncated += batch.truncated;
    options.times?.add({
      axes: axesKey(batch.axes),
      batches: 1,
      samples: batch.samples.length,
      waitMs: started - waitStarted,
      forwardBackwardMs: performance.now() - started,
      updateMs: 0,
    });
    await own?.add(results, batch, new Set([...options.inputs, ...(batch.trunk?.values ?? [])]));
    batch.release();
    waitStarted = performance.now();
  }
  return { metrics: { ...(await meter.result()), ...(own && { own: await own.result() }) }, truncated };
}

/** The results, unless one is no number. @throws DataError for the first sample that the model has none for */
function withNumbers(results: Results, { slot, samples, location }: Batch, path: string): Results {
  for (const { data, dtype } of Object.values(results)) {
    if (dtype !== 'float32') continue;
    const at = (data as Float32Array).findIndex(Number.isNaN);
    const row = Math.floor(at / (data.length / slot.batchSize));
    if (at >= 0 && row < samples.length)
      throw new DataError(
        `${location(row)}: ${path} gives no number (NaN) for this sample: look at its values, and at the weights of the model`,
      );
  }
  return results;
}

/**
 * Measures a model directory on labelled data.
 * @throws UsageError, DataError (an unknown label with its line), ModelError; CallbackError for a metric that throws
 */
export async function evaluate<T extends TaskName = TaskName>(
  options: EvalOptions & { task?: T | undefined },
  resolving: ResolveOptions = {},
): Promise<EvalResult<T>> {
  checkOptions(options, 'evaluate: options');
  checkHooks(resolving, 'evaluate', resolvingKeys);
  const { signal, onDownload } = resolving;
  const { metrics = {}, ...others } = options;
  checkOwnMetrics(metrics);
  const { options: rest, given } = withoutGiven(others);
  const parsed = parseOptions(evalSchema, rest);
  const started = performance.now();
  const meant = (parsed.task as TaskName | undefined) ?? taskOfData(parsed);
  const model = await openSavedModel({ ...parsed, task: meant, given: given.model }, { signal, onDownload });
  let loader: DataLoader | undefined;
  let opened: OpenedDataset | undefined;
  try {
    const task = await loadTask(meant ?? taskOfModel(model) ?? tasks[0].name);
    const config = { ...parsed, task: task.name as TaskName };
    const problems = [...ofTask(config)];
    if (problems.length > 0) throw new UsageError(problems.join('\n'));
    const taskConfig = { ...config, ...task.ofModel?.(model, config) };
    const spec: TaskSpec = { name: task.name, options: task.options(taskConfig, model) };
    const refused = task.unmeasured?.(spec.options);
    if (refused !== undefined) throw new UsageError(`${config.model} cannot be measured by classes: ${refused}`);
    const labels = task.classes ? model.labels : undefined;
    if (labels?.length === 0)
      throw new UsageError(
        `${config.model}: config.json names no labels (id2label), so there is nothing to compare with`,
      );
    opened = await openEvaluation(taskConfig, given, { model, labels, signal });
    const { samples } = opened.data;
    const bad = new BadSamples({ samples, maxBadSamples: config.maxBadSamples }, () => {});
    const remarks = new Remarks();
    const loading = {
      ...taskConfig,
      badSample: (sample: BadSample) => bad.add(sample),
      remark: (remark: PlacedRemark) => remarks.add(remark),
    };
    const loaded = await openLoader(loading, model, spec, tablesOf([opened.data]));
    loader = loaded.loader;
    divideParts([opened.data], loaded.plan);
    const times = new StepTimes();
    const meter = task.meter({ labels: labels ?? [], samples, directory: model.directory }, spec.options);
    const run = async (batch: Batch): Promise<Results> =>
      withNumbers(await model.run('evaluate', spec, batch), batch, model.path);
    const context = { labels: labels ?? [], samples, data: 'test' } as const;
    const own = ownMeters(metrics, context);
    const inputs = model.inputs.map(({ name }) => name);
    const measured = await measureEvaluation(run, loader, opened.data, meter, { signal, times, inputs, ...own });
    return {
      task: config.task as T,
      metrics: measured.metrics as MetricsOf<T>,
      samplesPerSecond: times.rate(times.all.length),
      stepMs: times.medianMs(),
      peakRssBytes: peakRssBytes(),
      seconds: (performance.now() - started) / 1000,
      truncated: measured.truncated,
      badSamples: bad.all,
      notes: [...crowdedNotes(parsed.threads), ...opened.notes, ...(loaded.plan.notes ?? []), ...remarks.notes],
    };
  } finally {
    await loader?.close();
    await opened?.close();
    await model.close();
  }
}
