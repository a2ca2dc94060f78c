// Where the frozen trunk of a static graph ends. Above the cut is every node that depends on a trained parameter; what
// those read of the rest is computed once per sample and kept. The cut goes where it takes the fewest bytes a sample:
// products and convolutions stay below it, anything cheaper (pooling, masks, reshapes, activations) may be computed
// again above it where that leaves less to keep. So a classifier on a frozen encoder keeps one row of each text, a
// linear head on a frozen convolutional network the pooled channels.

import type { DataType } from '../onnx/dtype.js';
import { ancestors, bytesOf, dependentNodes, type Graph, infoOf, type Node, prune, type Value } from '../onnx/graph.js';
import { workOf } from '../onnx/operators.js';
import { minVertexCut } from './min-cut.js';

export interface CutValue {
  name: Value;
  dtype: DataType;
  /** The batch is the outermost axis, or part of it: the elements of one sample follow each other. */
  shape: readonly number[];
}

export interface Cut {
  /** In graph order, the graph's inputs first. */
  values: CutValue[];
  bytesPerSample: number;
  /** Multiply-adds a sample that are done below the cut. */
  workPerSample: number;
}

/** The same graph for a batch of another size: what of a shape is the batch is what differs. */
export interface OtherBatch {
  graph: Graph;
  batch: number;
}

/**
 * The cheapest cut of a graph of `batch` samples below everything that depends on `trained`.
 * @returns undefined where no value with the batch as its outermost axis carries what is needed, or there is nothing
 * but
 *   inputs to keep
 */
export function findCut(graph: Graph, batch: number, trained: Iterable<Value>, other: OtherBatch): Cut | undefined {
  const above = dependentNodes(graph, trained);
  const fromData = dependentNodes(
    graph,
    graph.inputs.map(({ name }) => name),
  );
  const values = [...graph.inputs.map(({ name }) => name), ...outputsOf(graph, fromData, above)];
  const index = new Map(values.map((value, i) => [value, i]));
  const numbers = (names: readonly Value[]) => new Set(names.flatMap((name) => index.get(name) ?? []));
  const below = graph.nodes.filter((node) => fromData.has(node) && !above.has(node));
  const cut = minVertexCut({
    costs: values.map((value) => (isBatched(graph, value, batch, other) ? bytesOf(graph, value) / batch : Infinity)),
    edges: below
      .filter((node) => workOf(graph, node) === 0)
      .flatMap(({ inputs, outputs }) =>
        [...numbers(inputs)].flatMap((from) => [...numbers(outputs)].map((to) => [from, to] as const)),
      ),
    sources: numbers([
      ...graph.inputs.map(({ name }) => name),
      ...below.filter((node) => workOf(graph, node) > 0).flatMap(({ outputs }) => outputs),
    ]),
    sinks: numbers([...[...above].flatMap(({ inputs }) => inputs), ...graph.outputs.flatMap(({ name }) => name)]),
  });
  if (!cut) return undefined;
  const names = cut.map((i) => values[i]!);
  const work = [...ancestors(graph, names)].reduce((sum, node) => sum + workOf(graph, node), 0);
  if (work === 0) return undefined;
  return {
    values: names.map((name) => ({ name, ...graph.type(name) })),
    bytesPerSample: names.reduce((sum, name) => sum + bytesOf(graph, name), 0) / batch,
    workPerSample: work / batch,
  };
}

const outputsOf = (graph: Graph, nodes: ReadonlySet<Node>, without: ReadonlySet<Node>): Value[] =>
  graph.nodes
    .filter((node) => nodes.has(node) && !without.has(node))
    .flatMap(({ outputs }) => outputs.filter((out) => out !== ''));

/** Whether the first axis that is not 1 is as many times the batch in both graphs. */
function isBatched(graph: Graph, value: Value, batch: number, other: OtherBatch): boolean {
  const [shape, otherShape] = [graph.types.get(value)?.shape, other.graph.types.get(value)?.shape];
  if (!shape || shape.length !== otherShape?.length) return false;
  const axis = shape.findIndex((size, i) => size !== 1 || otherShape[i] !== 1);
  return axis >= 0 && shape[axis]! % batch === 0 && shape[axis]! / batch === otherShape[axis]! / other.batch;
}

/** Leaves, in place, what computes the values of the cut that are no inputs: the graph's only outputs. */
export function keepBelow(graph: Graph, cut: readonly Value[]): void {
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  graph.outputs = cut.filter((name) => !inputs.has(name)).map((name) => infoOf(graph, name));
  prune(graph);
}

/** Leaves, in place, what is above the cut: its values become inputs of the graph. */
export function keepAbove(graph: Graph, cut: readonly Value[]): void {
  const values = new Set(cut);
  for (const node of graph.nodes)
    node.outputs = node.outputs.map((out) => {
      if (!values.has(out)) return out;
      // A node that another output is still needed of stays, and must not compute the value a second time.
      const unread = `${out}.below`;
      graph.types.set(unread, graph.type(out));
      return unread;
    });
  const others = graph.inputs.filter(({ name }) => !values.has(name));
  graph.inputs = [...cut.map((name) => infoOf(graph, name)), ...others];
  prune(graph);
}
