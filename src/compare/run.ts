// One run of a comparison: opened anew or where it was interrupted, and recorded as it begins and when it has ended.

import { OrtuneError, UsageError } from '../errors.js';
import type { StartEvent, TrainResult } from '../events.js';
import { Trainer } from '../train/trainer.js';
import type { PlannedRun } from './plan.js';
import {
  type Figures,
  type FinishedRun,
  figuresOf,
  type RunRecord,
  readCurve,
  resumeOrRestart,
  writeRecord,
} from './record.js';
import { removeStaleRuns } from './remove-stale-runs.js';

export interface Comparison {
  runs: readonly PlannedRun[];
  /** Of the runs that have begun, by name. */
  records: Map<string, RunRecord>;
  /** Replace what `output` holds. */
  overwrite: boolean;
  output: string;
  signal?: AbortSignal | undefined;
  onRun(trainer: Trainer): void;
}

/**
 * Runs, or goes on with, one run, and puts its record into `records`: finished, unless the signal aborted it.
 * @throws UsageError for data that an earlier run of the comparison had not; what the trainer throws
 */
export async function runPlanned(run: PlannedRun, comparison: Comparison): Promise<void> {
  const { records, overwrite, signal, onRun } = comparison;
  const earlier = records.get(run.name);
  const options = overwrite ? { ...run.options, overwrite } : await resumeOrRestart(run, earlier);
  const trainer = new Trainer(options);
  let record: RunRecord | undefined;
  trainer.on('start', (event) => {
    if (!run.prepares) refuseOtherData(run, event, comparison);
    record = newRecord(run, event, earlier);
    if (event.totalSteps === 0) begin(run, record, comparison);
  });
  // By the first step the directory is this run's, and the checkpoints of one that it replaces are gone.
  trainer.on('step', () => {
    if (record && !records.has(run.name)) begin(run, record, comparison);
  });
  onRun(trainer);
  let result: TrainResult;
  try {
    result = await trainer.run({ signal });
  } catch (error) {
    // The abort itself; what could not be written after it is a failure all the same.
    if (signal?.aborted && !(error instanceof OrtuneError)) return;
    if (error instanceof OrtuneError) error.message = `${run.strategy}, seed ${run.seed}: ${error.message}`;
    throw error;
  }
  const finished = result.interrupted ? undefined : await finishedOf(run, result);
  begin(run, { ...record!, seconds: record!.seconds + result.seconds, ...(finished && { finished }) }, comparison);
}

function newRecord(
  { options }: PlannedRun,
  { trainable, parameters, totalSteps, samples }: StartEvent,
  earlier: RunRecord | undefined,
): RunRecord {
  const trained = totalSteps === 0 ? 0 : trainable;
  return { options, trainable: trained, parameters, samples, seconds: earlier?.seconds ?? 0 };
}

/** Writes the record; as soon as the first run of a comparison that replaces another has begun, that other goes. */
function begin(run: PlannedRun, record: RunRecord, { runs, records, overwrite, output }: Comparison): void {
  const first = records.size === 0;
  records.set(run.name, record);
  writeRecord(run, record);
  const others = runs.filter((other) => other !== run).map(({ name }) => name);
  if (overwrite && first) removeStaleRuns(output, others);
}

/** Files are the same for all runs; a held-out share differs from seed to seed. */
function refuseOtherData({ options, seed }: PlannedRun, { samples }: StartEvent, { runs, records }: Comparison): void {
  for (const other of runs.filter(({ prepares }) => !prepares)) {
    const then = records.get(other.name)?.samples;
    if (!then || (options.evalSplit !== undefined && other.seed !== seed)) continue;
    if (then.train === samples.train && then.eval === samples.eval) continue;
    throw new UsageError(
      `the samples are not those that ${other.name} had when it was run; give the same data, ` +
        'choose another output, or set overwrite to run everything anew',
    );
  }
}

async function finishedOf(run: PlannedRun, { steps, stepMs, flops, metrics }: TrainResult): Promise<FinishedRun> {
  const curve = await readCurve(run);
  // A run that was resumed after its last evaluation does not evaluate again.
  const last = (): Figures => curve.find((point) => point.step === steps)!.metrics;
  const found = metrics ? figuresOf(run, metrics) : run.prepares ? {} : last();
  return { steps, flops, ...(Number.isFinite(stepMs) && { stepMs }), metrics: found, curve };
}
