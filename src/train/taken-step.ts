// An optimizer step: the batches that it is for, and what is known of it once it was taken.

import type { Batch } from '../data/loader.js';
import type { Traffic } from '../runtime/session.js';

/** The batches of a step. */
export interface StepBatches {
  /** Number of the step, from 0, and of its epoch. */
  step: number;
  epoch: number;
  /** gradientAccumulationSteps of them; fewer at the end of an epoch. Freed when the next step is requested. */
  batches: Batch[];
  /** How long the device had nothing to do before they were there. */
  waitMs: number;
}

/** A step that was taken; its outcome comes from `outcomes` of the optimizer. */
export interface TakenStep {
  learningRate: number;
  /** Sum of what its samples weigh in the losses; 0: none has a part in them. */
  weight: number;
  forwardBackwardMs: number;
  /** Adding gradients up included. */
  updateMs: number;
  /** What crossed to the device and back, where it has memory of its own. */
  traffic?: Traffic;
}
