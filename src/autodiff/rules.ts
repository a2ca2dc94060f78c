// The table of gradient rules: one row per operator, one short function per input. A rule sees static shapes and
// opset-21 forms, and says only the mathematics; backward.ts sums over broadcast axes, adds up fan-out, names nodes and
// asks for no gradient that is not needed. `null` says 'not differentiable', as a decision and not an omission.

import type { Builder } from '../onnx/builder.js';
import type { Node, Value } from '../onnx/graph.js';
import { activations } from './rules/activations.js';
import { channelsLast } from './rules/channels-last.js';
import { convolution } from './rules/convolution.js';
import { einsum } from './rules/einsum.js';
import { elementwise } from './rules/elementwise.js';
import { fused } from './rules/fused.js';
import { indexing } from './rules/indexing.js';
import { layout } from './rules/layout.js';
import { matmul } from './rules/matmul.js';
import { normalise } from './rules/normalise.js';
import { normaliseChannels } from './rules/normalise-channels.js';
import { notDifferentiable } from './rules/not-differentiable.js';
import { pooling } from './rules/pooling.js';
import { reduce } from './rules/reduce.js';
import { resample } from './rules/resample.js';
import { trigonometry } from './rules/trigonometry.js';

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
  /** Whether a gradient flows into this input: fused gradients of several inputs leave out what nobody asks for. */
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
 * says so by `anyOutput`; its functions read `c.dy`.
 */
export type Rule =
  | readonly (InputRule | null)[]
  | { readonly variadic: (c: RuleContext, input: number, dy: Value) => Value }
  | { readonly anyOutput: readonly (InputRule | null)[] };

export type RuleTable = Readonly<Record<string, Rule | null>>;

/** The rule of each operator, by `Op`, or `domain.Op` outside the default domain; null: no gradient flows. */
export const rules: ReadonlyMap<string, Rule | null> = new Map(
  [
    ...[elementwise, activations, reduce, normalise, normaliseChannels, matmul, einsum, convolution, pooling],
    ...[trigonometry, layout, resample, indexing, fused, channelsLast, notDifferentiable],
  ].flatMap((t) => Object.entries(t)),
);

/** The function for one input, or null where no gradient flows. */
export function inputRule(rule: Rule | null, input: number): InputRule | null {
  if (rule === null) return null;
  if ('variadic' in rule) return (c, dy) => rule.variadic(c, input, dy);
  return ('anyOutput' in rule ? rule.anyOutput : rule)[input] ?? null;
}
