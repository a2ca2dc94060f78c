// What a host program decides while a run goes on, and with what: functions that the run calls between two steps and
// waits for. Events (events.ts) only tell; these may also stop the run, save, evaluate, change the learning rate and
// leave a batch out. Types alone; train/decisions.ts is what calls them.

import type { EvaluationEvent, StartEvent, StepEvent } from './events.js';

/**
 * What can be asked of a run, from a callback or at any time from outside (`trainer.control`). Everything takes effect
 * between two steps: what a callback asks for at the very step it was called for, what is asked from outside after the
 * step under way, whichever that is.
 */
export interface Control {
  /** Ends the run after this step: with a checkpoint, and the model written as at its usual end. */
  stop(): void;
  /** Writes a checkpoint after this step. */
  save(): void;
  /** Evaluates after this step. @throws UsageError where the run has no data to evaluate on */
  evaluate(): void;
  /**
   * What all learning rates are multiplied by beside their schedule, from the next step on; 1 at the start. Part of
   * every checkpoint. @throws UsageError for what is no number of at least 0
   */
  learningRateFactor: number;
  /** Steps done. */
  readonly step: number;
  /** Aborted when the run is: for callbacks that wait for something. */
  readonly signal: AbortSignal | undefined;
}

/** The batch of the next step. */
export interface NextBatch {
  /** Number of the step, from 1. */
  step: number;
  /** From 0. */
  epoch: number;
  /** Its samples. */
  samples: number;
  /** Where they are: 'file:line', 'train:row 3', or a picture's path. */
  places(): string[];
  /** Leaves it out: the step is counted, and nothing is computed or changed. */
  skip(): void;
}

/**
 * Called between two steps, one after the other, with what the event of that name says. Their promises are waited for:
 * a slow one costs its own time, while batches are prepared all the same. One that throws ends the run with a
 * CallbackError whose `cause` is what it threw, and a checkpoint of the steps so far.
 */
export interface Callbacks {
  /** Before the first step of this process. */
  onStart?(event: StartEvent, control: Control): unknown;
  /** Before each step. */
  onBatch?(batch: NextBatch, control: Control): unknown;
  /** After each step. On a device it makes the run wait for the loss of every step (loggingSteps 1). */
  onStep?(event: StepEvent, control: Control): unknown;
  /** After the last step of an epoch, behind `onStep`. */
  onEpoch?(event: { epoch: number; step: number }, control: Control): unknown;
  /** After each evaluation, before the checkpoint of the step. */
  onEvaluation?(event: EvaluationEvent, control: Control): unknown;
}
