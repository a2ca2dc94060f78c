// How many token ids a model has: the rows of the table that it looks its token ids up in.

import type { Graph, Node, Value } from '../onnx/graph.js';

/** Nodes that pass ids on as they are, or in another shape or type. */
const passing = new Set(['Cast', 'Identity', 'Reshape', 'Unsqueeze', 'Squeeze', 'Flatten', 'Transpose']);
/** Nodes behind a stored table that leave its rows as they are. */
const keepingRows = new Set(['Cast', 'Identity', 'DequantizeLinear']);

/** Rows of the smallest table that `input` is looked up in; undefined where there is none. */
export function embeddingRows(graph: Pick<Graph, 'nodes' | 'initializers'>, input = 'input_ids'): number | undefined {
  const name = embeddingTable(graph, input);
  return name === undefined ? undefined : graph.initializers.get(name)!.shape[0];
}

/** The smallest table that `input` is looked up in; undefined where there is none. */
export function embeddingTable(
  { nodes, initializers }: Pick<Graph, 'nodes' | 'initializers'>,
  input: string,
): Value | undefined {
  const ids = new Set([input]);
  const makers = new Map<Value, Node>();
  const storedOf = (table: Value): Value => {
    let value = table;
    for (let maker = makers.get(value); maker && keepingRows.has(maker.op); maker = makers.get(value))
      value = maker.inputs[0]!;
    return value;
  };
  const rowsOf = (table: Value): number => initializers.get(table)?.shape[0] ?? Number.POSITIVE_INFINITY;
  let least: Value | undefined;
  for (const node of nodes) {
    for (const output of node.outputs) makers.set(output, node);
    const { op, domain, inputs, outputs } = node;
    if (domain !== '') continue;
    if (passing.has(op) && ids.has(inputs[0] ?? '')) ids.add(outputs[0]!);
    if (op !== 'Gather' || !ids.has(inputs[1] ?? '')) continue;
    const table = storedOf(inputs[0]!);
    if (rowsOf(table) < (least === undefined ? Number.POSITIVE_INFINITY : rowsOf(least))) least = table;
  }
  return least;
}
