// A run's directory: config.json (everything resolved), metrics.jsonl (a line per step and evaluation),
// bad-samples.jsonl (one per sample that cannot be used, where there are any), event files for TensorBoard,
// checkpoints/ and model/. Nothing is written before the first step has gone well, so that a run that cannot start
// neither replaces what an earlier one left nor leaves a directory that counts as a run. Checkpoints and model are
// written elsewhere; here is only where they lie and what becomes of an earlier run's.

import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { checkpointsOf } from '../checkpoint/files.js';
import type { TrainConfig } from '../config/train-schema.js';
import { UsageError } from '../errors.js';
import { AppendFile } from '../files/append-file.js';
import { removePartials, writeAtomically } from '../files/atomic-file.js';
import { Lock } from '../files/lock.js';
import { stagingOf } from '../files/staging.js';
import { EVENT_FILE, EventFile } from '../report/tensorboard/event-file.js';
import { scalarsOf } from '../report/tensorboard/scalars.js';
import type { SkippedSample } from './bad-samples.js';
import { linesUpTo } from './metrics-lines.js';

/** Checkpoints of a run that was replaced, on their way out. */
const REMOVED = /^\.checkpoints\.\d+\.removed$/;

/**
 * Takes a run's directory for this process, before anything of it is read; until it is closed no other has it.
 * @throws UsageError that names who has it
 */
export const lockRun = (output: string): Promise<Lock> => Lock.take(join(output, '.lock'), `output ${output}`);

export class RunDirectory {
  readonly path: string;
  /** Where the trained model goes, or the adapter. */
  readonly model: string;
  /** Where checkpoints go. */
  readonly checkpoints: string;
  /** Where the model is while an evaluation has it write. */
  readonly written: string;
  readonly #config: TrainConfig;
  readonly #resumeStep: number | undefined;
  readonly #early: [event: string, values: object][] = [];
  #metrics: AppendFile | undefined;
  #events: EventFile | undefined;
  #removal: Promise<unknown> | undefined;
  /** Samples that cannot be used, those of the run that is gone on with first. */
  readonly #badSamples: SkippedSample[] = [];
  #badFile: AppendFile | undefined;

