// What unrolling and sequences need of the graph that is being specialised: to append nodes that are folded and
// simplified like all others, and to let a value stand for another.

import type { Construct, Node, Value } from '../graph.js';
import type { Tensor } from '../tensor.js';

export interface Host {
  /** What a value is called now. */
  resolve(value: Value): Value;
  constant(value: Value): Tensor | undefined;
  shape(value: Value): readonly number[];
  /** A constant under a new name. */
  define(stem: string, tensor: Tensor): Value;
  /** Lets a value stand for another, which may be an output of the graph. */
  alias(out: Value, value: Value): void;
  /** Repeats a body over the values of `scope`; what gives the values that it computed. */
  iterate(
    body: readonly Node[],
    construct: Construct,
    scope: Map<Value, Value>,
    iteration: number,
  ): (value: Value) => Value;
  /** The slices of a value along an axis, without the axis. */
  slices(value: Value, axis: number): Value[];
  /** Values one behind the other along an axis, which is a new one if `fresh`. */
  stacked(values: readonly Value[], axis: number, fresh: boolean): Value;
  /** Appends a node of the default domain and returns its outputs. */
  add(op: string, inputs: readonly Value[], attrs: Record<string, number>, outputs?: number): Value[];
}
