// The evaluations of a run: on its own sessions, by the task's figures and the program's.

import type { Batch } from '../data/loader.js';
import { ownMeters } from '../metrics/own.js';
import type { Results } from '../tasks/task.js';
import { type Metrics, taskNamed } from '../tasks/tasks.js';
import { measureEvaluation } from './evaluate.js';
import type { Run } from './run.js';
import { openWritten } from './written.js';

/** The work's result, or undefined where the signal aborted it. */
export async function unlessAborted<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return signal?.aborted ? undefined : await work();
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
}

/** The metrics of one of the run's data; undefined where the signal aborted it. `say`: told what is to be known. */
export async function measureRun(
  run: Run,
  name: 'eval' | 'test',
  signal: AbortSignal | undefined,
  say: (message: string) => void,
): Promise<Metrics | undefined> {
  const { engine, trunk, data, task } = run;
  const split = data[name]!;
  const labels = data.labels.names;
  const { directory, inputs: fed } = engine.model;
  const meter = taskNamed(task.name).meter({ labels, samples: split.samples, directory }, task.options);
  const own = ownMeters(run.metrics, { labels, samples: split.samples, data: name });
  const inputs = fed.map((input) => input.name);
  const measured = await unlessAborted(signal, async () => {
    const written = await openWritten(run, signal, say);
    const evaluate = async (batch: Batch): Promise<Results> => ({
      ...(await engine.run('evaluate', batch)),
      ...(await written?.of(batch)),
    });
    try {
      return await measureEvaluation(evaluate, trunk.source(name), split, meter, { signal, inputs, ...own });
    } finally {
      await written?.close();
    }
  });
  return measured?.metrics;
}
