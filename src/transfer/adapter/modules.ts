// The layers of a graph that an adapter can stand at: linear layers, tables that rows are looked up in, and
// convolutions, with their paths as PyTorch has them and the tensor that holds the weight, in whatever form. A packed
// projection is several layers side by side. Nothing is changed here.

import { attrInt, type Graph, type Node, operatorKey, type Value } from '../../onnx/graph.js';
import type { ModelConfig } from '../config.js';
import { modulePath } from '../names.js';
import type { Named } from '../patterns.js';
import { storedNames } from '../stored.js';

/** A node of a layer: more than one where the model uses a layer again. */
export interface Place {
  node: Node;
  /** What the layer reads: vectors, pictures, or ids. */
  x: Value;
}

/** A layer. `name` is the last part of its path, `alias` the path. */
export interface Module extends Named {
  kind: 'linear' | 'embedding' | 'convolution';
  places: Place[];
  /** The tensor with the weight: an initializer, of rounded numbers where `stored`. */
  source: Value;
  stored: boolean;
  /** Whether `source` is [out, in] and not [in, out]; tables are [rows, width], filters [out, in, …kernel]. */
  outFirst: boolean;
  inputs: number;
  outputs: number;
  /** Of a filter; empty elsewhere. */
  kernel: readonly number[];
  /** Where its outputs begin among those of a packed projection, and how many that has. */
  packed?: { offset: number; whole: number } | undefined;
}

/** Readable name and place of a float weight, as parameters.ts has them. */
interface Known extends Named {
  name: string;
}

/** Weight of a node, followed back through what only moves it or makes floats of it. */
interface Source {
  value: Value;
  transposed: boolean;
  stored: boolean;
}

/**
 * Every layer of a normalised graph, in the order of the graph.
 * @param parameters the float weights that were found in it
 */
export function modulesOf(graph: Graph, parameters: readonly Known[], config: ModelConfig): Module[] {
  const known = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const finder = new Finder(graph, known);
  const found = new Map<string, Module>();
  for (const node of graph.nodes) {
    const module = finder.moduleAt(node);
    if (!module) continue;
    const key = `${module.kind} ${module.alias}`;
    const same = found.get(key);
    if (!same) found.set(key, module);
    else if (same.source === module.source) same.places.push(...module.places);
  }
  return [...found.values()].flatMap((module) => unpacked(module, config));
}

class Finder {
  readonly #graph: Graph;
  readonly #known: ReadonlyMap<string, Known>;
  readonly #producers: Map<Value, Node>;
  /** Weights that both rows are looked up in and vectors are multiplied by. */
  readonly #tied: ReadonlySet<Value>;
  readonly #storedNames: Map<Value, string>;

  constructor(graph: Graph, known: ReadonlyMap<string, Known>) {
    this.#graph = graph;
    this.#known = known;
    this.#producers = graph.producers();
    this.#storedNames = storedNames(graph);
    const readBy = (op: string, input: number): Set<Value> => {
      const nodes = graph.nodes.filter((node) => operatorKey(node) === op);
      return new Set(nodes.flatMap((node) => this.#sourceOf(node.inputs[input]!)?.value ?? []));
    };
    const products = [readBy('MatMul', 1), readBy('Gemm', 1)];
    this.#tied = new Set([...readBy('Gather', 0)].filter((value) => products.some((own) => own.has(value))));
  }

  moduleAt(node: Node): Module | undefined {
    const [a, b] = node.inputs as [Value, Value];
    switch (operatorKey(node)) {
      case 'MatMul':
        return this.#linear(node, a, b, false);
      case 'Gemm':
        if (attrInt(node, 'transA', 0) || attrInt(node, 'alpha', 1) !== 1 || attrInt(node, 'beta', 1) !== 1)
          return undefined;
        return this.#linear(node, a, b, attrInt(node, 'transB', 0) === 1);
      case 'com.microsoft.MatMulNBits':
        return this.#nBits(node);
      case 'Gather':
        return attrInt(node, 'axis', 0) === 0 ? this.#table(node, b, a) : undefined;
      case 'Conv':
        return this.#convolution(node);
      default:
        return undefined;
    }
  }

  #linear(node: Node, x: Value, w: Value, transB: boolean): Module | undefined {
    const source = this.#sourceOf(w);
    const shape = source && this.#graph.initializers.get(source.value)!.shape;
    if (!source || shape!.length !== 2 || this.#sourceOf(x)) return undefined;
    const outFirst = source.transposed !== transB;
    const [outputs, inputs] = (outFirst ? shape : shape!.toReversed()) as [number, number];
    return this.#module('linear', { node, x }, source, { outFirst, inputs, outputs });
  }

  #nBits(node: Node): Module | undefined {
    const [x, numbers] = node.inputs as [Value, Value];
    const source = { value: numbers, transposed: false, stored: true };
    const [inputs, outputs] = [attrInt(node, 'K', 0), attrInt(node, 'N', 0)];
    return this.#module('linear', { node, x }, source, { outFirst: true, inputs, outputs });
  }

  #table(node: Node, ids: Value, table: Value): Module | undefined {
    const source = this.#sourceOf(table);
    const shape = source && this.#graph.initializers.get(source.value)!.shape;
    if (!source || source.stored || source.transposed || shape!.length !== 2) return undefined;
    // Rows that everything reads at fixed places are no embedding: positions that are cut, a class token.
    if (this.#graph.initializers.has(ids)) return undefined;
    const [inputs, outputs] = shape as [number, number];
    return this.#module('embedding', { node, x: ids }, source, { outFirst: false, inputs, outputs });
  }

  /** With one group: of several PEFT cannot merge what it learns. */
  #convolution(node: Node): Module | undefined {
    const [x, w] = node.inputs as [Value, Value];
    const source = this.#sourceOf(w);
    if (!source || source.stored || source.transposed || attrInt(node, 'group', 1) !== 1) return undefined;
    const [outputs, inputs, ...kernel] = this.#graph.initializers.get(source.value)!.shape as [number, number];
    return this.#module('convolution', { node, x }, source, { outFirst: true, inputs, outputs, kernel });
  }

