// Small files with sub-graphs.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { AttrInput } from '#ortune/onnx/builder.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProtoSchema,
  type ModelProto,
  type NodeProto,
} from '#ortune/onnx/onnx_pb.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { initializer, modelProto, node, value } from './support.js';

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

/**
 * A decoder of x [batch, steps, 4] as exporters merge two: with a cache [batch, past, 4] and without, which has a bias
 * of its own. The input use_cache_branch decides; weights w [4, 4] and v [4, 3] are both branches'.
 */
export function mergedDecoder(): ModelProto {
  const body = (nodes: NodeProto[], more: Body = {}): Body => ({
    node: [
      node('MatMul', ['x', 'w'], ['h']),
      ...nodes,
      node('ReduceMean', ['k'], ['m'], { axes: [1], keepdims: 1 }),
      node('Add', ['h', 'm'], ['s']),
      node('MatMul', ['s', 'v'], ['o']),
    ],
    output: [value('o', 'float32', undefined), value('k', 'float32', undefined)],
    ...more,
  });
  const bias = initializer('bias', Tensor.of('float32', [0.5, -0.25, 1, 2]));
  const nodes = [
    control('If', ['use_cache_branch'], ['logits', 'present'], {
      then_branch: body([node('Concat', ['past', 'h'], ['k'], { axis: 1 })]),
      else_branch: body([node('Add', ['h', 'bias'], ['k'])], { initializer: [bias] }),
    }),
  ];
  return modelProto({
    nodes,
    inputs: [
      value('x', 'float32', ['batch', 'steps', 4]),
      value('past', 'float32', ['batch', 'past_steps', 4]),
      value('use_cache_branch', 'bool', [1]),
    ],
    outputs: [value('logits', 'float32', ['batch', 'steps', 3]), value('present', 'float32', ['batch', 'all', 4])],
    initializers: [
      initializer('w', Tensor.of('float32', normals(3, 0, 16), [4, 4])),
      initializer('v', Tensor.of('float32', normals(3, 1, 12), [4, 3])),
    ],
  });
}

export const ints = (values: number[], shape?: number[]): Tensor => Tensor.of('int64', values, shape);
export const int = (v: number): Tensor => Tensor.scalar('int64', v);
export const yes: Tensor = Tensor.scalar('bool', 1);
