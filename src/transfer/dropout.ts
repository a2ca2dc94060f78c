// Puts dropout back where the transformers library's training code has it; exporters leave it out of the file. Works on
// the static graph with restored forms and before linear layers are lowered: behind the embeddings' LayerNormalization,
// on attention probabilities, on the output of each sub-layer before its residual is added, and before the classifier.
// Every place has a number that depends on the graph's structure alone, so masks stay the same for all shapes. What no
// trained parameter has touched computes as in evaluation, so that it is the same in every epoch.

import { type Builder, float } from '../onnx/builder.js';
import { dependentNodes, type Graph, type Node, type Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';
import { isOfAdapter } from './adapter/insert.js';
import type { DropoutRates } from './config.js';

/** Graph input with the mask's key: uint32 [4] = seed, optimizer step, micro-step, rank. */
export const keyInput = 'dropout_key';

interface Place {
  kind: keyof DropoutRates;
  value: Value;
  /** The nodes that read the value with dropout. */
  readers: Node[];
}

/** Families whose training code has no dropout on the output of one kind of sub-layer. */
const withoutDropout: Record<string, SubLayer> = { distilbert: 'attention', albert: 'feedForward' };
type SubLayer = 'attention' | 'feedForward';

/**
 * Inserts `ortune.Dropout` nodes and the input `dropout_key`, in place; a rate of 0 inserts nothing.
 * @param options `family`: `model_type` of config.json, for families that leave a place out; `trained`: the parameters
 * that
 *   are trained, default all. Only nodes that depend on them read a value with dropout.
 * @returns how many places of each kind there are, whatever their rate
 */
export function insertDropout(
  b: Builder,
  logits: Value,
  rates: DropoutRates,
  { family = '', trained }: { family?: string; trained?: ReadonlySet<Value> } = {},
): Record<keyof DropoutRates, number> {
  const { graph } = b;
  const counts = { hidden: 0, attention: 0, head: 0 };
  const touched = trained && dependentNodes(graph, trained);
  for (const [id, place] of new Places(graph, logits, family).all().entries()) {
    const { kind, value } = place;
    counts[kind]++;
    const readers = place.readers.filter((reader) => touched?.has(reader) ?? true);
    if (rates[kind] === 0 || readers.length === 0) continue;
    dropBefore(b, { value, readers, rate: rates[kind], id, name: `dropout.${kind}` });
  }
  return counts;
}

/** Has the readers of a value read it with dropout. `id`: of the place. */
function dropBefore(
  b: Builder,
  {
    value,
    readers,
    rate,
    id,
    name,
  }: { value: Value; readers: readonly Node[]; rate: number; id: number; name: string },
): void {
  const { graph } = b;
  if (!graph.types.has(keyInput)) b.input(keyInput, 'uint32', [4]);
  const dropped = b.op('Dropout', [value, keyInput], { ratio: float(rate), id }, { domain: 'ortune', name });
  const node = graph.nodes.pop()!;
  for (const reader of readers) reader.inputs = reader.inputs.map((input) => (input === value ? dropped : input));
  graph.nodes.splice(Math.min(...readers.map((reader) => graph.nodes.indexOf(reader))), 0, node);
}

/** Dropout on what adapters read, each with a mask of its own; `readers`: names of the nodes. */
export interface AdapterDropout {
  rate: number;
  readers: readonly string[];
}

/** Numbers of places behind those of the model's own dropout. */
const firstAdapterPlace = 1 << 16;

/** Inserts dropout before the first product of every adapter, in place. */
export function insertAdapterDropout(b: Builder, { rate, readers }: AdapterDropout): void {
  if (rate === 0) return;
  const places = new Map(readers.map((name, i) => [name, firstAdapterPlace + i]));
  for (const node of [...b.graph.nodes]) {
    const id = places.get(node.name);
    if (id !== undefined) dropBefore(b, { value: node.inputs[0]!, readers: [node], rate, id, name: 'dropout.adapter' });
  }
}

interface LinearLayer {
  node: Node;
  x: Value;
  weight: Value;
}

/** Attention's products have a batch; restoring makes one with a scale or a transposed operand a FusedMatMul. */
const isBatchedProduct = (node: Node): boolean => traitsOf(node).product === true && node.op !== 'Gemm';

class Places {
  readonly #graph: Graph;
  readonly #producers: Map<Value, Node>;
  readonly #consumers: Map<Value, Node[]>;
  readonly #logits: Value;
  readonly #family: string;

  constructor(graph: Graph, logits: Value, family: string) {
    this.#graph = graph;
    this.#producers = graph.producers();
    this.#consumers = graph.consumers();
    this.#logits = logits;
    this.#family = family;
  }

  /** In graph order. */
  all(): Place[] {
    const head = this.#head();
    return this.#graph.nodes.flatMap((node) => [
      ...this.#after(node),
      ...head.filter((place) => place.value === node.outputs[0]),
    ]);
  }

  #after(node: Node): Place[] {
    const value = node.outputs[0]!;
    const readers = this.#consumers.get(value) ?? [];
    if (node.op === 'Softmax' && node.domain === '') {
      const products = readers.filter(isBatchedProduct);
      return products.length > 0 ? [{ kind: 'attention', value, readers: products }] : [];
    }
    if (node.op === 'LayerNormalization' && this.#isEmbedding(node.inputs[0]!))
      return [{ kind: 'hidden', value, readers }];
    const [reader] = readers;
    const linear = readers.length === 1 && reader && this.#linear(value);
    if (!linear || !this.#isResidual(reader, value)) return [];
    return withoutDropout[this.#family] === this.#subLayer(linear.x) ? [] : [{ kind: 'hidden', value, readers }];
  }

  /** x·W + bias, or x·W, with a constant W; an adapter may add to it. */
  #linear(value: Value): LinearLayer | undefined {
    const isConstant = (v: Value): boolean => this.#graph.initializers.has(v);
    let node = this.#producers.get(value);
    while (node && (isOfAdapter(node) || (node.op === 'Add' && node.inputs.some(isConstant)))) {
      const rest: Value | undefined = isOfAdapter(node)
        ? node.inputs[0]
        : node.inputs.find((input) => !isConstant(input));
      node = rest === undefined ? undefined : this.#producers.get(rest);
    }
    if (!node || (node.op !== 'MatMul' && node.op !== 'Gemm') || !isConstant(node.inputs[1]!)) return undefined;
    return { node, x: node.inputs[0]!, weight: node.inputs[1]! };
  }

  /** A sum of two computed values of one shape. */
  #isResidual(node: Node, value: Value): boolean {
    if (node.op !== 'Add') return false;
    const other = node.inputs.find((input) => input !== value);
    if (other === undefined || this.#graph.initializers.has(other)) return false;
    return this.#graph.shape(other).join() === this.#graph.shape(value).join() && this.#graph.shape(value).length === 3;
  }

  /** Attention's last product comes from a product of two computed values, with only moves between. */
  #subLayer(x: Value): SubLayer {
    let node = this.#producers.get(x);
    while (node && traitsOf(node).moves === 'rearranges') node = this.#producers.get(node.inputs[0]!);
    return node && isBatchedProduct(node) && !this.#linear(node.outputs[0]!) ? 'attention' : 'feedForward';
  }

  /** Nothing but looked-up rows and their sums: no product on the way. */
  #isEmbedding(value: Value): boolean {
    const waiting = [value];
    const seen = new Set<Value>();
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      const node = this.#producers.get(next);
      const { moves } = node ? traitsOf(node) : {};
      if (!node || node.op === 'Gather') {
        if (!this.#graph.initializers.has(node ? node.inputs[0]! : next)) return false;
      } else if (node.op === 'Add' || node.op === 'Mul') waiting.push(...node.inputs);
      else if (moves !== undefined && moves !== 'joins') waiting.push(node.inputs[0]!);
      else return false;
    }
    return true;
  }

  /** Before the last linear layer, and before each hidden one of a head of several layers. */
  #head(): Place[] {
    const places: Place[] = [];
    for (let layer = this.#linear(this.#logits); layer; layer = this.#hiddenBefore(layer.x))
      places.push({ kind: 'head', value: layer.x, readers: [layer.node] });
    return places;
  }

  /** The hidden layer of a head whose activation is `x`. */
  #hiddenBefore(x: Value): LinearLayer | undefined {
    const activation = this.#producers.get(x);
    const dense = activation?.inputs.length === 1 ? this.#linear(activation.inputs[0]!) : undefined;
    return dense && /(^|[./])classifier\.(dense|hidden)\./.test(dense.weight) ? dense : undefined;
  }
}
