// The layers of a trunk, by the index in the readable names of their weights (encoder.layer.3.…), since exporters leave
// no other trace of them. Which layer a value belongs to follows from the weights it is computed from.

import { ModelError } from '../errors.js';
import { readsOf } from '../onnx/blocks.js';
import { FileGraph } from '../onnx/file/file-graph.js';
import { toGraph } from '../onnx/load.js';
import { graphOf, type Model } from '../onnx/model.js';
import type { NodeProto } from '../onnx/onnx_pb.js';
import { quote } from '../quote.js';
import { computeInFloat32 } from './float32.js';
import { readableNames } from './names.js';
import { weightsOf } from './parameters.js';

/** encoder.layer.3.attention.… → encoder.layer and 3 */
const indexed = /^(.*?(?:^|[._])(?:layers?|h|blocks?))\.(\d+)\./;

export interface Layers {
  count: number;
  /** Layer of each weight that belongs to one, by its name in the file. */
  of: ReadonlyMap<string, number>;
}

/**
 * @throws ModelError where the names show no layers, more than one stack of them, or layers that share their weights
 */
export function findLayers(model: Model): Layers {
  const graph = toGraph(model);
  computeInFloat32(graph);
  const outputs = graph.outputs.map(({ name }) => name);
  const { weights } = weightsOf(model, graph, outputs);
  const of = new Map<string, number>();
  const stacks = new Set<string>();
  for (const [name, alias] of readableNames(graph, weights)) {
    const [, stack, index] = indexed.exec(alias) ?? [];
    if (stack === undefined) continue;
    stacks.add(stack);
    of.set(name, Number(index));
    if (weights.get(name)!.length > 1)
      throw new ModelError(
        `${model.path}: the layers share their weights (${quote(alias)} is used ${weights.get(name)!.length} times), so none can ` +
          'be left out by itself: leave keepLayers out.',
      );
  }
  if (stacks.size === 1) return { count: Math.max(...of.values()) + 1, of };
  throw new ModelError(
    `${model.path}: expected weights named by their layer, such as encoder.layer.3.… in one stack; found ` +
      `${stacks.size === 0 ? 'no such name' : [...stacks].join(', ')}. Leave keepLayers out.`,
  );
}

/** Layers of the values of a file's graph, in file order. */
export class LayeredGraph {
  readonly file: FileGraph;
  /** The highest layer that a value is computed from; masks, shapes and other values without one are left out. */
  readonly #depth = new Map<string, number>();
  readonly #nodes: readonly NodeProto[];
  readonly #layers: Layers;

  constructor(model: Model, layers: Layers) {
    const graph = graphOf(model);
    this.file = new FileGraph(graph);
    this.#nodes = graph.node;
    this.#layers = layers;
    for (const node of graph.node) {
      const depth = node.opType === 'Shape' ? -1 : Math.max(-1, ...readsOf(node).map((input) => this.#depthOf(input)));
      if (depth >= 0) for (const out of node.output) this.#depth.set(out, depth);
    }
  }

  #depthOf = (value: string): number => this.#depth.get(value) ?? this.#layers.of.get(value) ?? -1;

  /** The output of the last node that uses a weight of this layer. */
  lastOf(layer: number): string | undefined {
    const uses = (value: string): boolean => this.#layers.of.get(this.file.constant(value)?.name ?? '') === layer;
    return this.#nodes.findLast(({ input, output }) => input.some(uses) && !this.file.constant(output[0]!))?.output[0];
  }

  /** What comes of a value by adding it to another one, where nothing else reads it: a residual. */
  residualOf(value: string): string | undefined {
    const [reader, ...others] = this.file.readers(value);
    const sum = reader?.opType === 'Add' && others.length === 0 && !reader.input.some((i) => this.file.constant(i));
    return sum ? reader.output[0] : undefined;
  }

  /** Whether a layer reads this value of the layers before it. */
  entersLayer(layer: number, value: string): boolean {
    return (
      this.#depthOf(value) < layer &&
      this.file.readers(value).some(({ output }) => output.some((out) => this.#depthOf(out) === layer))
    );
  }
}
