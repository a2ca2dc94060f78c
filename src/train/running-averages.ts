// The running averages of BatchNormalization as state of training. A run of the training graph writes those after the batch
// beside the arena; they take their place in it once the batch is known to be good, so that the next micro-batch goes on
// from them and sessions that evaluate see them. A step that turns out bad gives back those from before it.

import { Arena } from '../runtime/arena.js';
import type { TensorView } from '../runtime/session.js';
import type { StatisticInfo } from './protocol.js';

export class RunningAverages {
  readonly #names: readonly string[];
  /** In the parameter arena. */
  readonly #current: Arena;
  readonly #after: Arena;
  readonly #before: Arena;

  constructor(statistics: readonly StatisticInfo[], parameters: Arena) {
    const updated = statistics.filter((s) => s.updated);
    this.#names = updated.map(({ name }) => name);
    this.#current = parameters;
    this.#after = Arena.create(Arena.layout(updated));
    this.#before = this.#after.like();
  }

  /** Where a run of the training graph writes one. */
  written(name: string): TensorView {
    return this.#after.view(name);
  }

  /** Before the first micro-batch of a step. */
  begin(): void {
    for (const name of this.#names) this.#before.array(name).set(this.#current.array(name));
  }

  /** After a micro-batch whose loss is finite. */
  take(): void {
    for (const name of this.#names) this.#current.array(name).set(this.#after.array(name));
  }

  /** As they were at `begin`. */
  undo(): void {
    for (const name of this.#names) this.#current.array(name).set(this.#before.array(name));
  }

  /** The first that is not finite. */
  firstBad(): string | undefined {
    return this.#names.find((name) => !this.#current.array(name).every(Number.isFinite));
  }
}
