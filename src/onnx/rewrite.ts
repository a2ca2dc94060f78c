// A copy of a model in which tensors are replaced, wherever the file keeps them: initializers, Constant nodes,
// attributes of other nodes and of local functions, and the same in sub-graphs. Everything else is shared with the
// original.

import { create } from '@bufbuild/protobuf';
import { quote } from '../quote.js';
import { scopesOf } from './blocks.js';
import { graphOf, type Model, nodeLabel, operatorName } from './model.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
} from './onnx_pb.js';

/** Where a tensor stands in the file. */
export interface Site {
  /** For messages. */
  what: string;
  /** Its name in the graph: the initializer's, or the output of the Constant node. Others have none. */
  name?: string;
  initializer: boolean;
}

export const isConstant = (node: NodeProto): boolean => operatorName(node.opType, node.domain) === 'Constant';

/**
 * The model with `tensor` called for every tensor, and `floats` for the values of Constant nodes that are kept as
 * plain floats (undefined: unchanged).
 */
export function rewriteTensors(
  model: Model,
  tensor: (tensor: TensorProto, site: Site) => TensorProto,
  floats: (name: string) => number[] | undefined,
): ModelProto {
  const scopes = scopesOf(graphOf(model));
  const attribute = (a: AttributeProto, node: NodeProto, names: Names | undefined): AttributeProto => {
    const site: Site = { what: `attribute ${quote(a.name)} of node ${nodeLabel(node)}`, initializer: false };
    const name = names && isConstant(node) ? called(node.output[0]!, names) : undefined;
    if (name !== undefined) site.name = name;
    if (a.t) return Object.assign(create(AttributeProtoSchema), a, { t: tensor(a.t, site) });
    if (a.g) return Object.assign(create(AttributeProtoSchema), a, { g: inner(a.g, names && scopes.get(a.g)?.names) });
    if (a.tensors.length > 0)
      return Object.assign(create(AttributeProtoSchema), a, { tensors: a.tensors.map((t) => tensor(t, site)) });
    const values = name === undefined ? undefined : floats(name);
    if (values && a.name === 'value_float') return Object.assign(create(AttributeProtoSchema), a, { f: values[0]! });
    if (values && a.name === 'value_floats') return Object.assign(create(AttributeProtoSchema), a, { floats: values });
    return a;
  };
  const node = (n: NodeProto, names: Names | undefined): NodeProto => {
    if (!n.attribute.some((a) => a.t || a.g || a.tensors.length > 0 || a.name.startsWith('value_float'))) return n;
    return Object.assign(create(NodeProtoSchema), n, { attribute: n.attribute.map((a) => attribute(a, n, names)) });
  };
  const tensors = (graph: GraphProto, names: Names | undefined, initializer: boolean): TensorProto[] =>
    graph.initializer.map((t) => {
      const site: Site = { what: `initializer ${quote(t.name)}`, initializer };
      if (names) site.name = called(t.name, names);
      return tensor(t, site);
    });
  /** Initializers of sub-graphs stay in the .onnx file, as values of nodes do. */
  const inner = (graph: GraphProto, names: Names | undefined): GraphProto =>
    Object.assign(create(GraphProtoSchema), graph, {
      node: graph.node.map((n) => node(n, names)),
      initializer: tensors(graph, names, false),
    });
  const graph = graphOf(model);
  return Object.assign(create(ModelProtoSchema), model.proto, {
    graph: Object.assign(create(GraphProtoSchema), graph, {
      node: graph.node.map((n) => node(n, asInFile)),
      initializer: tensors(graph, asInFile, true),
    }),
    functions: model.proto.functions.map((f) =>
      Object.assign(create(FunctionProtoSchema), f, { node: f.node.map((n) => node(n, undefined)) }),
    ),
  });
}

/** What values of a graph are called where that is not as the file has it. */
type Names = ReadonlyMap<string, string>;

const asInFile: Names = new Map();

const called = (value: string, names: Names): string => names.get(value) ?? value;
