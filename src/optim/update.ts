// What carries out an optimizer's step where the parameters are: a fused kernel over whole arenas on the CPU, a graph over
// the buffers of a device elsewhere.

import type { GroupOptions } from './optimizer.js';

export interface UpdateStep {
  /** By range; the learning rate with the schedule's factor in it. */
  rows: readonly GroupOptions[];
  /** Gradients of a larger global norm are scaled to this one; 0: none are. */
  maxNorm: number;
  /** AdamW's 1 − β₁ᵗ and 1 − β₂ᵗ; 1 for SGD. */
  corrections: readonly [number, number];
}

export interface Update {
  /** Returns the global norm of the gradients before clipping; when it is not finite nothing was changed. */
  run(step: UpdateStep): Promise<number>;
  release(): Promise<void>;
}
