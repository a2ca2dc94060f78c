// Proof that samples may share rows: in the graph, for rows of a length that nothing else in it has, every value that
// comes of the tokens is followed. Tokens may have to do with each other in attention alone, where apart.ts masks them;
// everything else treats each by itself, and nothing but `position_ids` tells it its place. A graph that this cannot be
// said of is refused with the node where it ends: a wrong mask would be seen by nobody.

import { tokenAxis } from '../../data/text/encode.js';
import { ModelError } from '../../errors.js';
import { attrInt, type Graph, type Node, type Value } from '../../onnx/graph.js';
import { traitsOf } from '../../onnx/operators.js';
import { recognisePatterns } from '../../onnx/restore/restore.js';
import { specialize } from '../../onnx/specialize.js';
import { attentions, cannotShare } from './apart.js';
import { decoderFields, positionInput } from './decoder-inputs.js';

/**
 * `tokens`: a vector for each token, in any arrangement; `scores`: of each token for each other; `shares`: what the
 * softmax makes of them; `places`: computed from the positions alone; `mask`: from the attention mask.
 */
type Kind = 'tokens' | 'scores' | 'shares' | 'places' | 'mask';

const batch = 2;

/**
 * @param graph of the file, its shapes unknown
 * @throws ModelError for a graph in which samples of one row would not be what they are alone
 */
export function refuseMixing(graph: Graph, trainable: ReadonlySet<Value>): void {
  const length = unusualLength(graph);
  const sizes: Readonly<Record<string, number>> = { batch, [tokenAxis]: length };
  const shapes = decoderFields(graph.inputs).map(({ name, shape }): [string, number[]] => [
    name,
    shape.map((d) => (typeof d === 'number' ? d : sizes[d]!)),
  ]);
  const found = specialize(graph, Object.fromEntries(shapes), { trainable });
  recognisePatterns(found);
  new Flow(found, length).follow();
}

const primes = [11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61];

/** A length by which an axis of tokens is known: no axis of a weight is divisible by it, nor a number of a shape. */
function unusualLength({ initializers }: Graph): number {
  const sizes = [...initializers.values()].flatMap((tensor) =>
    tensor.dtype === 'int64' && tensor.size <= 16 ? [...tensor.shape, ...tensor.numbers()] : [...tensor.shape],
  );
  const own = primes.find((prime) => sizes.every((size) => Math.abs(size) < prime || size % prime !== 0));
  if (own !== undefined) return own;
  throw new ModelError('packing samples: the sizes of the model leave no length to examine it with. Set packing none');
}

class Flow {
  readonly #graph: Graph;
  readonly #length: number;
  readonly #kinds = new Map<Value, Kind>();

  constructor(graph: Graph, length: number) {
    this.#graph = graph;
    this.#length = length;
    for (const { name } of graph.inputs)
      this.#kinds.set(name, name === 'input_ids' ? 'tokens' : name === positionInput ? 'places' : 'mask');
  }