  /**
   * `config` as config.json will have it. `resumeStep`: the step of the checkpoint that the run goes on from; what
   * metrics.jsonl and event files hold of later steps will go.
   * @throws UsageError when output holds a run that is neither to be replaced (`overwrite`) nor the one resumed
   */
  constructor(config: TrainConfig, { resumeStep }: { resumeStep?: number | undefined } = {}) {
    this.path = config.output;
    this.model = join(this.path, config.saveAdapter ? 'adapter' : 'model');
    this.checkpoints = checkpointsOf(this.path);
    this.written = join(this.path, '.written');
    this.#config = config;
    this.#resumeStep = resumeStep;
    if (this.#goesOn) this.#badSamples.push(...readBadSamples(this.#badPath));
    if (config.overwrite || this.#goesOn || !this.#holdsRun) return;
    throw new UsageError(
      config.resume === undefined
        ? `output ${this.path} holds a run already; choose another directory or set overwrite`
        : `output ${this.path} holds another run than that of the checkpoint ${config.resume}; choose another directory`,
    );
  }

  /**
   * Makes the directory, or replaces what an earlier run left there, its model excepted; a resumed run keeps it all up
   * to its checkpoint. Call it once. @throws UsageError
   */
  open(): void {
    try {
      mkdirSync(this.path, { recursive: true });
      // Found now and not after the last step.
      if (statSync(this.model, { throwIfNoEntry: false })?.isFile())
        throw new Error(`${this.model} is a file, not a directory`);
      this.#removeLeftovers();
      if (this.#config.overwrite && !this.#goesOn) this.#removeRun();
      this.#removeReplaced();
      this.#writeConfig();
      const file = join(this.path, 'metrics.jsonl');
      this.#metrics = new AppendFile(file, this.#goesOn ? { beginning: linesUpTo(file, this.#resumeStep ?? 0) } : {});
      if (this.#config.tensorboard)
        this.#events = EventFile.create(this.path, { startStep: (this.#resumeStep ?? -1) + 1 });
    } catch (error) {
      throw new UsageError(`output ${this.path} cannot be written: ${(error as Error).message}`);
    }
    for (const [event, values] of this.#early) this.record(event, values);
    if (this.#badSamples.length > 0) this.#writeBadSamples();
    else rmSync(this.#badPath, { force: true });
  }

  get #badPath(): string {
    return join(this.path, 'bad-samples.jsonl');
  }

  /** Those that are known, of the run that is gone on with too. */
  get badSamples(): readonly SkippedSample[] {
    return this.#badSamples;
  }

  /** Adds a line to bad-samples.jsonl. */
  addBadSample(sample: SkippedSample): void {
    this.#badSamples.push(sample);
    if (this.#badFile) this.#badFile.append(lineOf(sample));
    else if (this.#metrics) this.#writeBadSamples();
  }

  #writeBadSamples(): void {
    this.#badFile = new AppendFile(this.#badPath);
    for (const sample of this.#badSamples) this.#badFile.append(lineOf(sample));
  }

  /** Adds a line to metrics.jsonl, and the numbers in it to TensorBoard's; on the disk within seconds. */
  record(event: string, values: object): void {
    if (!this.#metrics) {
      this.#early.push([event, values]);
      return;
    }
    this.#metrics.append(`${JSON.stringify({ event, ...values })}\n`);
    if (!this.#events) return;
    const { step = 0 } = values as { step?: number };
    this.#events.scalars(step, scalarsOf(event, values, process.memoryUsage.rss));
  }

  /** Why a file of the run is incomplete, such as a full disk; undefined while all is well. */
  get failure(): Error | undefined {
    return this.#metrics?.failure ?? this.#events?.failure ?? this.#badFile?.failure;
  }

  /**
   * Resolves when everything recorded is on the disk, or has failed: before a checkpoint, so that a run resumed from it
   * has the lines of all its steps.
   */
  async flush(): Promise<void> {
    await Promise.all([this.#metrics?.flush(), this.#events?.flush(), this.#badFile?.flush()]);
  }

  /** Writes what is left; never rejects. */
  async close(): Promise<void> {
    await Promise.all([this.#metrics?.close(), this.#events?.close(), this.#badFile?.close(), this.#removal]);
  }

  get #holdsRun(): boolean {
    return existsSync(join(this.path, 'metrics.jsonl')) || existsSync(this.checkpoints);
  }

  /** Whether the run in the directory is the one that goes on: a checkpoint elsewhere begins a new run here. */
  get #goesOn(): boolean {
    const { resume } = this.#config;
    if (resume === undefined) return this.#resumeStep !== undefined;
    return resume === 'latest' || realPath(resume).startsWith(realPath(this.checkpoints) + sep);
  }

  /** What a run that was killed was in the middle of writing; checkpoints see to their own. */
  #removeLeftovers(): void {
    for (const directory of [this.path, this.model, join(this.model, 'onnx')]) removePartials(directory);
    for (const path of [stagingOf(this.model), this.written, stagingOf(this.written)])
      rmSync(path, { recursive: true, force: true });
    rmSync(join(this.path, 'metrics.jsonl.partial'), { force: true });
  }

  /** Checkpoints may be large, so they are put out of the way at once and removed in the background. */
  #removeRun(): void {
    if (existsSync(this.checkpoints))
      renameSync(this.checkpoints, join(this.path, `.checkpoints.${Date.now()}.removed`));
    for (const name of readdirSync(this.path)) if (EVENT_FILE.test(name)) rmSync(join(this.path, name));
  }

  /** What cannot be removed is no harm to this run, and the next to start tries again. */
  #removeReplaced(): void {
    const old = readdirSync(this.path).filter((name) => REMOVED.test(name));
    const removals = old.map((name) => rm(join(this.path, name), { recursive: true, force: true }));
    this.#removal = Promise.allSettled(removals);
  }

  #writeConfig(): void {
    writeAtomically(join(this.path, 'config.json'), `${JSON.stringify(this.#config, undefined, 2)}\n`);
  }
}

function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : resolve(path);
}

const lineOf = ({ place, reason }: SkippedSample): string => `${JSON.stringify({ place, reason })}\n`;

/** A line that was being written when the machine stopped is none. */
function readBadSamples(path: string): SkippedSample[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as SkippedSample);
}
