// Logits of many rows a few rows at a time. Rows of hidden states times a vocabulary of 100,000 words are gigabytes,
// and so is their gradient; but each row's loss depends on that row alone. So the product is written out for parts of
// the rows, and once the graph has its gradients, each part is made to wait until the one before it is done with: its
// loss, and the gradients of its rows and of the weight. At any time the logits of one part are there. Source: TRL's
// chunked losses, and Hsu et al., Liger Kernel (2024), do the same in one operator.

import type { Builder } from '../onnx/builder.js';
import { forgetViews, mul, view } from '../onnx/formulas.js';
import { type Node, operatorKey, type Value } from '../onnx/graph.js';
import { sortNodes } from '../onnx/normalize/tidy.js';
import { traitsOf } from '../onnx/operators.js';

/**
 * Writes `value` [M, C], the product of rows with a matrix and what is done to each of its elements, out for parts of
 * the rows. @returns the parts, or `value` alone where it is made otherwise
 */
export function inChunks(b: Builder, value: Value, chunks: number): Value[] {
  if (chunks < 2) return [value];
  const chain = productChain(b, value);
  if (!chain) return [value];
  const [product] = chain as [Node];
  const rows = product.inputs[0]!;
  const parts = splitRows(b, rows, chunks);
  return parts.map((part) => {
    const renamed = new Map([[rows, part]]);
    for (const node of chain) {
      const inputs = node.inputs.map((x) => renamed.get(x) ?? x);
      const y = b.unique(`${node.outputs[0]!}.part`);
      b.append({ ...node, name: b.unique(`${node.name}.part`), inputs, outputs: [y] });
      renamed.set(node.outputs[0]!, y);
    }
    return renamed.get(value)!;
  });
}

/** So many parts of about equal size along the first axis. */
export function splitRows(b: Builder, value: Value, chunks: number): Value[] {
  const [rows] = b.shape(value) as [number];
  const end = (part: number): number => Math.floor((part * rows) / chunks);
  const sizes = Array.from({ length: chunks }, (_, i) => end(i + 1) - end(i));
  return b.ops('Split', [value, b.ints(sizes)], { axis: 0 }, { outputs: chunks });
}

/** From the product on to `value`; undefined where something else than elementwise operators stands between. */
function productChain(b: Builder, value: Value): Node[] | undefined {
  const producers = new Map(b.graph.nodes.flatMap((node) => node.outputs.map((out) => [out, node] as const)));
  const [rows, columns] = b.shape(value) as [number, number];
  const chain: Node[] = [];
  for (let at = value; ; ) {
    const node = producers.get(at);
    if (!node) return undefined;
    chain.unshift(node);
    const key = operatorKey(node);
    // Weights that are stored in few bits are there once, and their bias is a row.
    if (key === 'com.microsoft.MatMulNBits') return chain;
    if (key === 'MatMul' || key === 'Gemm')
      return node.inputs.length === 2 || isRow(b, node.inputs[2]!) ? chain : undefined;
    if (!traitsOf(node).elementwise || node.outputs.length > 1) return undefined;
    const whole = node.inputs.filter((x) => x && String(b.shape(x)) === String([rows, columns]));
    const others = node.inputs.filter((x) => x && !whole.includes(x));
    if (whole.length !== 1 || !others.every((x) => isRow(b, x))) return undefined;
    at = whole[0]!;
  }
}

/** The same for every row. */
const isRow = (b: Builder, x: Value): boolean => {
  const shape = b.shape(x);
  return shape.length < 2 || shape.slice(0, -1).every((d) => d === 1);
};

/**
 * Lets each part wait for the one before it, in the builder's graph with its gradients: sums of what parts give are
 * added up part by part.
 */
export function runInTurn(b: Builder): void {
  const { graph } = b;
  const parts = graph.nodes.filter((node) => operatorKey(node) === 'ortune.CrossEntropyGrad');
  if (parts.length < 2) return;
  forgetViews(b);
  const products = parts.map((node) => productChain(b, node.inputs[1]!)?.[0]);
  if (!areOfOneSplit(graph.nodes, products)) return;
  const masks = masksOf(graph.nodes, parts);
  const done = parts.map((): Value[] => []);
  for (const node of [...graph.nodes]) {
    const of = node.inputs.map((x) => masks.get(x) ?? 0n);
    const all = of.reduce((sum, mask) => sum | mask, 0n);
    if (all === 0n || isSingle(all)) continue;
    if (operatorKey(node) === 'Sum') addInTurn(b, node, of, done);
    else for (const [i, mask] of of.entries()) if (isSingle(mask)) done[partOf(mask)]!.push(node.inputs[i]!);
  }
  for (const [i, product] of products.entries()) {
    const before = done[i - 1];
    if (!before) continue;
    const [rows, ...others] = product!.inputs as [Value, ...Value[]];
    product!.inputs = [before.reduce((x, value) => b.op('Add', [x, zeroAfter(b, value)]), rows), ...others];
  }
  sortNodes(graph, { path: 'the training graph' });
}

/** Whether losses are of parts of the same rows, and not of several outputs. */
function areOfOneSplit(nodes: readonly Node[], products: readonly (Node | undefined)[]): boolean {
  const rows = products.map((product) => product?.inputs[0]);
  const split = nodes.find(({ op, outputs }) => op === 'Split' && outputs.includes(rows[0]!));
  return split !== undefined && rows.every((value) => value !== undefined && split.outputs.includes(value));
}

/** Of each value the parts that it depends on, as bits. */
function masksOf(nodes: readonly Node[], parts: readonly Node[]): Map<Value, bigint> {
  const masks = new Map<Value, bigint>();
  const own = new Map(parts.map((node, i) => [node, 1n << BigInt(i)]));
  for (const node of nodes) {
    const mask = node.inputs.reduce((all, x) => all | (masks.get(x) ?? 0n), own.get(node) ?? 0n);
    if (mask !== 0n) for (const out of node.outputs) if (out) masks.set(out, mask);
  }
  return masks;
}

/** Of one part alone. */
const isSingle = (mask: bigint): boolean => mask !== 0n && (mask & (mask - 1n)) === 0n;
const partOf = (mask: bigint): number => mask.toString(2).length - 1;

/** Adds a sum's terms up in the order of the parts; each part is done with when its term is added. */
function addInTurn(b: Builder, node: Node, masks: readonly bigint[], done: Value[][]): void {
  const terms = node.inputs.map((value, i) => ({ value, mask: masks[i]! }));
  const own = terms.filter(({ mask }) => isSingle(mask)).sort((x, y) => (x.mask < y.mask ? -1 : 1));
  const others = terms.filter((term) => !own.includes(term));
  let sum = own[0]?.value;
  if (sum === undefined) return;
  done[partOf(own[0]!.mask)]!.push(sum);
  for (const { value, mask } of own.slice(1)) {
    sum = b.op('Add', [sum, value]);
    done[partOf(mask)]!.push(sum);
  }
  for (const { value } of others) sum = b.op('Add', [sum, value]);
  node.op = 'Identity';
  node.inputs = [sum];
}

/** 0, once the value is there. */
function zeroAfter(b: Builder, value: Value): Value {
  const first = b.shape(value).map(() => 0);
  const axes = first.map((_, axis) => axis);
  const one =
    first.length > 0 ? b.op('Slice', [value, b.ints(first), b.ints(first.map(() => 1)), b.ints(axes)]) : value;
  return mul(b, view(b, one, []), 0);
}
