// Nodes and sub-graphs of the file with other names for their values; everything else is shared with the originals.

import { create } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../onnx_pb.js';

/** The node with its inputs and outputs renamed; its sub-graphs are left as they are. */
export const renamedNode = (node: NodeProto, rename: (value: string) => string): NodeProto =>
  Object.assign(create(NodeProtoSchema), node, { input: node.input.map(rename), output: node.output.map(rename) });

export interface GraphRenaming {
  /** What a value around the graph is called. */
  rename: (value: string) => string;
  /** A name of its own for a value of the graph. */
  fresh: (value: string) => string;
  /** What stands for an attribute. */
  attributes: (attribute: AttributeProto) => AttributeProto[];
}

/** A sub-graph over renamed values, each of its own with a fresh name. */
export function renamedGraph(graph: GraphProto, { rename, fresh, attributes }: GraphRenaming): GraphProto {
  const own = new Map<string, string>([['', '']]);
  for (const { name } of [...graph.input, ...graph.initializer]) own.set(name, own.get(name) ?? fresh(name));
  for (const name of graph.node.flatMap(({ output }) => output)) own.set(name, own.get(name) ?? fresh(name));
  const called = (value: string): string => own.get(value) ?? rename(value);
  const infos = (values: GraphProto['input']): GraphProto['input'] =>
    values.map((v) => Object.assign(create(ValueInfoProtoSchema), v, { name: called(v.name) }));
  const within = { rename: called, fresh, attributes };
  return Object.assign(create(GraphProtoSchema), graph, {
    input: infos(graph.input),
    output: infos(graph.output),
    initializer: graph.initializer.map((t) => Object.assign(create(TensorProtoSchema), t, { name: called(t.name) })),
    node: graph.node.map((node) =>
      Object.assign(renamedNode(node, called), {
        attribute: node.attribute
          .flatMap(attributes)
          .map((a) => (a.g ? Object.assign(create(AttributeProtoSchema), a, { g: renamedGraph(a.g, within) }) : a)),
      }),
    ),
  });
}
