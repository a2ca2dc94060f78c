// Starts the loader of a task's samples for a model: what the task plans, in the terms of src/data.

import { builtFile } from '../built.js';
import { DataLoader, type LoaderOptions } from '../data/loader.js';
import type { AugmentModule } from '../data/own-augmentation.js';
import { slotLayout } from '../data/slots.js';
import type { Table } from '../data/table.js';
import type { EncodeWorkerData } from './encode-thread.js';
import { fixedBatch } from './fixed-axes.js';
import type { EncodingPlan, LoadedFor, TaskConfig, TaskSpec } from './task.js';
import { taskNamed } from './tasks.js';

export interface OpenedLoader {
  loader: DataLoader;
  plan: EncodingPlan;
}

/**
 * Starts the threads that make batches of the data, of the model's own size where its file fixes that. Close the loader
 * after use.
 * @throws ModelError, UsageError, DataError for a model, options and data that do not fit each other
 */
export async function openLoader(
  config: TaskConfig & LoaderOptions & { batchSize: number },
  model: LoadedFor,
  spec: TaskSpec,
  tables: readonly Table[],
): Promise<OpenedLoader> {
  const plan = await planFor(config, model, spec, tables);
  return { loader: startLoader(plan, spec, { ...config, batchSize: plan.batchSize }), plan };
}

/** How samples are loaded for a model, in batches of which size. @throws as openLoader */
export async function planFor(
  config: TaskConfig & { batchSize: number },
  model: LoadedFor,
  { name, options }: TaskSpec,
  tables: readonly Table[],
): Promise<EncodingPlan & { batchSize: number }> {
  const plan = await taskNamed(name).plan(model, config, tables, options);
  return { ...plan, batchSize: fixedBatch(model.inputs) ?? config.batchSize };
}

/** The loader of a plan. */
export function startLoader(
  { fields, axes, encoding, preprocessing, workers }: EncodingPlan,
  task: TaskSpec,
  { augmentModule, ...options }: LoaderOptions & { batchSize: number; augmentModule?: AugmentModule | undefined },
): DataLoader {
  const workerData: EncodeWorkerData = { task, encoding, augmentModule };
  const layout = slotLayout(fields, options.batchSize, axes);
  const worker = builtFile('tasks/encode-worker.js');
  return new DataLoader({ layout, preprocessing, worker, workerData, workers }, options);
}
