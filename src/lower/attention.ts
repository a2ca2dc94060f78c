// Before differentiation: attention, which exporters write as two batched products with masks and a softmax between
// transposes, becomes one ortune.Attention on [B, T, C] values. Its kernels work head by head in cache, so neither the
// transposes nor the passes over [B, H, T, S] tensors are left, forward or backward. Works on restored forms
// (onnx/restore has folded scales and last-axis transposes into the products), after dropout and before lowerLinear,
// which drops the views that this leaves between the layers and the fused node.

import { type Builder, float } from '../onnx/builder.js';
import { add, axisOf, expand, forgetViews, sameShape, transpose, view } from '../onnx/formulas.js';
import { attrFloat, attrInt, attrInts, dependentValues, type Node, type Value } from '../onnx/graph.js';
import { Matcher } from '../onnx/restore/match.js';
import type { Tensor } from '../onnx/tensor.js';
import { type Heads, type Order, shapeOf, splitValue } from './attention/operands.js';
import {
  type Bias,
  findScores,
  floatsOf,
  isPlain,
  products,
  type Scores,
  unexpanded,
  weightsOf,
} from './attention/scores.js';

/** The parts of one attention. */
interface Attention extends Scores {
  v: Heads;
  /** Biases that are trained; `biases` has the others. */
  learned: Value[];
  sink: Value | Tensor | undefined;
  dropout: Node | undefined;
  /** Of what the last of the nodes, all of which the fused one replaces, gives. */
  order: Order;
}

/**
 * Rewrites the builder's static graph in place. Left as it is: attention of another type than float32, or with parts
 * that something else reads. Masks of dropout stay the same, bit for bit. For devices with the kernel: the definition
 * is slower than the parts.
 * @param trained values whose gradients are wanted
 * @returns the number of fused nodes
 */
