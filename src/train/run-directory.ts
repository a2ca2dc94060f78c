// A run's directory: config.json (everything resolved), metrics.jsonl (a line per step and evaluation) and model/.

import { createWriteStream, existsSync, mkdirSync, type WriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainConfig } from '../config/schema.js';
import { UsageError } from '../errors.js';

export class RunDirectory {
  readonly path: string;
  /** Where the trained model goes. */
  readonly model: string;
  readonly #metrics: WriteStream;
  #failed: Error | undefined;

  private constructor(path: string) {
    this.path = path;
    this.model = join(path, 'model');
    this.#metrics = createWriteStream(join(path, 'metrics.jsonl'));
    this.#metrics.on('error', (error) => {
      this.#failed = error;
    });
  }

  /** @throws UsageError when the directory cannot be made, or holds a run and `overwrite` is not set */
  static create(config: TrainConfig): RunDirectory {
    const { output } = config;
    if (!config.overwrite && existsSync(join(output, 'metrics.jsonl')))
      throw new UsageError(`output ${output} holds a run already; choose another directory or set overwrite`);
    try {
      mkdirSync(output, { recursive: true });
      writeFileSync(join(output, 'config.json'), `${JSON.stringify(config, undefined, 2)}\n`);
    } catch (error) {
      throw new UsageError(`output ${output} cannot be written: ${(error as Error).message}`);
    }
    return new RunDirectory(output);
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
