// A run's directory: config.json (everything resolved), metrics.jsonl (a line per step and evaluation) and model/.
// Nothing is written before the first step has gone well, so that a run that cannot start neither replaces what an
// earlier one left nor leaves a directory that counts as a run.

import { createWriteStream, existsSync, mkdirSync, openSync, statSync, type WriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainConfig } from '../config/train-schema.js';
import { UsageError } from '../errors.js';

export class RunDirectory {
  readonly path: string;
  /** Where the trained model goes. */
  readonly model: string;
  readonly #config: object;
  readonly #early: string[] = [];
  #metrics: WriteStream | undefined;
  #failed: Error | undefined;

  /** `config` as config.json will have it. @throws UsageError when output holds a run and `overwrite` is not set */
  constructor(config: TrainConfig) {
    this.path = config.output;
    this.model = join(this.path, 'model');
    this.#config = config;
    if (!config.overwrite && existsSync(join(this.path, 'metrics.jsonl')))
      throw new UsageError(`output ${this.path} holds a run already; choose another directory or set overwrite`);
  }

  /** Makes the directory, or replaces what an earlier run left there, its model excepted. @throws UsageError */
  open(): void {
    try {
      mkdirSync(this.path, { recursive: true });
      // Found now and not after the last step.
      if (statSync(this.model, { throwIfNoEntry: false })?.isFile())
        throw new Error(`${this.model} is a file, not a directory`);
      writeFileSync(join(this.path, 'config.json'), `${JSON.stringify(this.#config, undefined, 2)}\n`);
      const metrics = openSync(join(this.path, 'metrics.jsonl'), 'w');
      this.#metrics = createWriteStream('', { fd: metrics });
    } catch (error) {
      throw new UsageError(`output ${this.path} cannot be written: ${(error as Error).message}`);
    }
    this.#metrics.on('error', (error) => {
      this.#failed = error;
    });
    for (const line of this.#early) this.#metrics.write(line);
  }

  /** Adds a line to metrics.jsonl. */
  record(event: string, values: object): void {
    const line = `${JSON.stringify({ event, ...values })}\n`;
    if (!this.#metrics) this.#early.push(line);
    else if (!this.#failed) this.#metrics.write(line);
  }

  /** Why metrics.jsonl is incomplete, such as a full disk; undefined while all is well. */
  get failure(): Error | undefined {
    return this.#failed;
  }

  async close(): Promise<void> {
    const stream = this.#metrics;
    if (stream && !this.#failed) await new Promise<void>((done) => stream.end(() => done()));
  }
}
