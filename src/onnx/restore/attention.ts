// Scaled dot-product attention as PyTorch's exporters write it carries two things that training does not want: scales
// and transposes that are passes over activations, and a guard that turns the NaN of a wholly masked row into 0. The
// guard's gradient is NaN all the same (0 · NaN), so the −∞ of the mask becomes the lowest finite number and the guard
// goes. Rows with at least one visible token keep their values; a row without any gets even attention instead of none,
// which only a sample without tokens can see.

import type { Builder } from '../builder.js';
import type { DataType } from '../dtype.js';
import { attrInts, type Node, type Value } from '../graph.js';
import { Tensor } from '../tensor.js';
import { Matcher } from './match.js';

const lowest: Partial<Record<DataType, number>> = { float32: -3.4028234663852886e38, float64: -Number.MAX_VALUE };

/** Where(IsNaN(s), 0, s) → s for a softmax s of masked scores, in place. */
export function dropNanGuards(b: Builder): void {
  const m = new Matcher(b.graph);
  const renamed = new Map<Value, Value>();
  for (const node of b.graph.nodes) {
    node.inputs = node.inputs.map((input) => renamed.get(input) ?? input);
    const softmax = guarded(m, node);
    if (!softmax || b.graph.outputs.some((o) => o.name === node.outputs[0])) continue;
    if (finiteMask(b, m, softmax.inputs[0]!)) renamed.set(node.outputs[0]!, softmax.outputs[0]!);
  }
}

function guarded(m: Matcher, node: Node): Node | undefined {
  if (node.op !== 'Where' || node.domain !== '' || m.number(node.inputs[1]) !== 0) return undefined;
  const test = m.producer(node.inputs[0], 'IsNaN');
  return test?.inputs[0] === node.inputs[2] ? m.producer(node.inputs[2], 'Softmax') : undefined;
}

/**
 * Whether the scores are a product without a mask, or a sum with a mask of 0 and a very low number; −∞ is made finite
 * on the way.
 */
function finiteMask(b: Builder, m: Matcher, scores: Value): boolean {
  if (m.producer(m.scaled(m.producer(scores))?.x ?? scores, 'MatMul')) return true;
  const mask = m
    .producer(scores, 'Add')
    ?.inputs.map((input) => m.producer(input, 'Where'))
    .find((node) => node !== undefined);
  const numbers = mask?.inputs.slice(1).map((input) => m.number(input));
  if (!mask || !numbers?.includes(0) || numbers.includes(undefined)) return false;
  const low = numbers.indexOf(Number.NEGATIVE_INFINITY);
  if (low < 0) return numbers.every(Number.isFinite);
  const { dtype, shape } = b.type(mask.inputs[low + 1]!);
  const value = lowest[dtype];
  if (value === undefined) return false;
  mask.inputs[low + 1] = b.constant(Tensor.of(dtype, [value], shape), 'lowest');
  return true;
}

/**
 * MatMul(a·c, b·d) and MatMul(a, b)·c → FusedMatMul with that scale as alpha, in place: no pass over activations for
 * it, forward or backward. An operand transposed across its last axis is transposed elsewhere and read transposed
 * instead, so that rows are copied whole. Only batched products: those with a weight matrix become one Gemm. lower/
 * spells FusedMatMul out on devices that lack it; the runtime has it in float32.
 */
export function fuseProducts(b: Builder): void {
  const m = new Matcher(b.graph);
  for (const node of b.graph.nodes) {
    if (node.op !== 'MatMul' || node.domain !== '' || b.type(node.outputs[0]!).dtype !== 'float32') continue;
    if (node.inputs.some((input) => b.shape(input).length < 3)) continue;
    const alpha = takeScale(m, node, 0) * takeScale(m, node, 1) * takeOuterScale(m, node);
    const [transA, transB] = [takeTranspose(b, m, node, 0), takeTranspose(b, m, node, 1)];
    if (alpha === 1 && !transA && !transB) continue;
    node.op = 'FusedMatMul';
    node.domain = 'com.microsoft';
    node.attrs = new Map([
      ['alpha', { kind: 'float', value: alpha }],
      ['transA', { kind: 'int', value: +transA }],
      ['transB', { kind: 'int', value: +transB }],
    ]);
  }
}

/** Makes the product read an operand before it is scaled, and returns the scale. */
function takeScale(m: Matcher, node: Node, operand: number): number {
  const product = m.producer(node.inputs[operand], 'Mul', 'Div');
  const scaled = m.scaled(product);
  if (!product || !scaled || !m.sameShape(scaled.x, product.outputs[0]!)) return 1;
  node.inputs[operand] = scaled.x;
  return scaled.factor;
}

/** Gives the product the name of its scaled value, and returns the scale. */
function takeOuterScale(m: Matcher, node: Node): number {
  const y = node.outputs[0]!;
  const outer = m.onlyConsumer(y);
  const scaled = m.scaled(outer);
  if (!outer || scaled?.x !== y || !m.sameShape(y, outer.outputs[0]!)) return 1;
  outer.inputs = [];
  [node.outputs, outer.outputs] = [outer.outputs, node.outputs];
  return scaled.factor;
}

/** Whether the operand is now read transposed: its transpose no longer moves the last axis. */
function takeTranspose(b: Builder, m: Matcher, node: Node, operand: number): boolean {
  const transpose = m.producer(node.inputs[operand], 'Transpose');
  if (!transpose || !m.onlyConsumer(transpose.outputs[0]!)) return false;
  const [x, y] = [transpose.inputs[0]!, transpose.outputs[0]!];
  const rank = b.shape(x).length;
  const perm = attrInts(transpose, 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  if (rank < 2 || perm.at(-2) !== rank - 1) return false;
  const whole = [...perm.slice(0, -2), perm.at(-1)!, rank - 1];
  if (whole.every((p, i) => p === i)) {
    node.inputs[operand] = x;
    return true;
  }
  transpose.attrs = new Map([['perm', { kind: 'ints', value: whole }]]);
  b.graph.types.set(y, { dtype: b.type(x).dtype, shape: whole.map((p) => b.shape(x)[p]!) });
  return true;
}
