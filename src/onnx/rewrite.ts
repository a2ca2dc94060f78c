// A copy of a model in which tensors are replaced, wherever the file keeps them: initializers, Constant nodes,
// attributes of other nodes and of local functions. Everything else is shared with the original.

import { create } from '@bufbuild/protobuf';
import { quote } from '../quote.js';
import { graphOf, type Model, nodeLabel, operatorName } from './model.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  FunctionProtoSchema,
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
  const attribute = (a: AttributeProto, node: NodeProto, name: string | undefined): AttributeProto => {
    const site: Site = { what: `attribute ${quote(a.name)} of node ${nodeLabel(node)}`, initializer: false };
    if (name !== undefined) site.name = name;
    if (a.t) return Object.assign(create(AttributeProtoSchema), a, { t: tensor(a.t, site) });
    if (a.tensors.length > 0)
      return Object.assign(create(AttributeProtoSchema), a, { tensors: a.tensors.map((t) => tensor(t, site)) });
    const values = name === undefined ? undefined : floats(name);
    if (values && a.name === 'value_float') return Object.assign(create(AttributeProtoSchema), a, { f: values[0]! });
    if (values && a.name === 'value_floats') return Object.assign(create(AttributeProtoSchema), a, { floats: values });
    return a;
  };
  const node = (n: NodeProto, named: boolean): NodeProto => {
    if (!n.attribute.some((a) => a.t || a.tensors.length > 0 || a.name.startsWith('value_float'))) return n;
    const name = named && isConstant(n) ? n.output[0] : undefined;
    return Object.assign(create(NodeProtoSchema), n, { attribute: n.attribute.map((a) => attribute(a, n, name)) });
  };
  const graph = graphOf(model);
  return Object.assign(create(ModelProtoSchema), model.proto, {
    graph: Object.assign(create(GraphProtoSchema), graph, {
      node: graph.node.map((n) => node(n, true)),
      initializer: graph.initializer.map((t) =>
        tensor(t, { what: `initializer ${quote(t.name)}`, name: t.name, initializer: true }),
      ),
    }),
    functions: model.proto.functions.map((f) =>
      Object.assign(create(FunctionProtoSchema), f, { node: f.node.map((n) => node(n, false)) }),
    ),
  });
}
