// What carries out an optimizer's step where the parameters are: a fused kernel over whole arenas on the CPU, a graph
// over the buffers of a device elsewhere. It also decides what a good step is, since a device must not wait for the
// host to decide: one whose loss, gradients and running averages are finite. Any other changes nothing.

import type { BoundTensor, DeviceTensor } from '../runtime/session.js';
import type { MaxNorm } from './constraints.js';
import type { Scaling } from './loss-scale.js';
import type { GroupOptions } from './rules/rule.js';

/**
 * Name of the entry behind the gradients, float32 [], that holds the loss: micro-batches add it up as they do
 * gradients.
 */
export const lossEntry = 'loss of the step';

export interface UpdateStep {
  /** By range; the learning rate with the schedule's factor in it. A frozen one is left as it is. */
  rows: readonly (GroupOptions & { frozen?: boolean })[];
  /** Gradients of a larger global norm are scaled to this one; 0: none are. */
  maxNorm: number;
}

/** How a step came out. */
export interface StepOutcome {
  /** Σ weight·loss over the samples of the step / Σ weight; 0 where the gradients come without. */
  loss: number;
  /** Global norm before clipping; NaN where the loss was not finite already. */
  gradNorm: number;
  /** What is not finite, where something is: then nothing was updated. */
  bad?: string;
  /**
   * What the loss was multiplied by for its gradients, where it was; a bad step of a large one may be no more than
   * that.
   */
  lossScale?: number;
}

/** What changes with a step beside the parameters and goes back where the step is bad: running averages. */
export interface StepBuffers {
  /** The first that is not finite. */
  firstBad(): Promise<string | undefined>;
  /** As they were before the step. */
  undo(): Promise<void>;
  /** The same without the host: undefined where there is nothing beside. `good` [1]: 1 for a good step. */
  onDevice(good: DeviceTensor): Promise<DeviceStepBuffers | undefined>;
}

/** How an update is made. */
export interface UpdateOptions {
  /** What goes back where a step is bad. */
  beside?: StepBuffers | undefined;
  /** Whether gradients are those of a scaled loss; default no. For a device of its own. */
  scaled?: boolean;
  /** Steps whose outcomes a device keeps until they are read; default 1. */
  outcomes?: number;
  /** What weights are held to after every step. */
  held?: readonly MaxNorm[];
}

export interface DeviceStepBuffers {
  /** [1]: 1 where all are finite, as of the last `check`. */
  finite: DeviceTensor;
  check(): Promise<void>;
  /** Undoes the step unless it was good. */
  settle(): Promise<void>;
}

export interface Update {
  /** Good steps, as far as their outcomes are known; what AdamW's corrections count. */
  readonly steps: number;
  /** Of the loss, where it is scaled. */
  readonly scaling: Scaling | undefined;
  /** Where the scale lies, for the graph that makes the gradients. */
  readonly lossScale: BoundTensor | undefined;
  /** Takes one step; on a device it is only enqueued. */
  run(step: UpdateStep): Promise<void>;
  /** How the steps since the last call came out, in their order. Waits for the device. */
  outcomes(): Promise<StepOutcome[]>;
  /** Good steps in which each range was not frozen; undefined where none ever is. */
  readonly rangeSteps?: readonly number[];
  /** Goes on from so many good steps; of each range, default of all as many. */
  resume(steps: number, scaling: Scaling | undefined, rangeSteps?: readonly number[]): Promise<void>;
  release(): Promise<void>;
}
