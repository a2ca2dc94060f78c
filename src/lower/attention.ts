// Before differentiation: attention, which exporters write as two batched products with masks and a softmax between
// transposes, becomes one ortune.Attention on [B, T, C] values. Its kernels work head by head in cache, so neither the
// transposes nor the passes over [B, H, T, S] tensors are left, forward or backward. Works on restored forms
// (onnx/restore has folded scales and last-axis transposes into the products), after dropout and before lowerLinear,
// which drops the views that this leaves between the layers and the fused node.

import { type Builder, float } from '../onnx/builder.js';
import { add, axisOf, forgetViews, sameShape } from '../onnx/formulas.js';
import { attrFloat, attrInt, attrInts, type Graph, type Node, type Value } from '../onnx/graph.js';
import { Matcher } from '../onnx/restore/match.js';

/** The parts of one attention. q, k and v are the values [B, ·, H, d] before their heads are brought forward. */
interface Attention {
  q: Value;
  k: Value;
  v: Value;
  scale: number;
  /** Added to the scores, in order. */
  biases: Value[];
  dropout: Node | undefined;
  /** What the fused node replaces; the last of them gives [B, T, H, d]. */
  nodes: Node[];
}

const products = ['MatMul', 'com.microsoft.FusedMatMul'];

/**
 * Rewrites the builder's static graph in place. Left as it is: attention of another type than float32, with parts that
 * something else reads, or with a bias that `trained` reaches, since the fused operator has no gradient for it. Masks
 * of dropout stay the same, bit for bit. For devices with the kernel: the definition is slower than the parts.
 * @param trained values that gradients are asked for
 * @returns the number of fused nodes
 */
export function fuseAttention(b: Builder, trained: ReadonlySet<Value>): number {
  const { graph } = b;
  const m = new Matcher(graph);
  const learned = dependents(graph, trained);
  const found = graph.nodes
    .map((node) => findAttention(m, node))
    .filter((it): it is Attention => it !== undefined && !it.biases.some((bias) => learned.has(bias)));
  const parts = new Set(found.flatMap(({ nodes }) => nodes));
  const byLast = new Map(found.map((it) => [it.nodes.at(-1)!, it]));
  const biases = new Map<string, Value>();
  forgetViews(b);
  const nodes = graph.nodes;
  graph.nodes = [];
  for (const node of nodes) {
    const attention = byLast.get(node);
    if (attention) emit(b, attention, biases);
    else if (!parts.has(node)) graph.nodes.push(node);
  }
  return found.length;
}

/** The values themselves and all that is computed from them. */
function dependents(graph: Graph, values: ReadonlySet<Value>): Set<Value> {
  const reached = new Set(values);
  for (const node of graph.nodes)
    if (node.inputs.some((x) => reached.has(x))) for (const y of node.outputs) reached.add(y);
  return reached;
}

/** The attention around a softmax. */
function findAttention(m: Matcher, softmax: Node): Attention | undefined {
  const weights = softmax.outputs[0]!;
  if (softmax.op !== 'Softmax' || softmax.domain !== '') return undefined;
  const { dtype, shape } = m.graph.type(weights);
  if (dtype !== 'float32' || shape.length !== 4 || axisOf(attrInt(softmax, 'axis', -1), 4) !== 3) return undefined;

  const dropout = m.onlyConsumer(weights, 'ortune.Dropout');
  const dropped = dropout?.outputs[0] ?? weights;
  const mix = m.onlyConsumer(dropped, ...products);
  const last = mix && m.onlyConsumer(mix.outputs[0]!, 'Transpose');
  if (!last || attrInts(last, 'perm')?.join() !== '0,2,1,3') return undefined;
  if (mix.inputs[0] !== dropped || !isPlain(mix) || attrInt(mix, 'transA', 0) || attrFloat(mix, 'alpha', 1) !== 1)
    return undefined;
  const v = splitValue(m, mix.inputs[1]!, attrInt(mix, 'transB', 0) !== 0, '0,2,1,3');
  const scores = m.onlyConsumer(softmax.inputs[0]!) === softmax ? findScores(m, softmax.inputs[0]!) : undefined;
  if (v === undefined || !scores || !m.sameShape(v, scores.k)) return undefined;
  return { ...scores, v, dropout, nodes: [...scores.nodes, softmax, ...(dropout ? [dropout] : []), mix, last] };
}

