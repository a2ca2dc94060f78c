// Graphs of one operator over given tensors: float inputs are graph inputs (so that they can be moved), everything
// else is a constant, as specialisation leaves it.

import { type AttrInput, Builder } from '#ortune/onnx/builder.js';
import { isFloat } from '#ortune/onnx/dtype.js';
import { Graph, type Value } from '#ortune/onnx/graph.js';
import type { Tensor } from '#ortune/onnx/tensor.js';

export interface OperatorCase {
  op: string;
  domain?: string;
  /** undefined: an omitted optional input. */
  inputs: readonly (Tensor | undefined)[];
  attrs?: Record<string, AttrInput>;
  /** Number of outputs; default 1. */
  outputs?: number;
  /** Float inputs that are constants all the same. */
  constants?: readonly number[];
  /** Other inputs fed at run time: indices that are data. */
  fed?: readonly number[];
}

export interface OperatorGraph {
  graph: Graph;
  feeds: Map<Value, Tensor>;
  /** The float inputs that are fed, by position among the operator's inputs. */
  floats: Map<number, Value>;
}

export function operatorGraph({
  op,
  domain,
  inputs,
  attrs,
  outputs,
  constants = [],
  fed = [],
}: OperatorCase): OperatorGraph {
  const graph = new Graph();
  const feeds = new Map<Value, Tensor>();
  const floats = new Map<number, Value>();
  const names = inputs.map((tensor, i) => {
    if (!tensor) return '';
    const name = `x${i}`;
    graph.types.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    if ((isFloat(tensor.dtype) && !constants.includes(i)) || fed.includes(i)) {
      graph.inputs.push({ name, dtype: tensor.dtype, shape: [...tensor.shape] });
      feeds.set(name, tensor);
      if (isFloat(tensor.dtype)) floats.set(i, name);
    } else graph.initializers.set(name, tensor);
    return name;
  });
  const b = new Builder(graph);
  const y = b.ops(op, names, attrs ?? {}, { domain, outputs });
  graph.outputs = y.map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
  return { graph, feeds, floats };
}
