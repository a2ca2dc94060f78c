// Small files with sub-graphs.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect } from 'vitest';
import { gradcheckModel } from '#ortune/commands/gradcheck.js';
import type { AttrInput } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProtoSchema,
  type ModelProto,
  type NodeProto,
} from '#ortune/onnx/onnx_pb.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { floats, initializer, modelProto, node, type Parts, run, value, writeModel } from './support.js';

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

/** Normal numbers. */
export const random = (seed: number, ...shape: number[]): Tensor =>
  floats(
    [
      ...normals(
        seed,
        0,
        shape.reduce((a, b) => a * b, 1),
      ),
    ],
    shape,
  );

const weight = random(1, 3, 3);

/** A file of these nodes from x, float32 [rows, 3], to y, with the weight w [3, 3]. */
export const writeControl = (file: string, nodes: NodeProto[], more: Partial<Parts> = {}): string =>
  writeModel(
    file,
    modelProto({
      nodes,
      inputs: [value('x', 'float32', ['rows', 3])],
      outputs: [value('y', 'float32', undefined)],
      initializers: [initializer('w', weight)],
      opset: 17,
      ...more,
    }),
  );

/** Compares the specialised graph with the file itself, and gradients with differences; what became of control flow. */
export async function agrees(path: string, feeds: Record<string, Tensor>, parameters: string[]): Promise<string[]> {
  const became: string[] = [];
  const shapes = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, shape]));
  const graph = specialize(toGraph(openModel(path)), shapes, {
    onControl: ({ op, name }, as) => became.push(`${op} ${name}: ${as}`),
  });
  const [expected, found] = [await run(path, feeds), await run(encodeGraph(graph), feeds)];
  expect(found.y!.dims).toEqual(expected.y!.dims);
  for (const [i, v] of expected.y!.data.entries()) expect(found.y!.data[i]).toBeCloseTo(v, 5);
  const input = Object.entries(shapes).map(([name, shape]) => `${name}=${shape.join('x')}`);
  const checked = await gradcheckModel(path, { input });
  expect(checked.parameters.map(({ name }) => name).sort()).toEqual(parameters);
  expect(checked.failed).toBe(0);
  return became;
}