type Scores = Pick<Attention, 'q' | 'k' | 'scale' | 'biases' | 'nodes'>;

/** A product of q and kᵀ, or its sum with values that broadcast to it. */
function findScores(m: Matcher, value: Value): Scores | undefined {
  const product = m.producer(value, ...products);
  if (product) return scoresOf(m, product);
  const sum = m.producer(value, 'Add');
  for (const [i, inner] of sum?.inputs.entries() ?? []) {
    const bias = sum!.inputs[1 - i]!;
    if (bias === inner || !m.sameShape(inner, value) || m.onlyConsumer(inner) !== sum) continue;
    const found = findScores(m, inner);
    if (found) return { ...found, biases: [...found.biases, bias], nodes: [...found.nodes, sum!] };
  }
  return undefined;
}

function scoresOf(m: Matcher, product: Node): Scores | undefined {
  if (!isPlain(product)) return undefined;
  const q = splitValue(m, product.inputs[0]!, attrInt(product, 'transA', 0) !== 0, '0,2,1,3');
  const k = splitValue(m, product.inputs[1]!, attrInt(product, 'transB', 0) !== 0, '0,2,3,1');
  if (q === undefined || k === undefined) return undefined;
  const [queries, keys] = [m.graph.shape(q), m.graph.shape(k)];
  if (!sameShape(queries.toSpliced(1, 1), keys.toSpliced(1, 1))) return undefined;
  return { q, k, scale: attrFloat(product, 'alpha', 1), biases: [], nodes: [product] };
}

const isPlain = (product: Node): boolean =>
  !attrInt(product, 'transBatchA', 0) && !attrInt(product, 'transBatchB', 0) && product.inputs.length === 2;

/** What a product's operand is a transpose of, if all transposes together, the product's own included, are `wanted`. */
function splitValue(m: Matcher, operand: Value, transposed: boolean, wanted: string): Value | undefined {
  let [value, perm] = [operand, transposed ? [0, 1, 3, 2] : [0, 1, 2, 3]];
  for (;;) {
    if (perm.join() === wanted) return value;
    const node = m.producer(value, 'Transpose');
    const before = node && attrInts(node, 'perm');
    if (!node || before?.length !== 4) return undefined;
    perm = perm.map((axis) => before[axis]!);
    value = node.inputs[0]!;
  }
}

/** `biases`: the operators' biases made so far, by the names of their terms: layers share them. */
function emit(b: Builder, { q, k, v, scale, biases, dropout, nodes }: Attention, made: Map<string, Value>): void {
  const last = nodes.at(-1)!;
  const rows = (x: Value): Value => {
    const [batch, length, heads, size] = b.shape(x) as [number, number, number, number];
    return b.op('Reshape', [x, b.ints([batch, length, heads * size])]);
  };
  const inputs = [rows(q), rows(k), rows(v), biasOf(b, biases, made), dropout?.inputs[1] ?? ''];
  const attrs = {
    heads: b.shape(q)[2]!,
    scale: float(scale),
    ...(dropout && { ratio: dropout.attrs.get('ratio')!, id: dropout.attrs.get('id')! }),
  };
  const name = `${nodes[0]!.name.replace(/[^/]*$/, '')}Attention`;
  const y = b.op('Attention', inputs, attrs, { domain: 'ortune', name });
  const shape = b.ints(b.shape(last.outputs[0]!));
  b.append({ ...last, op: 'Reshape', inputs: [y, shape], attrs: new Map() });
}

/** The sum of the terms, with four axes. */
function biasOf(b: Builder, terms: readonly Value[], made: Map<string, Value>): Value {
  if (terms.length === 0) return '';
  const key = terms.join(' ');
  const known = made.get(key);
  if (known !== undefined) return known;
  const total = terms.reduce((a, x) => add(b, a, x));
  const shape = b.shape(total);
  const ones = Array.from({ length: 4 - shape.length }, () => 1);
  const bias = ones.length === 0 ? total : b.op('Reshape', [total, b.ints([...ones, ...shape])]);
  made.set(key, bias);
  return bias;
}
