// Which tensors of two files are one weight: equal bytes that are used alike, and not values that are equal by chance.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { joinModels, openFiles } from '#ortune/onnx/join.js';
import type { NodeProto } from '#ortune/onnx/onnx_pb.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { initializer, modelProto, node, value, writeModel } from '../onnx/support.js';
import { temporaryDirectory } from '../support/temporary.js';

const root = temporaryDirectory();
let count = 0;

type Tensors = Record<string, Tensor>;
const varied = (from: number, shape = [4, 4]): Tensor =>
  Tensor.of(
    'float32',
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(from + i * i)),
    shape,
  );
const all = (value: number): Tensor => Tensor.of('float32', [value, value, value, value]);

interface Half {
  tensors: Tensors;
  nodes: NodeProto[];
}

/** The parameters of two files in a row, `ids` and `x` → state → logits: each with its copies, by readable name. */
function weights(first: Half, second: Half): Record<string, string[]> {
  const directory = join(root, `model${count++}`);
  mkdirSync(directory);
  const write = (name: string, { tensors, nodes }: Half, x: string, y: string) => {
    const proto = modelProto({
      nodes,
      inputs: [value('ids', 'int64', ['n']), value(x, 'float32', ['n', 4])],
      outputs: [value(y, 'float32', ['n', 4])],
      initializers: Object.entries(tensors).map(([key, tensor]) => initializer(key, tensor)),
    });
    writeModel(join(directory, `${name}.onnx`), proto);
  };
  write('a', first, 'x', 'state');
  write('b', second, 'given', 'logits');
  const parts = [{ file: 'a' }, { file: 'b', inputs: { given: 'a/state' } }];
  const model = joinModels(parts, openFiles(directory, parts));
  const { trainable } = chooseParameters(model, model.graph);
  return Object.fromEntries(trainable.map(({ alias, name, copies }) => [alias, [name, ...copies]]));
}

/** y = x·weight + bias */
const linear = (x: string, y: string, weight: string, bias: string): NodeProto[] => [
  node('MatMul', [x, weight], [`${y}.product`]),
  node('Add', [`${y}.product`, bias], [y]),
];
const layer = (x: string, y: string, weight: Tensor): Half => ({
  tensors: { 'fc.weight': weight, 'fc.bias': all(0) },
  nodes: linear(x, y, 'fc.weight', 'fc.bias'),
});

it('a layer that both files have is one, its bias at 0 too', () => {
  expect(weights(layer('x', 'state', varied(1)), layer('given', 'logits', varied(1)))).toEqual({
    'fc.weight': ['a/fc.weight', 'b/fc.weight'],
    'fc.bias': ['a/fc.bias', 'b/fc.bias'],
  });
});

it('biases at 0 of two layers of one name are two', () => {
  expect(weights(layer('x', 'state', varied(1)), layer('given', 'logits', varied(2)))).toEqual({
    'a/fc.weight': ['a/fc.weight'],
    'a/fc.bias': ['a/fc.bias'],
    'b/fc.weight': ['b/fc.weight'],
    'b/fc.bias': ['b/fc.bias'],
  });
});

it('a table is one under any name, other matrices only under the same', () => {
  const table = (name: string, x: string, y: string, more: Tensors, next: NodeProto[]): Half => ({
    tensors: { [name]: varied(1, [9, 4]), ...more },
    nodes: [node('Gather', [name, 'ids'], [`${y}.rows`]), node('Add', [`${y}.rows`, x], [`${y}.sum`]), ...next],
  });
  const square = (y: string, name: string) => [node('MatMul', [`${y}.sum`, name], [y])];
  const first = table('embed.weight', 'x', 'state', { 'left.weight': varied(5) }, square('state', 'left.weight'));
  const second = table('tokens', 'given', 'logits', { 'right.weight': varied(5) }, square('logits', 'right.weight'));
  expect(weights(first, second)).toEqual({
    'embed.weight': ['embed.weight', 'tokens'],
    'left.weight': ['left.weight'],
    'right.weight': ['right.weight'],
  });
});

it('equal values that are used otherwise are two weights', () => {
  const one = (op: string, x: string, y: string): Half => ({
    tensors: { 'norm.w': varied(3, [4]) },
    nodes: [node(op, [x, 'norm.w'], [y])],
  });
  expect(weights(one('Mul', 'x', 'state'), one('Add', 'given', 'logits'))).toEqual({
    'a/norm.w': ['a/norm.w'],
    'b/norm.w': ['b/norm.w'],
  });
  expect(weights(one('Mul', 'x', 'state'), one('Mul', 'given', 'logits'))).toEqual({
    'norm.w': ['a/norm.w', 'b/norm.w'],
  });
});
