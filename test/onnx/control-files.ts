// Small files with sub-graphs.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { AttrInput } from '#ortune/onnx/builder.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProtoSchema,
  type NodeProto,
} from '#ortune/onnx/onnx_pb.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { node, value } from './support.js';

type Body = MessageInitShape<typeof GraphProtoSchema>;

const graphAttribute = (name: string, g: Body): AttributeProto =>
  create(AttributeProtoSchema, { name, type: 5, g: { name, ...g } as Body });

/** A node with sub-graphs. */
export function control(
  op: string,
  inputs: string[],
  outputs: string[],
  bodies: Record<string, Body>,
  attrs: Record<string, AttrInput> = {},
): NodeProto {
  const made = node(op, inputs, outputs, attrs, { name: `the-${op}` });
  made.attribute.push(...Object.entries(bodies).map(([name, g]) => graphAttribute(name, g)));
  return made;
}

export const branch = (nodes: NodeProto[], output: string, more: Body = {}): Body => ({
  node: nodes,
  output: [value(output, 'float32', undefined)],
  ...more,
});

export const constant = (name: string, tensor: Tensor): NodeProto => node('Constant', [], [name], { value: tensor });

export const ints = (values: number[], shape?: number[]): Tensor => Tensor.of('int64', values, shape);
export const int = (v: number): Tensor => Tensor.scalar('int64', v);
export const yes: Tensor = Tensor.scalar('bool', 1);
