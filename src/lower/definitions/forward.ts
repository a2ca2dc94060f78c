// What fused forward operators mean, in standard operators: ortune.Dropout, and those of com.microsoft that ortune
// emits or that exports contain, for devices (or element types) without a kernel for them.

import { type AttrInput, type Builder, float } from '../../onnx/builder.js';
import { add, cast, div, greaterOrEqual, mul, transposeMatrix, view, where } from '../../onnx/formulas.js';
import { attrFloat, attrInt, attrString, type Node, type StaticType, type Value } from '../../onnx/graph.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import type { Definition } from '../form.js';

/** Multipliers of the key's four words and of the node's id in the stream's start. */
const keyMultipliers = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f];
const idMultiplier = 0x165667b1;
/** Multiplier of the first round, increments of the other two. */
const [spread, second, third] = [0x9e3779b1, 0x7feb352d, 0x846ca68b];

/** z · 65536 + z / 65536: the halves of every 32-bit word change places. */
const swapHalves = (b: Builder, z: Value): Value =>
  add(b, mul(b, z, b.scalar('uint32', 0x10000)), div(b, z, b.scalar('uint32', 0x10000)));

/** z · (2z + 1), a permutation of the 32-bit words. */
const permute = (b: Builder, z: Value): Value => mul(b, z, add(b, add(b, z, z), b.scalar('uint32', 1)));

/**
 * keep / (1 − ratio) per element, keep a function of (key, id, element) by wrapping uint32 arithmetic, which every
 * device has with the same bits: three rounds of z · (2z + 1) with the halves swapped between them, and an element is
 * kept where z ≥ ratio · 2³². Why these rounds: native/ops/dropout.cc.
 * @param node whose attributes `ratio` and `id` say which mask
 */
export function dropoutFactor(b: Builder, node: Node, key: Value, { dtype, shape }: StaticType): Value {
  const ratio = Math.fround(attrFloat(node, 'ratio', 0)); // as the file stores it
  const word = (value: number) => b.scalar('uint32', value >>> 0);
  const products = mul(b, key, b.constant(Tensor.of('uint32', keyMultipliers)));
  const words = b.ops('Split', [products], { axis: 0, num_outputs: 4 }, { outputs: 4 });
  const start = words.reduce((a, w) => add(b, a, w));
  const state = add(b, start, word(Math.imul(attrInt(node, 'id', 0), idMultiplier)));
  const count = b.scalar('int64', elementCount(shape));
  const element = b.op('Range', [b.scalar('int64', 0), count, b.scalar('int64', 1)]);
  let z = mul(b, add(b, cast(b, element, 'uint32'), state), word(spread));
  z = swapHalves(b, permute(b, z));
  z = swapHalves(b, add(b, permute(b, z), word(second)));
  z = add(b, permute(b, z), word(third));
  const keep = greaterOrEqual(b, view(b, z, shape), word(Math.min(Math.floor(ratio * 2 ** 32), 2 ** 32 - 1)));
  return where(b, keep, b.scalar(dtype, 1 / (1 - ratio)), 0);
}

const dropout: Definition = (b, node) => {
  const [x, key] = node.inputs as [Value, Value];
  return [mul(b, x, dropoutFactor(b, node, key, b.type(x)))];
};

const fusedMatMul: Definition = (b, node) => {
  const operand = (value: Value, trans: string) => (attrInt(node, trans, 0) ? transposeMatrix(b, value) : value);
  const y = b.op('MatMul', [operand(node.inputs[0]!, 'transA'), operand(node.inputs[1]!, 'transB')]);
  const alpha = attrFloat(node, 'alpha', 1);
  return [alpha === 1 ? y : mul(b, y, alpha)];
};

const gelu =
  (approximate: string): Definition =>
  (b, node) => {
    const [x, bias] = node.inputs as [Value, Value | undefined];
    return [b.op('Gelu', [bias ? add(b, x, bias) : x], { approximate })];
  };

/** The layer normalisation of input + skip + bias, its statistics, and that sum. */
const skipLayerNormalization: Definition = (b, node) => {
  const [input, skip, gamma, beta, bias] = node.inputs as [Value, Value, Value, Value?, Value?];
  const both = add(b, input, skip);
  const total = bias ? add(b, both, bias) : both;
  const attrs: Record<string, AttrInput> = { axis: -1, epsilon: float(attrFloat(node, 'epsilon', 1e-12)) };
  const inputs = beta ? [total, gamma, beta] : [total, gamma];
  return [...b.ops('LayerNormalization', inputs, attrs, { outputs: 3 }), total];
};

/** A Gemm; of the rows of a tensor the product and the sum that it is. */
const product = (b: Builder, node: Node, [x, w, bias]: readonly Value[]): Value => {
  if (b.shape(x!).length === 2) return b.op('Gemm', bias ? [x!, w!, bias] : [x!, w!], Object.fromEntries(node.attrs));
  const y = b.op('MatMul', [x!, attrInt(node, 'transB', 0) ? transposeMatrix(b, w!) : w!]);
  return bias ? add(b, y, bias) : y;
};

/** The same of operands that are rounded to bfloat16, and float32 again. */
const productOfRounded: Definition = (b, node) => {
  const { dtype } = b.type(node.inputs[0]!);
  const [x, w] = node.inputs.slice(0, 2).map((value) => cast(b, cast(b, value, 'bfloat16'), dtype));
  return [product(b, node, [x!, w!, ...node.inputs.slice(2)])];
};

export const fusedForward: Readonly<Record<string, Definition>> = {
  'ortune.Dropout': dropout,
  'ortune.StopGradient': (_, { inputs: [x] }) => [x!],
  'ortune.BiasGelu': (b, node) => gelu(attrString(node, 'approximate', 'none'))(b, node),
  'ortune.Gemm': (b, node) => [product(b, node, node.inputs)],
  'ortune.GemmBf16': productOfRounded,
  'ortune.Transpose': (b, node) => [transposeMatrix(b, node.inputs[0]!)],
  'com.microsoft.FusedMatMul': fusedMatMul,
  'com.microsoft.Gelu': gelu('none'),
  'com.microsoft.BiasGelu': gelu('none'),
  'com.microsoft.FastGelu': gelu('tanh'),
  'com.microsoft.SkipLayerNormalization': skipLayerNormalization,
};
