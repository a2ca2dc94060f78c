// What a series keeps of each run, in the run's directory: the options it was made with, and once it has ended what the
// table needs. So one that is started again knows what is done, what to go on with, and what is another's.

import { createReadStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { checkpointsOf, listCheckpoints } from '../checkpoint/files.js';
import { optionsThatChangeNothing } from '../config/options.js';
import { type TrainConfig, trainSchema } from '../config/train-schema.js';
import { UsageError } from '../errors.js';
import { writeAtomically } from '../files/atomic-file.js';
import { metricOf } from '../metrics/names.js';
import { type Metrics, taskNamed } from '../tasks/tasks.js';
import type { PlannedRun } from './series.js';

/** Metrics by name, without what belongs to single classes. */
export type Figures = Readonly<Record<string, number>>;

export function figuresOf({ options }: PlannedRun, metrics: Metrics): Figures {
  const task = taskNamed(options.task);
  const names = task.metrics(task.options(options));
  return Object.fromEntries(names.map((name) => [name, metricOf(metrics, name, names)]));
}

/** One evaluation of the run's `eval` data. */
export interface CurvePoint {
  step: number;
  metrics: Figures;
}

export interface FinishedRun {
  steps: number;
  /** Median; left out for a run without steps. */
  stepMs?: number;
  /** Floating-point operations of training. */
  flops: number;
  metrics: Figures;
  curve: CurvePoint[];
}

export interface RunRecord {
  options: TrainConfig;
  /** Elements that were trained, and all that could be. */
  trainable: number;
  parameters: number;
  /** SHA-256 of the samples. */
  samples: { train: string; eval?: string };
  /** That the run has taken, its parts added up. */
  seconds: number;
  /** Steps that it had from a checkpoint of another run. */
  from?: number;
  finished?: FinishedRun;
  /** Why it ended without a model: it diverged. */
  failed?: string;
}

/** JSON has no number for a loss that is not finite: what is null was one. */
const notFinite = (_: string, value: unknown): unknown => (value === null ? Number.NaN : value);

const fileOf = ({ options }: PlannedRun): string => join(options.output, 'record.json');

/**
 * The record of a run, where there is one.
 * @throws UsageError for one that is damaged, or of a run with other options
 */
export function readRecord(run: PlannedRun): RunRecord | undefined {
  const file = fileOf(run);
  if (!existsSync(file)) return undefined;
  let record: RunRecord;
  try {
    record = JSON.parse(readFileSync(file, 'utf8'), notFinite);
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}. Remove ${run.options.output}`);
  }
  const differences = differing(record.options, run.options);
  if (differences.length === 0) return record;
  throw new UsageError(
    `output holds other runs: ${run.name} was run with other options:\n  ${differences.join('\n  ')}\n` +
      'Give those again, choose another output, or set overwrite to run everything anew.',
  );
}

export function writeRecord(run: PlannedRun, record: RunRecord): void {
  mkdirSync(run.options.output, { recursive: true });
  writeJson(fileOf(run), record);
}

export function writeJson(path: string, value: object): void {
  writeAtomically(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** Options that change neither the weights nor what is measured of them. */
const indifferent = (): Set<string> => {
  const names = new Set(optionsThatChangeNothing(trainSchema));
  for (const name of ['model', 'eval', 'test', 'evalStrategy', 'evalSteps']) names.delete(name);
  return names;
};

function differing(then: Partial<TrainConfig>, now: TrainConfig): string[] {
  const ignored = indifferent();
  const keys = new Set([...Object.keys(then), ...Object.keys(now)] as (keyof TrainConfig)[]);
  return [...keys].flatMap((key) => {
    const [old, today] = [JSON.stringify(then[key]), JSON.stringify(now[key])];
    return ignored.has(key) || old === today ? [] : [`${key}: ${old ?? 'not set'} then, ${today ?? 'not set'} now`];
  });
}

/** How to open a run that has not finished: from its last checkpoint, or again from the beginning. */
export async function resumeOrRestart(run: PlannedRun, record: RunRecord | undefined): Promise<TrainConfig> {
  if (!record) return run.options;
  const found = await listCheckpoints(checkpointsOf(run.options.output));
  return { ...run.options, ...(found.length > 0 ? { resume: 'latest' } : { overwrite: true }) };
}

/** The evaluations that a run has recorded in its metrics.jsonl, those before an interruption included. */
export async function readCurve(run: PlannedRun): Promise<CurvePoint[]> {
  const lines = createInterface({ input: createReadStream(join(run.options.output, 'metrics.jsonl'), 'utf8') });
  const curve: CurvePoint[] = [];
  for await (const line of lines) {
    if (!line.startsWith('{"event":"evaluation"')) continue;
    const { name, step, metrics } = JSON.parse(line);
    if (name === 'eval') curve.push({ step, metrics: figuresOf(run, metrics) });
  }
  return curve;
}
