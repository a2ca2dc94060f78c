// Runs of one output directory, one after the other, each an ordinary one of the Trainer in a directory of its own:
// opened anew or where it was interrupted, recorded as it begins and when it has ended, and not run again. Which runs
// there are, and what is made of the records, is for the plan: a comparison's or a search's.

import type { TrainConfig } from '../config/train-schema.js';
import { DivergedError, OrtuneError, UsageError } from '../errors.js';
import type { StartEvent, TrainResult } from '../events.js';
import { Trainer } from '../train/trainer.js';
import {
  type Figures,
  type FinishedRun,
  figuresOf,
  type RunRecord,
  readCurve,
  readRecord,
  resumeOrRestart,
  writeRecord,
} from './record.js';
import { removeStale } from './remove-stale.js';

export interface PlannedRun {
  /** 'first-2-seed0': its directory in output. */
  name: string;
  /** 'first:2, seed 0': in front of what it throws. */
  title: string;
  options: TrainConfig;
  /** Trains what the next run starts from, and is no part of the table. */
  prepares?: true;
}

export interface SeriesOptions {
  output: string;
  /** Replace what `output` holds. */
  overwrite: boolean;
  /** Names in `output` that go when a series that replaces another has begun: tables, and directories of runs. */
  stale: () => readonly string[];
  /** A run that diverges ends as one that failed, and does not end the series. */
  divergesAlone?: boolean;
  signal?: AbortSignal | undefined;
}

/** Of a run that has ended: it finished, or it failed. */
export type EndedRecord = RunRecord & ({ finished: FinishedRun } | { failed: string });

const hasEnded = (record: RunRecord | undefined): record is EndedRecord =>
  record?.finished !== undefined || record?.failed !== undefined;

export class Series {
  /** Of the runs that have begun, by name. */
  readonly records = new Map<string, RunRecord>();
  readonly #runs: PlannedRun[] = [];
  readonly #options: SeriesOptions;

  constructor(options: SeriesOptions) {
    this.#options = options;
  }

  /** Runs that are to be, with the records of those that were begun earlier. @throws UsageError as readRecord does */
  add(runs: readonly PlannedRun[]): void {
    this.#runs.push(...runs);
    for (const run of this.#options.overwrite ? [] : runs) {
      const record = readRecord(run);
      if (record) this.records.set(run.name, record);
    }
  }

  /** Whether the run has ended in an earlier call. */
  isKnown = ({ name }: PlannedRun): boolean => hasEnded(this.records.get(name));

  /**
   * Runs, or goes on with, one of the runs, unless it has ended; its record, or undefined where the signal aborted it.
   * @throws UsageError for data that an earlier run of the series had not; what the trainer throws
   */
  async end<R extends PlannedRun>(run: R, onRun: (trainer: Trainer) => void): Promise<EndedRecord | undefined> {
    if (!this.isKnown(run)) await this.#run(run, onRun);
    const record = this.records.get(run.name);
    return hasEnded(record) ? record : undefined;
  }

  async #run(run: PlannedRun, onRun: (trainer: Trainer) => void): Promise<void> {
    const { overwrite, signal, divergesAlone } = this.#options;
    const earlier = this.records.get(run.name);
    // Those after the first find nothing to overwrite.
    const replaces = overwrite && this.records.size === 0;
    const trainer = new Trainer(replaces ? { ...run.options, overwrite } : await resumeOrRestart(run, earlier));
    let record: RunRecord | undefined;
    trainer.on('start', (event) => {
      if (!run.prepares) this.#refuseOtherData(run, event);
      record = newRecord(run, event, earlier);
      if (event.totalSteps === 0) this.#keep(run, record);
    });
    trainer.on('resumed', ({ step }) => {
      if (record && !earlier) record.from = step;
    });
    // By the first step the directory is this run's, and the checkpoints of one that it replaces are gone.
    trainer.on('step', () => {
      if (record && !this.records.has(run.name)) this.#keep(run, record);
    });
    onRun(trainer);
    let result: TrainResult;
    try {
      result = await trainer.run({ signal });
    } catch (error) {
      // The abort itself; what could not be written after it is a failure all the same.
      if (signal?.aborted && !(error instanceof OrtuneError)) return;
      if (divergesAlone && record && error instanceof DivergedError)
        return this.#keep(run, { ...record, failed: error.message.split('\n')[0]! });
      if (error instanceof OrtuneError) error.message = `${run.title}: ${error.message}`;
      throw error;
    }
    const finished = result.interrupted ? undefined : await finishedOf(run, result);
    this.#keep(run, { ...record!, seconds: record!.seconds + result.seconds, ...(finished && { finished }) });
  }

  /** Writes the record; as soon as the first run of a series that replaces another has begun, that other goes. */
  #keep(run: PlannedRun, record: RunRecord): void {
    const { overwrite, output, stale } = this.#options;
    const first = this.records.size === 0;
    this.records.set(run.name, record);
    writeRecord(run, record);
    if (!overwrite || !first) return;
    const others = stale().filter((name) => name !== run.name);
    removeStale(output, others);
  }

  /** Files are the same for all runs; a held-out share differs from seed to seed. */
  #refuseOtherData({ options }: PlannedRun, { samples }: StartEvent): void {
    for (const other of this.#runs.filter(({ prepares }) => !prepares)) {
      const then = this.records.get(other.name)?.samples;
      if (!then || (options.evalSplit !== undefined && other.options.seed !== options.seed)) continue;
      if (then.train === samples.train && then.eval === samples.eval) continue;
      throw new UsageError(
        `the samples are not those that ${other.name} had when it was run; give the same data, ` +
          'choose another output, or set overwrite to run everything anew',
      );
    }
  }
}

function newRecord(
  { options }: PlannedRun,
  { trainable, parameters, totalSteps, samples }: StartEvent,
  earlier: RunRecord | undefined,
): RunRecord {
  const trained = totalSteps === 0 ? 0 : trainable;
  const from = earlier?.from;
  const seconds = earlier?.seconds ?? 0;
  return { options, trainable: trained, parameters, samples, seconds, ...(from !== undefined && { from }) };
}

async function finishedOf(run: PlannedRun, { steps, stepMs, flops, metrics }: TrainResult): Promise<FinishedRun> {
  const curve = await readCurve(run);
  // A run that was resumed after its last evaluation does not evaluate again.
  const last = (): Figures => curve.find((point) => point.step === steps)!.metrics;
  const found = metrics ? figuresOf(run, metrics) : run.prepares ? {} : last();
  return { steps, flops, ...(Number.isFinite(stepMs) && { stepMs }), metrics: found, curve };
}
