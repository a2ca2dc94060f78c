// Which evaluation was the best so far, and whether it is time to stop. Pure bookkeeping: the trainer evaluates, marks
// the checkpoint and stops; what is kept here is small and part of every checkpoint, so a resumed run decides alike.

import type { TrainConfig } from '../config/train-schema.js';
import { lessIsBetter } from '../metrics/names.js';

/** Whether evaluations decide which weights are written. */
export const keepsBest = (config: TrainConfig): boolean =>
  config.loadBestModelAtEnd ?? config.earlyStoppingPatience !== undefined;

export interface BestOptions {
  /** The name of what is compared: of losses less is better, of every other metric more. */
  metric: string;
  /** So many evaluations in a row that are not better end the run; undefined: none do. */
  patience?: number | undefined;
  /** After each so many evaluations in a row that are not better the learning rate is reduced; undefined: never. */
  reducePatience?: number | undefined;
  /** An evaluation is better when it is better by more than this; default 0. */
  threshold?: number | undefined;
  /** Whether less of it is better; default by its name. */
  lessIsBetter?: boolean | undefined;
}

/** JSON of a tracker. */
export interface BestState {
  metric: string;
  /** The best evaluation, once there is one. */
  best?: { step: number; value: number };
  /** Evaluations since then. */
  sinceBest: number;
}

export class BestTracker {
  readonly metric: string;
  readonly #patience: number;
  readonly #reducePatience: number;
  readonly #threshold: number;
  readonly #sign: 1 | -1;
  #best: { step: number; value: number } | undefined;
  #sinceBest = 0;

  constructor({
    metric,
    patience = Number.POSITIVE_INFINITY,
    reducePatience = Number.POSITIVE_INFINITY,
    threshold = 0,
    lessIsBetter: less = lessIsBetter(metric),
  }: BestOptions) {
    this.metric = metric;
    this.#patience = patience;
    this.#reducePatience = reducePatience;
    this.#threshold = threshold;
    this.#sign = less ? -1 : 1;
  }

  /** Step and value of the best evaluation so far. */
  get best(): Readonly<{ step: number; value: number }> | undefined {
    return this.#best;
  }

  /** Counts the evaluation after `step`; a value that is not finite is never better. */
  add(step: number, value: number): { better: boolean; stop: boolean; reduce: boolean } {
    const gain = this.#best ? this.#sign * (value - this.#best.value) : Number.POSITIVE_INFINITY;
    const better = Number.isFinite(value) && gain > this.#threshold;
    if (better) {
      this.#best = { step, value };
      this.#sinceBest = 0;
    } else this.#sinceBest++;
    const reduce = !better && this.#sinceBest % this.#reducePatience === 0;
    return { better, stop: this.#sinceBest >= this.#patience, reduce };
  }

  state(): BestState {
    return { metric: this.metric, ...(this.#best && { best: { ...this.#best } }), sinceBest: this.#sinceBest };
  }

  /** Goes on from a state; one of another metric cannot be compared with and leaves the tracker new. */
  restore(state: BestState): void {
    const same = state.metric === this.metric;
    this.#best = same && state.best ? { ...state.best } : undefined;
    this.#sinceBest = same ? state.sinceBest : 0;
  }
}
