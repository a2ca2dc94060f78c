// The interface of a gradient rule. A rule works on static shapes and opset-21 forms and holds only the mathematics;
// backward.ts sums over broadcast axes, adds up fan-out, names nodes and requests only the gradients that are needed.

import type { Definition } from '../../lower/form.js';
import type { Builder } from '../../onnx/builder.js';
import type { Node, Value } from '../../onnx/graph.js';

/** What a rule sees of its node. */
export interface RuleContext {
  readonly b: Builder;
  readonly node: Node;
  readonly x: readonly Value[];
  readonly y: readonly Value[];
  /** Gradient per output; undefined: that output does not reach the loss. */
  readonly dy: readonly (Value | undefined)[];
  /** Made once per node, shared by the functions of its inputs. */
  once<T>(key: string, make: () => T): T;
  /** Whether a gradient flows into this input: fused gradients of several inputs leave out the unneeded. */
  needs(input: number): boolean;
  /** The numbers of a constant input that is not being differentiated, else undefined. */
  constant(input: number): number[] | undefined;
  /** The name of an optional output, added to the forward node when it has none. */
  output(index: number): Value;
}

/**
 * The gradient of the loss with respect to one input: of that input's element type, and of its shape or of one that
 * the input's shape broadcasts to. `dy` is the gradient of the first output.
 */
export type InputRule = (c: RuleContext, dy: Value) => Value;

/**
 * A function per input, null where none flows. An operator whose gradient flows through other outputs than the first
 * says so by `anyOutput`; its functions read `c.dy`. An operator with a `definition` is written out in other operators
 * before it is differentiated, and derivatives flow through all its float inputs and outputs.
 */
export type Rule =
  | readonly (InputRule | null)[]
  | { readonly variadic: (c: RuleContext, input: number, dy: Value) => Value }
  | { readonly anyOutput: readonly (InputRule | null)[] }
  | { readonly definition: Definition };

export type RuleTable = Readonly<Record<string, Rule | null>>;