  #module(
    kind: Module['kind'],
    place: Place,
    { value: source, stored }: Source,
    sizes: Pick<Module, 'outFirst' | 'inputs' | 'outputs'> & { kernel?: readonly number[] },
  ): Module | undefined {
    const parameter = this.#known.get(source);
    // What is added to one of two layers that share a weight cannot become part of it.
    if ((!stored && !parameter) || this.#tied.has(source)) return undefined;
    const readable = parameter?.alias ?? this.#storedNames.get(source) ?? source;
    const ofNode = stored ? modulePath(place.node.name) : '';
    const alias = ofNode || readable.replace(/(\.MatMul)?\.weight(_Q\d\w*|_quant\w*)?$/, '');
    const name = alias.split('.').at(-1)!;
    return { kind, name, alias, head: parameter?.head ?? false, places: [place], source, stored, kernel: [], ...sizes };
  }

  /** The initializer that a value holds the elements of, in their order or transposed; undefined: it is computed. */
  #sourceOf(value: Value): Source | undefined {
    const source = { value, transposed: false, stored: false };
    for (let node = this.#producers.get(value); node; node = this.#producers.get(source.value)) {
      if (node.op === 'Transpose') {
        const rank = node.attrs.get('perm')?.value as readonly number[] | undefined;
        if (rank && rank.length !== 2) return undefined;
        if (!rank || Number(rank[0]) === 1) source.transposed = !source.transposed;
      } else if (node.op === 'DequantizeLinear' && node.domain === '') source.stored = true;
      else if (node.op !== 'Identity' && node.op !== 'Cast') return undefined;
      source.value = node.inputs[0]!;
    }
    return this.#graph.initializers.has(source.value) ? source : undefined;
  }
}

/** The projections that a builder of decoders writes as one, by the number of heads that config.json gives. */
function unpacked(module: Module, config: ModelConfig): Module[] {
  const { alias, outputs, name } = module;
  const heads = config.num_attention_heads;
  if (name !== 'qkv_proj' || typeof heads !== 'number' || !/\battn\.qkv_proj$/.test(alias)) return [inTrunk(module)];
  const groups = typeof config.num_key_value_heads === 'number' ? config.num_key_value_heads : heads;
  const width = outputs / (heads + 2 * groups);
  if (!Number.isInteger(width)) return [inTrunk(module)];
  const sizes = [heads, groups, groups].map((count) => count * width);
  return ['q_proj', 'k_proj', 'v_proj'].map((part, i) => {
    const offset = sizes.slice(0, i).reduce((sum, size) => sum + size, 0);
    const path = alias.replace(/qkv_proj$/, part);
    return inTrunk({ ...module, name: part, alias: path, outputs: sizes[i]!, packed: { offset, whole: outputs } });
  });
}

/** That builder calls attention `attn` where the library has `self_attn`. */
const inTrunk = (module: Module): Module => ({
  ...module,
  alias: module.alias.replace(/^(model\.layers\.\d+)\.attn\./, '$1.self_attn.'),
});
