// Before differentiation: attention, which exporters write as two batched products with masks and a softmax between
// transposes, becomes one ortune.Attention on [B, T, C] values. Its kernels work head by head in cache, so neither the
// transposes nor the passes over [B, H, T, S] tensors are left, forward or backward. Works on restored forms
// (onnx/restore has folded scales and last-axis transposes into the products), after dropout and before lowerLinear,
// which drops the views that this leaves between the layers and the fused node.

import { type Builder, float } from '../onnx/builder.js';
import { add, axisOf, forgetViews, sameShape, transpose, view } from '../onnx/formulas.js';
import { attrFloat, attrInt, attrInts, dependentValues, type Node, type Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';
import { Matcher } from '../onnx/restore/match.js';

/** A value added to the scores, or the inputs of a Where with '' for the scores, which it replaces by a low number. */
type Bias = Value | readonly Value[];

/** How the axes of a value stand: [B, T, H, d], [T, B, H, d], or [B, H, T, d] where nothing else is known of it. */
type Order = 'tokens' | 'batch second' | 'heads first';

/** Keys and values may be read as if each of their heads stood there `times` times. */
interface Heads {
  value: Value;
  /** Of the value, but for an axis of length 1 that it may have beside. */
  shape: readonly number[];
  order: Order;
  times: number;
}

/** The parts of one attention. */
interface Attention {
  q: Heads;
  k: Heads;
  v: Heads;
  scale: number;
  /** In order of application. */
  biases: Bias[];
  dropout: Node | undefined;
  /** What the fused node replaces. */
  nodes: Node[];
  /** Of what the last of them gives. */
  order: Order;
}

const products = ['MatMul', 'com.microsoft.FusedMatMul'];

/**
 * Rewrites the builder's static graph in place. Left as it is: attention of another type than float32, with parts that
 * something else reads, or with a bias that `trained` reaches, since the fused operator has no gradient for it. Masks
 * of dropout stay the same, bit for bit. For devices with the kernel: the definition is slower than the parts.
 * @param trained values whose gradients are wanted
 * @returns the number of fused nodes
 */
export function fuseAttention(b: Builder, trained: ReadonlySet<Value>): number {
  const { graph } = b;
  const m = new Matcher(graph);
  const learned = dependentValues(graph, trained);
  const found = graph.nodes
    .map((node) => findAttention(m, node))
    .filter((it): it is Attention => it !== undefined && !it.biases.flat().some((x) => learned.has(x)));
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

/** The attention around a softmax. */
function findAttention(m: Matcher, softmax: Node): Attention | undefined {
  const weights = softmax.outputs[0]!;
  if (softmax.op !== 'Softmax' || softmax.domain !== '') return undefined;
  const { dtype, shape } = m.graph.type(weights);
  if (dtype !== 'float32' || shape.length !== 4 || axisOf(attrInt(softmax, 'axis', -1), 4) !== 3) return undefined;

  const dropout = m.onlyConsumer(weights, 'ortune.Dropout');
  const dropped = dropout?.outputs[0] ?? weights;
  const mix = m.onlyConsumer(dropped, ...products);
  if (!mix) return undefined;
  const last = m.onlyConsumer(mix.outputs[0]!, 'Transpose');
  const order = orders.get(last ? attrInts(last, 'perm')!.join() : '');
  if (mix.inputs[0] !== dropped || !isPlain(mix) || attrInt(mix, 'transA', 0) || attrFloat(mix, 'alpha', 1) !== 1)
    return undefined;
  const v = splitValue(m, mix.inputs[1]!, attrInt(mix, 'transB', 0) !== 0, '0,2,1,3');
  const scores = m.onlyConsumer(softmax.inputs[0]!) === softmax ? findScores(m, softmax.inputs[0]!) : undefined;
  if (v?.factor !== 1 || !scores || v.times !== scores.k.times) return undefined;
  if (!sameShape(shapeOf(v), shapeOf(scores.k))) return undefined;
  return {
    ...scores,
    v,
    dropout,
    order: order ?? 'heads first',
    nodes: [...scores.nodes, softmax, ...(dropout ? [dropout] : []), mix, ...(last && order ? [last] : [])],
  };
}

/** By what the transpose behind [B, H, T, d] makes of it. */
const orders: ReadonlyMap<string, Order> = new Map([
  ['0,2,1,3', 'tokens'],
  ['2,0,1,3', 'batch second'],
]);

type Scores = Pick<Attention, 'q' | 'k' | 'scale' | 'biases' | 'nodes'>;

const mostBiases = 8;

/** A product of q and kᵀ, or that with biases and masks that broadcast to it. */
function findScores(m: Matcher, value: Value, depth = mostBiases): Scores | undefined {
  const product = m.producer(value, ...products);
  if (product) return scoresOf(m, product);
  const node = m.producer(value, 'Add', 'Where');
  if (!node || depth === 0) return undefined;
  for (const inner of node.inputs) {
    if (!m.sameShape(inner, value) || m.onlyConsumer(inner) !== node) continue;
    const bias = biasBeside(m, node, inner);
    const found = bias && findScores(m, inner, depth - 1);
    if (found) return { ...found, biases: [...found.biases, bias], nodes: [...found.nodes, node] };
  }
  return undefined;
}

/** Scores plus so low a number are that number, but for scores that are as large themselves. */
const low = -1e30;

function biasBeside(m: Matcher, node: Node, scores: Value): Bias | undefined {
  if (node.inputs.filter((x) => x === scores).length !== 1) return undefined;
  if (node.op === 'Add') return unexpanded(m, m.other(node, scores));
  const [condition, x, y] = node.inputs as [Value, Value, Value];
  const number = m.number(x === scores ? y : x);
  if (condition === scores || number === undefined || number > low) return undefined;
  return [unexpanded(m, condition), x === scores ? '' : x, y === scores ? '' : y];
}

/** The fused operator broadcasts its bias. */
function unexpanded(m: Matcher, value: Value): Value {
  const node = m.producer(value, 'Expand');
  return node && m.graph.shape(node.inputs[0]!).length <= 4 ? node.inputs[0]! : value;
}

function scoresOf(m: Matcher, product: Node): Scores | undefined {
  if (!isPlain(product)) return undefined;
  const q = splitValue(m, product.inputs[0]!, attrInt(product, 'transA', 0) !== 0, '0,2,1,3');
  const k = splitValue(m, product.inputs[1]!, attrInt(product, 'transB', 0) !== 0, '0,2,3,1');
  if (!q || !k) return undefined;
  const [[batch, , heads, size], [keyBatch, , keyHeads, keySize]] = [shapeOf(q), shapeOf(k)];
  if (q.times !== 1 || batch !== keyBatch || size !== keySize || heads !== keyHeads * k.times) return undefined;
  const scale = attrFloat(product, 'alpha', 1) * q.factor * k.factor;
  return { q, k, scale, biases: [], nodes: [product] };
}

const isPlain = (product: Node): boolean =>
  !attrInt(product, 'transBatchA', 0) && !attrInt(product, 'transBatchB', 0) && product.inputs.length === 2;

/** [B, T, H, d] */
const shapeOf = ({ shape, order }: Heads): [number, number, number, number] => {
  const [a, b, c, size] = shape as [number, number, number, number];
  return order === 'tokens' ? [a, b, c, size] : order === 'batch second' ? [b, a, c, size] : [a, c, b, size];
};

/** Which value [B, K, S, d] `value` [B, H, S, d] has each head of several times, one beside the other. */
interface SharedHeads {
  value: Value;
  /** Of the transpose that gives [B, K, S, d] from `value`. */
  perm: readonly number[];
  shape: readonly number[];
  times: number;
}

function sharedHeads(m: Matcher, value: Value): SharedHeads | undefined {
  const { graph } = m;
  const apart = m.producer(value);
  const expand = apart && traitsOf(apart).view ? m.producer(apart.inputs[0]!, 'Expand') : undefined;
  if (!expand) return undefined;
  const one = expand.inputs[0]!;
  const [batch, heads, times, ...rest] = graph.shape(expand.outputs[0]!) as [number, number, number, ...number[]];
  if (!sameShape(graph.shape(one), [batch, heads, 1, ...rest])) return undefined;
  if (!sameShape(graph.shape(value), [batch, heads * times, ...rest])) return undefined;
  const before = m.producer(one);
  const source = before?.inputs[0];
  if (!before || source === undefined) return undefined;
  const from = graph.shape(source);
  const perm = before.op === 'Transpose' ? attrInts(before, 'perm') : undefined;
  if (perm?.length === 5) {
    const beside = perm[2]!;
    const without = perm.toSpliced(2, 1).map((axis) => (axis > beside ? axis - 1 : axis));
    return { value: source, perm: without, shape: from.toSpliced(beside, 1), times };
  }
  if (!traitsOf(before).view || !sameShape(from, [batch, heads, ...rest])) return undefined;
  return { value: source, perm: [0, 1, 2, 3], shape: from, times };
}

/**
 * What a product's operand is a multiple of, as far back that all transposes on the way, the product's own included,
 * together are the `wanted` one; or that after an exchange of the first two axes; or without bringing heads forward.
 */
function splitValue(
  m: Matcher,
  operand: Value,
  transposed: boolean,
  wanted: string,
): (Heads & { factor: number }) | undefined {
  let [value, perm, factor, times] = [operand, transposed ? [0, 1, 3, 2] : [0, 1, 2, 3], 1, 1];
  let shape = m.graph.shape(operand);
  let known: (Heads & { factor: number }) | undefined;
  const exchanged = (a: number, b: number): string =>
    perm.map((axis) => (axis === a ? b : axis === b ? a : axis)).join();
  while (perm.join() !== wanted) {
    if (exchanged(1, 2) === wanted) known = { value, shape, order: 'heads first', factor, times };
    const node = m.producer(value, 'Transpose', 'Mul', 'Div');
    const scaled = m.scaled(node);
    const before = node && attrInts(node, 'perm');
    const shared = node ? undefined : sharedHeads(m, value);
    if (shared) {
      times *= shared.times;
      perm = perm.map((axis) => shared.perm[axis]!);
      ({ value, shape } = shared);
    } else if (scaled && m.sameShape(scaled.x, value)) {
      factor *= scaled.factor;
      value = scaled.x;
    } else if (before?.length === 4) {
      perm = perm.map((axis) => before[axis]!);
      value = node!.inputs[0]!;
      shape = m.graph.shape(value);
    } else return exchanged(0, 1) === wanted ? { value, shape, order: 'batch second', factor, times } : known;
  }
  return { value, shape, order: 'tokens', factor, times };
}

/** `made`: the biases so far, by what they are made of; layers share them. */
function emit(b: Builder, attention: Attention, made: Map<string, Value>): void {
  const { q, k, v, scale, biases, dropout, nodes, order } = attention;
  const last = nodes.at(-1)!;
  const rows = ({ value, shape, order }: Heads): Value => {
    const apart = order === 'heads first' ? transpose(b, view(b, value, shape), [0, 2, 1, 3]) : value;
    const [first, second, heads, size] = order === 'heads first' ? b.shape(apart) : shape;
    const x = b.op('Reshape', [apart, b.ints([first!, second!, heads! * size!])]);
    return order === 'batch second' ? transpose(b, x, [1, 0, 2]) : x;
  };
  const [batch, length, heads, size] = shapeOf(q);
  const inputs = [rows(q), rows(k), rows(v), biasOf(b, biases, made), dropout?.inputs[1] ?? ''];
  const attrs = {
    heads,
    ...(k.times > 1 && { kv_heads: heads / k.times }),
    scale: float(scale),
    ...(dropout && { ratio: dropout.attrs.get('ratio')!, id: dropout.attrs.get('id')! }),
  };
  const name = `${nodes[0]!.name.replace(/[^/]*$/, '')}Attention`;
  const fused = b.op('Attention', inputs, attrs, { domain: 'ortune', name });
  const given = { ...last, domain: '', attrs: new Map() };
  if (order === 'heads first') {
    const apart = b.op('Reshape', [fused, b.ints([batch, length, heads, size])]);
    const perm = { kind: 'ints', value: [0, 2, 1, 3] } as const;
    b.append({ ...given, op: 'Transpose', inputs: [apart], attrs: new Map([['perm', perm]]) });
    return;
  }
  const y = order === 'batch second' ? transpose(b, fused, [1, 0, 2]) : fused;
  const shape = b.ints(b.shape(last.outputs[0]!));
  b.append({ ...given, op: 'Reshape', inputs: [y, shape] });
}

/** What the biases make of scores of 0, with four axes. */
function biasOf(b: Builder, biases: readonly Bias[], made: Map<string, Value>): Value {
  if (biases.length === 0) return '';
  const key = JSON.stringify(biases);
  const known = made.get(key);
  if (known !== undefined) return known;
  const total = biases.reduce<Value>((scores, bias) => apply(b, scores, bias), '');
  const shape = b.shape(total);
  const ones = Array.from({ length: 4 - shape.length }, () => 1);
  const bias = ones.length === 0 ? total : b.op('Reshape', [total, b.ints([...ones, ...shape])]);
  made.set(key, bias);
  return bias;
}

/** Scores named '' are 0. */
function apply(b: Builder, scores: Value, bias: Bias): Value {
  if (typeof bias === 'string') return scores ? add(b, scores, bias) : bias;
  const inputs = bias.map((x) => x || scores || b.scalar('float32', 0));
  return b.op('Where', inputs);
}