  follow(): void {
    const masked = new Set(attentions(this.#graph, this.#length).values());
    for (const node of this.#graph.nodes) {
      const kind = this.#kindOf(node, masked);
      if (kind) for (const out of node.outputs) if (out) this.#kinds.set(out, kind);
    }
    const { name } = this.#graph.outputs[0]!;
    if (masked.size === 0 || this.#kinds.get(name) !== 'tokens')
      throw new ModelError(
        `packing samples: no attention is recognised between the tokens and output '${name}', so samples in one row cannot be kept apart. Set packing none`,
      );
  }

  #kindOf(node: Node, masked: ReadonlySet<Value>): Kind | undefined {
    const kinds = node.inputs.map((x) => this.#kinds.get(x));
    const streams = kinds.filter((kind) => kind === 'tokens' || kind === 'scores' || kind === 'shares');
    if (streams.length === 0) return kinds.includes('mask') ? 'mask' : kinds.includes('places') ? 'places' : undefined;
    if (traitsOf(node).measures) return undefined;
    if (node.op === 'Softmax' && kinds[0] === 'scores') return this.#softmax(node, masked);
    if (traitsOf(node).product) return this.#product(node, kinds);
    if (streams.includes('scores') || streams.includes('shares')) return this.#ofScores(node, streams, masked);
    if (traitsOf(node).elementwise || node.op === 'Where') this.#refuseCounted(node, kinds);
    else this.#refuseAlongTokens(node, kinds);
    const [y] = node.outputs;
    if (this.#tokenAxes(y!) > 1) throw cannotShare(node, 'sets tokens beside each other');
    return 'tokens';
  }

  #softmax(node: Node, masked: ReadonlySet<Value>): Kind {
    const scores = node.inputs[0]!;
    const beside = this.#graph.nodes.find(({ outputs }) => outputs.includes(scores));
    if (masked.has(scores) || (beside?.op === 'Concat' && masked.has(beside.inputs[0]!))) return 'shares';
    throw cannotShare(node, 'is no attention of the known form [batch, heads, tokens, tokens]');
  }

  /** Of tokens with weights; of tokens with tokens, which scores are; of shares with tokens. */
  #product(node: Node, kinds: readonly (Kind | undefined)[]): Kind {
    const [x, y] = node.inputs as [Value, Value];
    const [first, second] = kinds;
    const out = this.#tokenAxes(node.outputs[0]!);
    if (first === 'tokens' && second === 'tokens' && out === 2) return 'scores';
    if (first === 'shares' && second === 'tokens' && out === 1) return 'tokens';
    const weights = first === 'tokens' ? kinds.slice(1) : kinds.filter((_, i) => i !== 1);
    const summed = first === 'tokens' ? this.#axis(x, attrInt(node, 'transA', 0) ? -2 : -1) : this.#axis(y, -2);
    if (weights.every((kind) => kind === undefined) && !this.#isOfTokens(summed)) return 'tokens';
    throw cannotShare(node, 'mixes the tokens of a row and is no attention of a known form');
  }

  /** What comes between scores and what is made of them: masks, scales, caps, further scores, dropout. */
  #ofScores(node: Node, streams: readonly Kind[], masked: ReadonlySet<Value>): Kind {
    const kind = streams.includes('shares') ? 'shares' : 'scores';
    const joins = node.op === 'Concat' && masked.has(node.inputs[0]!);
    const cuts = node.op === 'Slice' && kind === 'shares';
    if (traitsOf(node).elementwise || ['Where', 'IsNaN', 'Expand'].includes(node.op) || joins || cuts) return kind;
    throw cannotShare(node, 'reads scores of attention, and is not known there');
  }

  /** @throws ModelError where what meets tokens, element by element, tells them their places */
  #refuseCounted(node: Node, kinds: readonly (Kind | undefined)[]): void {
    for (const [i, x] of node.inputs.entries()) {
      if (!x || kinds[i] === 'tokens' || kinds[i] === 'places') continue;
      if (this.#tokenAxes(x) > 0 || kinds[i] === 'mask')
        throw cannotShare(
          node,
          `tells tokens their places in the row, which are not those of input '${positionInput}'`,
        );
    }
  }

  /** @throws ModelError where a node computes along the axis of tokens */
  #refuseAlongTokens(node: Node, kinds: readonly (Kind | undefined)[]): void {
    const traits = traitsOf(node);
    const axes = axesOf(this.#graph, node);
    if (!traits.moves && axes.length === 0) throw cannotShare(node, 'is not known to treat every token by itself');
    for (const [i, x] of node.inputs.entries()) {
      if (kinds[i] !== 'tokens') {
        if (kinds[i] !== 'places' && x && this.#tokenAxes(x) > 0 && node.op === 'Concat')
          this.#refuseCounted(node, kinds);
        continue;
      }
      // Tokens that say which rows of a table are wanted.
      if (node.op === 'Gather' && i === 1) continue;
      if (axes.some((axis) => this.#isOfTokens(this.#axis(x, axis))))
        throw cannotShare(node, 'computes along the tokens');
    }
  }

  #axis(value: Value, axis: number): number {
    return this.#graph.shape(value).at(axis) ?? 1;
  }

  #isOfTokens(size: number): boolean {
    return size > 0 && size % this.#length === 0;
  }

  #tokenAxes(value: Value): number {
    return this.#graph.shape(value).filter((size) => this.#isOfTokens(size)).length;
  }
}

/** Axes that a node computes along, of those that do not treat all alike. */
function axesOf(graph: Graph, node: Node): number[] {
  const x = node.inputs[0]!;
  const rank = graph.shape(x).length;
  const from = (axis: number): number[] => Array.from({ length: rank - axis }, (_, i) => axis + i);
  const changed = (): number[] => {
    const y = graph.shape(node.outputs[0]!);
    return graph.shape(x).flatMap((d, axis) => (d === y[axis] ? [] : [axis]));
  };
  const { op } = node;
  if (/Normalization$/.test(op)) return traitsOf(node).byRow ? from((attrInt(node, 'axis', -1) + rank) % rank) : [];
  if (['Softmax', 'LogSoftmax', 'Split', 'Concat', 'Gather'].includes(op))
    return [attrInt(node, 'axis', op === 'Softmax' || op === 'LogSoftmax' ? -1 : 0)];
  if (op === 'Slice' || op === 'Pad') return changed();
  if (!op.startsWith('Reduce')) return [];
  const given = node.inputs[1] ? graph.initializers.get(node.inputs[1]) : undefined;
  return given ? given.numbers() : from(0);
}
