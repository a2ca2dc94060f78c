// A model with adapters merged in, written in a thread of its own, since files are parsed and written whole.

import type { MergeRequest } from '../compile/protocol.js';
import { type Outcome, unwrap } from '../errors.js';
import { type ModelPlace, ownFolder } from '../models/given-model.js';
import { WorkerPool } from '../threads/worker-pool.js';
import type { MergedDirectory } from '../transfer/adapter/directories.js';
import { modelThread } from './model-thread.js';

/** @throws UsageError, ModelError as mergeDirectories */
export async function mergeAdapters(request: MergeRequest): Promise<MergedDirectory> {
  const worker = new WorkerPool(modelThread);
  try {
    return unwrap(await worker.run<Outcome<MergedDirectory>>(request, 'merge'));
  } finally {
    await worker.destroy();
  }
}

/** The place of the model with adapters merged in; without any it is the model's own. Takes over closing that. */
export async function withAdapters(place: ModelPlace, adapters: readonly string[] = []): Promise<ModelPlace> {
  if (adapters.length === 0) return place;
  const { folder, close } = await ownFolder();
  try {
    await mergeAdapters({ model: place.path, adapters, output: folder });
    return { path: folder, close };
  } catch (error) {
    await close();
    throw error;
  } finally {
    await place.close();
  }
}