export function fuseAttention(b: Builder, trained: ReadonlySet<Value>): number {
  const { graph } = b;
  const m = new Matcher(graph);
  const learned = dependentValues(graph, trained);
  const found = graph.nodes
    .map((node) => findAttention(m, node, learned))
    .filter((it): it is Attention => it !== undefined);
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
function findAttention(m: Matcher, softmax: Node, trained: ReadonlySet<Value>): Attention | undefined {
  if (softmax.op !== 'Softmax' || softmax.domain !== '') return undefined;
  const { dtype, shape } = m.graph.type(softmax.outputs[0]!);
  if (dtype !== 'float32' || shape.length !== 4 || axisOf(attrInt(softmax, 'axis', -1), 4) !== 3) return undefined;

  const found = weightsOf(m, softmax);
  if (!found) return undefined;
  const dropout = m.onlyConsumer(found.weights, 'ortune.Dropout');
  const dropped = dropout?.outputs[0] ?? found.weights;
  const mix = m.onlyConsumer(dropped, ...products);
  if (!mix) return undefined;
  const last = m.onlyConsumer(mix.outputs[0]!, 'Transpose');
  const order = orders.get(last ? attrInts(last, 'perm')!.join() : '');
  if (mix.inputs[0] !== dropped || !isPlain(mix) || attrInt(mix, 'transA', 0) || attrFloat(mix, 'alpha', 1) !== 1)
    return undefined;
  const v = splitValue(m, mix.inputs[1]!, attrInt(mix, 'transB', 0) !== 0, '0,2,1,3');
  const scores = findScores(m, found.scores);
  if (v?.factor !== 1 || !scores || v.times !== scores.k.times) return undefined;
  if (!sameShape(shapeOf(v), shapeOf(scores.k))) return undefined;
  const biases = apart(m, scores.biases, trained);
  return (
    biases && {
      ...scores,
      ...biases,
      v,
      sink: found.sink,
      dropout,
      order: order ?? 'heads first',
      nodes: [...scores.nodes, ...found.nodes, ...(dropout ? [dropout] : []), mix, ...(last && order ? [last] : [])],
    }
  );
}

/** By what the transpose behind [B, H, T, d] makes of it. */
const orders: ReadonlyMap<string, Order> = new Map([
  ['0,2,1,3', 'tokens'],
  ['2,0,1,3', 'batch second'],
]);

/**
 * Biases that are trained and those that are not, of sums too: a table of distances takes a gradient for all samples at
 * once only where no mask of each sample is added to it. Undefined where a trained one is more than added.
 */
function apart(
  m: Matcher,
  all: readonly Bias[],
  trained: ReadonlySet<Value>,
): Pick<Attention, 'biases' | 'learned'> | undefined {
  const biases: Bias[] = [];
  const learned: Value[] = [];
  const sort = (value: Value): void => {
    const bias = unexpanded(m, value);
    const node = trained.has(bias) ? m.producer(bias, 'Add') : undefined;
    if (!trained.has(bias)) biases.push(bias);
    else if (node?.inputs.some((x) => !trained.has(x))) node.inputs.forEach(sort);
    else learned.push(bias);
  };
  for (const bias of all) {
    if (typeof bias === 'string') sort(bias);
    else if (floatsOf(bias).some((x) => trained.has(x))) return undefined;
    else biases.push(bias);
  }
  return { biases, learned };
}

/** `made`: the biases so far, by what they are made of; layers share them. */
function emit(b: Builder, attention: Attention, made: Map<string, Value>): void {
  const { q, k, v, scale, softcap, biases, learned, sink, dropout, nodes, order } = attention;
  const last = nodes.at(-1)!;
  const rows = ({ value, shape, order }: Heads): Value => {
    const apart = order === 'heads first' ? transpose(b, view(b, value, shape), [0, 2, 1, 3]) : value;
    const [first, second, heads, size] = order === 'heads first' ? b.shape(apart) : shape;
    const x = b.op('Reshape', [apart, b.ints([first!, second!, heads! * size!])]);
    return order === 'batch second' ? transpose(b, x, [1, 0, 2]) : x;
  };
  const [batch, length, heads, size] = shapeOf(q);
  const inputs = [rows(q), rows(k), rows(v), biasOf(b, biases, made), dropout?.inputs[1] ?? ''];
  if (learned.length > 0 || sink) {
    const whole = [heads, length, shapeOf(k)[1]];
    inputs.push(learnedOf(b, learned, whole, made), sinkOf(b, sink, heads));
  }
  const attrs = {
    heads,
    ...(k.times > 1 && { kv_heads: heads / k.times }),
    scale: float(scale),
    ...(softcap > 0 && { softcap: float(softcap) }),
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

const sinkOf = (b: Builder, sink: Value | Tensor | undefined, heads: number): Value =>
  typeof sink === 'string' ? b.op('Reshape', [sink, b.ints([heads])]) : sink ? b.constant(sink, 'sinks') : '';

/** What `make` gives of `key`, once. */
function once(made: Map<string, Value>, key: unknown, make: () => Value): Value {
  const text = JSON.stringify(key);
  const known = made.get(text);
  if (known !== undefined) return known;
  const value = make();
  made.set(text, value);
  return value;
}

/** What the biases make of scores of 0, with four axes. */
const biasOf = (b: Builder, biases: readonly Bias[], made: Map<string, Value>): Value =>
  biases.length === 0
    ? ''
    : once(made, biases, () =>
        ofFourAxes(
          b,
          biases.reduce<Value>((scores, bias) => apply(b, scores, bias), ''),
        ),
      );

/** The sum of the trained biases, [B or 1, H, T, S]. */
const learnedOf = (b: Builder, learned: readonly Value[], whole: readonly number[], made: Map<string, Value>): Value =>
  learned.length === 0
    ? ''
    : once(made, { learned, whole }, () => {
        const total = ofFourAxes(
          b,
          learned.reduce((sum, x) => add(b, sum, x)),
        );
        return expand(b, total, [b.shape(total)[0]!, ...whole]);
      });

function ofFourAxes(b: Builder, x: Value): Value {
  const shape = b.shape(x);
  const ones = Array.from({ length: 4 - shape.length }, () => 1);
  return ones.length === 0 ? x : b.op('Reshape', [x, b.ints([...ones, ...shape])]);
}

/** Scores named '' are 0. */
function apply(b: Builder, scores: Value, bias: Bias): Value {
  if (typeof bias === 'string') return scores ? add(b, scores, bias) : bias;
  if ('windows' in bias) {
    const [samples, windows] = bias.shape as [number, number];
    const each = b.shape(bias.windows).slice(-3);
    const all = expand(b, bias.windows, [samples, windows, ...each]);
    const joined = b.op('Reshape', [all, b.ints([samples * windows, ...each])]);
    return scores ? add(b, scores, joined) : joined;
  }
  const inputs = bias.map((x) => x || scores || b.scalar('float32', 0));
  return b.op('Where', inputs);
}
