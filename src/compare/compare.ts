// A comparison: the same data and budget under several strategies and seeds. Each run is an ordinary one of the
// Trainer, in a directory of its own, one after the other. What has been run is not run again; the table is made of the
// records.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkHooks, checkOptions } from '../arguments.js';
import { type CompareConfig, type CompareOptions, compareSchema } from '../config/compare-schema.js';
import { parseOptions } from '../config/options.js';
import { taskDriven } from '../config/strategies.js';
import type { Retrieved } from '../data/retrieve/protocol.js';
import { retrieve } from '../data/retrieve/retrieve.js';
import { OrtuneError } from '../errors.js';
import { writeAtomically } from '../files/atomic-file.js';
import { lockRun } from '../train/run-directory.js';
import type { Trainer } from '../train/trainer.js';
import { comparisonMarkdown } from './markdown.js';
import { plannedRuns } from './plan.js';
import { type RunRecord, writeJson } from './record.js';
import type { CompareResult } from './result.js';
import { Series } from './series.js';
import { bestOf, type Measured, tabulate } from './tabulate.js';
import { retrieval } from './task-driven.js';

/** One run of a comparison, as the hooks receive it. */
export interface ComparedRun {
  strategy: string;
  seed: number;
  /** From 1. */
  number: number;
  of: number;
  /** Trains what the strategy's next run starts from; it has no result of its own. */
  prepares?: true;
}

export interface CompareHooks {
  /**
   * An abort ends the comparison after the step under way; called again with the same options, without overwrite, it
   * goes on.
   */
  signal?: AbortSignal | undefined;
  /** Before a run: the place to listen to its trainer. Not called for a run that had been done earlier. */
  onRun?: (run: ComparedRun, trainer: Trainer) => void;
  /** After the texts that strategy tlm learns beside the training data were chosen. */
  onRetrieved?: (found: Retrieved) => void;
  /** After a run, also one that had been done earlier (`known`). */
  onResult?: (run: ComparedRun, result: { value: number; seconds: number; known: boolean }) => void;
}

/**
 * Runs every strategy with every seed and sums up. Writes compare.json and compare.md to `output` beside the runs.
 * @throws UsageError for options that cannot be, and where `output` holds runs with other options or data; what a run
 *   throws, with its strategy and seed in front. Called again, without overwrite, it goes on after the runs that have
 *   ended.
 */
export async function compare(options: CompareOptions, hooks: CompareHooks = {}): Promise<CompareResult> {
  checkOptions(options, 'compare: options');
  checkHooks(hooks, 'compare', ['signal', 'onRun', 'onRetrieved', 'onResult']);
  const config = parseOptions(compareSchema, options);
  const lock = await lockRun(config.output);
  try {
    return await compareAll(config, hooks);
  } finally {
    lock.release();
  }
}

async function compareAll(config: CompareConfig, hooks: CompareHooks): Promise<CompareResult> {
  const { overwrite, output, metric } = config;
  const runs = plannedRuns(config);
  const stale = () => ['compare.json', 'compare.md', ...runs.map(({ name }) => name)];
  const series = new Series({ output, overwrite, stale, signal: hooks.signal });
  series.add(runs);
  const due = runs.some((run) => run.strategy === taskDriven && !series.isKnown(run));
  if (due && !(await retrieveTexts(config, hooks))) return sumUp(config, [], runs.length);
  const measured: Measured[] = [];
  for (const [i, run] of runs.entries()) {
    const { strategy, seed, prepares } = run;
    const compared: ComparedRun = { strategy, seed, number: i + 1, of: runs.length, ...(prepares && { prepares }) };
    const known = series.isKnown(run);
    const record = await series.end(run, (trainer) => hooks.onRun?.(compared, trainer));
    if (!record?.finished) break;
    if (prepares) continue;
    const before = runs[i - 1]?.prepares ? series.records.get(runs[i - 1]!.name) : undefined;
    const whole = withBefore({ ...record, finished: record.finished }, before);
    measured.push({ ...run, output: join(run.options.output, 'model'), record: whole });
    hooks.onResult?.(compared, { value: whole.finished.metrics[metric]!, seconds: whole.seconds, known });
  }
  return sumUp(config, measured, runs.filter(({ prepares }) => !prepares).length);
}

/** Whether it was done, and not interrupted. */
async function retrieveTexts(config: CompareConfig, { signal, onRetrieved }: CompareHooks): Promise<boolean> {
  const request = retrieval(config);
  mkdirSync(config.output, { recursive: true });
  try {
    onRetrieved?.(await retrieve(request, signal));
    return true;
  } catch (error) {
    if (signal?.aborted && !(error instanceof OrtuneError)) return false;
    if (error instanceof OrtuneError) error.message = `strategy ${taskDriven}: ${error.message}`;
    throw error;
  }
}

/** A run together with the one that trained what it started from. */
function withBefore(record: Measured['record'], before: RunRecord | undefined): Measured['record'] {
  if (!before?.finished) return record;
  const { steps, flops } = before.finished;
  const curve = record.finished.curve.map((point) => ({ ...point, step: steps + point.step }));
  return {
    ...record,
    trainable: before.trainable + record.trainable,
    seconds: before.seconds + record.seconds,
    finished: {
      ...record.finished,
      steps: steps + record.finished.steps,
      flops: flops + record.finished.flops,
      curve,
    },
  };
}

function sumUp({ output, metric }: CompareConfig, measured: readonly Measured[], runs: number): CompareResult {
  const strategies = tabulate(measured, metric);
  const best = bestOf(strategies, metric);
  const interrupted = measured.length < runs;
  const result = { metric, strategies, ...(best !== undefined && { best }), output, interrupted };
  if (best !== undefined) {
    writeJson(join(output, 'compare.json'), result);
    writeAtomically(join(output, 'compare.md'), `${comparisonMarkdown(result)}\n`);
  }
  return result;
}
