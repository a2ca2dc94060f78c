// A run's directory: config.json (everything resolved), metrics.jsonl (a line per step and evaluation) and model/.

import { createWriteStream, existsSync, mkdirSync, openSync, type WriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainConfig } from '../config/schema.js';
import { UsageError } from '../errors.js';

export class RunDirectory {
  readonly path: string;
  /** Where the trained model goes. */
  readonly model: string;
  readonly #metrics: WriteStream;
  #failed: Error | undefined;

  private constructor(path: string, metrics: number) {
    this.path = path;
    this.model = join(path, 'model');
    this.#metrics = createWriteStream('', { fd: metrics });
    this.#metrics.on('error', (error) => {
      this.#failed = error;
    });
  }

  /** @throws UsageError when the directory holds a run and `overwrite` is not set */
  static check({ output, overwrite }: Pick<TrainConfig, 'output' | 'overwrite'>): void {
    if (!overwrite && existsSync(join(output, 'metrics.jsonl')))
      throw new UsageError(`output ${output} holds a run already; choose another directory or set overwrite`);
  }

  /**
   * Replaces what an earlier run left, its model excepted; so it is called when everything else is open.
   * @throws UsageError when the directory cannot be written, or `check` does
   */
  static create(config: TrainConfig): RunDirectory {
    const { output } = config;
    RunDirectory.check(config);
    try {
      mkdirSync(output, { recursive: true });
      writeFileSync(join(output, 'config.json'), `${JSON.stringify(config, undefined, 2)}\n`);
      return new RunDirectory(output, openSync(join(output, 'metrics.jsonl'), 'w'));
    } catch (error) {
      throw new UsageError(`output ${output} cannot be written: ${(error as Error).message}`);
    }
  }

  /** Why metrics.jsonl is incomplete, such as a full disk; undefined while all is well. */
  get failure(): Error | undefined {
    return this.#failed;
  }

  /** Adds a line to metrics.jsonl. */
  record(event: string, values: object): void {
    if (!this.#failed) this.#metrics.write(`${JSON.stringify({ event, ...values })}\n`);
  }

  async close(): Promise<void> {
    if (this.#failed) return;
    await new Promise<void>((done) => this.#metrics.end(done));
  }
}
