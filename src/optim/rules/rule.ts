// An optimizer as a row: its options, what it keeps for each parameter, and its update in two forms, as the numbers of
// a fused kernel and as a graph of standard operators. To add one: a file beside this, its row in ../rules.ts, and its
// kernel with a line in native/ops/kernels.h.

import type { z } from '../../config/zod.js';
import type { Builder } from '../../onnx/builder.js';
import { add, cast, less, mul, sub } from '../../onnx/formulas.js';
import type { Value } from '../../onnx/graph.js';

/** What is the same for all parameters of a group; `learningRate` is multiplied by the schedule's factor. */
export interface GroupOptions {
  learningRate: number;
  weightDecay: number;
  /** Added to each gradient with the sign of its weight: the derivative of l1·Σ|w| in the loss. Default 0. */
  l1?: number;
  /** Step of the run, from 0, from which on they train; before it nothing of them changes. Default 0. */
  startStep?: number;
}

/** A run of consecutive arena elements with one set of options. */
export interface ParameterRange extends GroupOptions {
  start: number;
  end: number;
}

/**
 * The new values of a tensor and of its state, by name ('p' is the parameter), from its clipped gradient. They take the
 * place of the old ones when they are computed: a value that reads an old one must not be independent of its successor.
 */
export type DeviceStep = (index: number, range: number, gradient: Value) => Record<string, Value>;

export interface OptimizerRule<Options extends { name: string }, Fields extends z.ZodRawShape> {
  readonly name: Options['name'];
  /** Operator of its kernel in the domain ortune. */
  readonly op: string;
  /** Its own options of a training run. */
  readonly fields: Fields;
  options(config: z.output<z.ZodObject<Fields>>): Options;
  /** What it keeps for every trained element, in the order of the kernel's inputs. */
  readonly states: readonly string[];
  /**
   * Numbers of the kernel for one range in step `step` (from 1): names and order are those of its line in kernels.h.
   */
  numbers(options: Options, group: GroupOptions, step: number): Record<string, number>;
  /** What counts good steps in a device's memory, as float32 arithmetic has it after `steps` of them. */
  counters(options: Options, steps: number): Record<string, number>;
  /**
   * The update as standard operators, in the order of operations of the kernel. Tensor i has the values `p{i}` and
   * `{state}{i}`, range r has `rate{r}` and `decay{r}`; `count` stores a counter's next value and returns it.
   */
  step(b: Builder, options: Options, count: (name: string, next: Value) => Value): DeviceStep;
  /** What `ortune bench step` trains with; `says` follows the optimizer's name in its help. */
  readonly bench: { group: GroupOptions; maxGradNorm: number; says: string };
}

/** Keeps the types of the options together with what reads them. */
export const optimizerRule = <Options extends { name: string }, Fields extends z.ZodRawShape>(
  rule: OptimizerRule<Options, Fields>,
): OptimizerRule<Options, Fields> => rule;

/** A running mean's next value, `old`·decay + `fresh`·(1 - decay), with the decay that a kernel has: in float32. */
export function moved(b: Builder, old: Value, fresh: Value, decay: number): Value {
  const kept = Math.fround(decay);
  return add(b, mul(b, old, kept), mul(b, fresh, 1 - kept));
}

/** -1, 0 or 1, float32. WebGPU has no Sign. */
export const sign = (b: Builder, x: Value): Value =>
  sub(b, cast(b, less(b, 0, x), 'float32'), cast(b, less(b, x, 0), 'float32'));
