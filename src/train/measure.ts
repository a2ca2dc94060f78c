// The evaluations of a run: on its own sessions, by the task's figures and the program's.

import type { Batch } from '../data/loader.js';
import { ownMeters } from '../metrics/own.js';
import { type Metrics, taskNamed } from '../tasks/tasks.js';
import { measureEvaluation } from './evaluate.js';
import type { Run } from './run.js';

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

/** The metrics of one of the run's data; undefined where the signal aborted it. */
export async function measureRun(
  run: Run,
  name: 'eval' | 'test',
  signal: AbortSignal | undefined,
): Promise<Metrics | undefined> {
  const { engine, trunk, data, task } = run;
  const split = data[name]!;
  const labels = data.labels.names;
  const meter = taskNamed(task.name).meter({ labels, samples: split.samples }, task.options);
  const own = ownMeters(run.metrics, { labels, samples: split.samples, data: name });
  const inputs = engine.model.inputs.map((input) => input.name);
  const evaluate = (batch: Batch) => engine.run('evaluate', batch);
  const measured = await unlessAborted(signal, () =>
    measureEvaluation(evaluate, trunk.source(name), split, meter, { signal, inputs, ...own }),
  );
  return measured?.metrics;
}
