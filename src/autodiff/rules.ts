// The table of gradient rules: one row per operator, one short function per input (rules/context.ts). `null` says 'not
// differentiable', as a decision and not an omission.

import { definedOperators } from '../onnx/defined/table.js';
import { type Node, operatorKey } from '../onnx/graph.js';
import { activations } from './rules/activations.js';
import { channelsLast } from './rules/channels-last.js';
import type { InputRule, Rule } from './rules/context.js';
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
import { quantised } from './rules/quantised.js';
import { recurrent } from './rules/recurrent.js';
import { reduce } from './rules/reduce.js';
import { resample } from './rules/resample.js';
import { scattering } from './rules/scattering.js';
import { trigonometry } from './rules/trigonometry.js';
import { writtenOut } from './rules/written-out.js';

/** The rule of each operator, by `Op`, or `domain.Op` outside the default domain; null: no gradient flows. */
export const rules: ReadonlyMap<string, Rule | null> = new Map(
  [
    ...[elementwise, activations, reduce, normalise, normaliseChannels, matmul, einsum, convolution, pooling],
    ...[
      trigonometry,
      layout,
      resample,
      indexing,
      fused,
      channelsLast,
      quantised,
      recurrent,
      writtenOut,
      scattering,
      notDifferentiable,
    ],
  ].flatMap((t) => Object.entries(t)),
);

const spelledOut: InputRule = ({ node }) => {
  throw new Error(`${node.op} was to be written out before`);
};

/** The function for one input, or null where no gradient flows. */
export function inputRule(rule: Rule | null, input: number): InputRule | null {
  if (rule === null) return null;
  if ('definition' in rule) return spelledOut;
  if ('variadic' in rule) return (c, dy) => rule.variadic(c, input, dy);
  return ('anyOutput' in rule ? rule.anyOutput : rule)[input] ?? null;
}

/**
 * Whether a derivative flows into an input of a node, in a graph whose operators may not be spelled out yet. An
 * operator that nothing is known of lets it.
 */
export function flowsInto(node: Node, input: number): boolean {
  const rule = rules.get(operatorKey(node));
  if (rule !== undefined) return inputRule(rule, input) !== null;
  return !definedOperators.get(operatorKey(node))?.constants?.includes(input);
}
