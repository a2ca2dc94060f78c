// What the model writes by itself in the evaluations of a run: by the files that it would be saved as now, in a place
// of their own, which goes with the evaluation. Nothing of the run's state has a part in it, and none of it changes.
// Samples that are only shown are no reason to end a run: where they cannot be written, that is said once.

import { rmSync } from 'node:fs';
import type { Batch } from '../data/loader.js';
import { OrtuneError } from '../errors.js';
import { stagingOf } from '../files/staging.js';
import type { Results, SavedFiles } from '../tasks/task.js';
import { taskNamed } from '../tasks/tasks.js';
import type { Run } from './run.js';

export interface Written {
  /** Of a batch what is written; nothing of samples behind those that are wanted. */
  of(batch: Batch): Promise<Results>;
  close(): Promise<void>;
}

/** `say`: told why nothing can be written. Undefined where nothing is. @throws OrtuneError where it has to be */
export async function openWritten(
  run: Run,
  signal: AbortSignal | undefined,
  say: (message: string) => void,
): Promise<Written | undefined> {
  const { engine, task, directory, config, plan } = run;
  const { written } = taskNamed(task.name);
  const { samples, needed } = written?.wanted(task.options) ?? { samples: 0, needed: false };
  if (!written || samples === 0 || run.writesNothing) return undefined;
  const { written: place } = directory;
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', close);
    for (const work of closing.splice(0)) await work();
    for (const path of [place, stagingOf(place)]) rmSync(path, { recursive: true, force: true });
  };
  const files: SavedFiles = {
    ...{ path: place, directory: place, maxPositions: engine.model.maxPositions, threads: config.threads },
    onClose: (work) => closing.push(work),
  };
  const unless = async <T extends object>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return run.writesNothing ? undefined : await work();
    } catch (error) {
      if (needed || signal?.aborted || !(error instanceof OrtuneError)) throw error;
      run.writesNothing = true;
      say(`no samples of what the model writes, from here on: ${error.message}`);
      return undefined;
    }
  };
  signal?.addEventListener('abort', close, { once: true });
  const saved = await unless(async () => ({ path: await engine.save(place, { preprocessor: plan.preprocessor }) }));
  if (!saved) {
    await close();
    return undefined;
  }
  let left = samples;
  return {
    async of(batch) {
      const rows = Math.min(left, batch.samples.length);
      left -= rows;
      return (rows > 0 && (await unless(() => written.of(files, batch, task.options, rows)))) || {};
    },
    close,
  };
}
