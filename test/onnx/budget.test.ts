import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { gradcheckModel } from '#ortune/commands/gradcheck.js';
import { inspectModel } from '#ortune/commands/inspect.js';
import { ModelError } from '#ortune/errors.js';
import type { AttrInput } from '#ortune/onnx/builder.js';
import type { Dim } from '#ortune/onnx/graph.js';
import { FunctionProtoSchema, GraphProtoSchema, ModelProtoSchema, type NodeProto } from '#ortune/onnx/onnx_pb.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { temporaryDirectory } from '../support/temporary.js';
import { floats, initializer, node, value, writeModel } from './support.js';

const directory = temporaryDirectory('budget');
const ints = (...values: (number | bigint)[]) => Tensor.of('int64', values);

interface Parts {
  nodes: NodeProto[];
  constants?: Record<string, Tensor>;
  shape?: Dim[];
  outputs?: string[];
  functions?: { name: string; calls: string[] }[];
}

/** x [batch, 4], multiplied by a weight as h; `y` is the output. */
function fileOf({ nodes, constants = {}, shape = ['batch', 4], outputs = ['y'], functions = [] }: Parts): string {
  const opsetImport = [
    { domain: '', version: 17n },
    { domain: 'own', version: 1n },
  ];
  const proto = create(ModelProtoSchema, {
    irVersion: 9n,
    opsetImport,
    graph: create(GraphProtoSchema, {
      name: 'g',
      node: [node('MatMul', ['x', 'w'], ['h']), ...nodes],
      input: [value('x', 'float32', shape)],
      output: outputs.map((name) => value(name, 'float32', undefined)),
      initializer: [
        initializer(
          'w',
          floats(
            Array.from({ length: 16 }, (_, i) => Math.sin(i)),
            [4, 4],
          ),
        ),
        ...Object.entries(constants).map(([name, tensor]) => initializer(name, tensor)),
      ],
    }),
    functions: functions.map(({ name, calls }) =>
      create(FunctionProtoSchema, {
        name,
        domain: 'own',
        input: ['v0'],
        output: [`v${calls.length}`],
        opsetImport,
        node: calls.map((op, i) => node(op, [`v${i}`], [`v${i + 1}`], {}, { domain: op === 'Relu' ? '' : 'own' })),
      }),
    ),
  });
  return writeModel(join(directory, 'model.onnx'), proto);
}

const one = (op: string, inputs: string[], attrs: Record<string, AttrInput> = {}): NodeProto =>
  node(op, inputs, ['y'], attrs, { name: 'the-node' });
const large = (op: string, inputs: string[], attrs: Record<string, AttrInput> = {}): NodeProto[] => [
  node(op, inputs, ['large'], attrs, { name: 'the-node' }),
  node('ReduceSum', ['large'], ['total'], { keepdims: 0 }),
  node('Cast', ['total'], ['number'], { to: 1 }),
  node('Add', ['h', 'number'], ['y']),
];

const tooLarge: [string, Parts][] = [
  ['a tensor repeated', { nodes: [one('Tile', ['h', 'n'])], constants: { n: ints(2 ** 30, 1) } }],
  ['a tensor spread', { nodes: [one('Expand', ['h', 'n'])], constants: { n: ints(2 ** 40, 1, 1) } }],
  ['a tensor padded', { nodes: [one('Pad', ['h', 'n'])], constants: { n: ints(2 ** 31, 0, 0, 0) } }],
  [
    'classes as columns',
    { nodes: large('OneHot', ['i', 'n', 'v']), constants: { i: ints(1, 2), n: ints(2 ** 33), v: ints(0, 1) } },
  ],
  ['a constant of a shape', { nodes: large('ConstantOfShape', ['n']), constants: { n: ints(2 ** 20, 2 ** 20) } }],
  ['random numbers', { nodes: large('RandomNormal', [], { shape: [2 ** 16, 2 ** 16] }) }],
  ['a tensor resized', { nodes: [one('Resize', ['h', '', '', 'n'])], constants: { n: ints(2 ** 20, 2 ** 20) } }],
  [
    'products of columns and rows',
    {
      nodes: large('Einsum', ['v', 'v', 'v'], { equation: 'i,j,k->ijk' }),
      constants: { v: floats(Array(2000).fill(1)) },
    },
  ],
];

describe('a file that asks for more than maxGraphMemory', () => {
  it.each(tooLarge)('%s is refused with the node, by inspect and by gradcheck', async (_, parts) => {
    const file = fileOf(parts);
    for (const command of [inspectModel, gradcheckModel]) {
      await expect(command(file)).rejects.toThrow(ModelError);
      await expect(command(file)).rejects.toThrow(
        /node 'the-node' .* takes .* more than maxGraphMemory allows \(1\.07 GB\)/,
      );
    }
  });

  it('is refused for the batch that it states', async () => {
    const file = fileOf({ nodes: [one('Relu', ['h'])], shape: [2 ** 29, 4] });
    await expect(inspectModel(file)).rejects.toThrow(/input 'x' is float32 \[536870912, 4\], which takes 8\.59 GB/);
    await expect(inspectModel(fileOf({ nodes: [one('Relu', ['h'])], shape: [-3, 4] }))).rejects.toThrow(
      /input 'x' .* dimension 0 is -3/,
    );
  });

  it('is accepted where the option allows it, and a smaller one is not where it does not', async () => {
    const file = fileOf({ nodes: [one('Tile', ['h', 'n'])], constants: { n: ints(2 ** 17, 1) } });
    await expect(inspectModel(file, { maxGraphMemory: '1GB' })).resolves.toMatchObject({ undifferentiable: [] });
    await expect(inspectModel(file, { maxGraphMemory: '1MB' })).rejects.toThrow(/node 'the-node' \(Tile\).*\(1 MB\)/);
  });
});

describe('what would compute for very long', () => {
  it('a window of the whole image at each of its places is refused', async () => {
    const nodes = [
      node('Reshape', ['h', 'image'], ['r']),
      node('Resize', ['r', '', '', 'size'], ['s']),
      one('MaxPool', ['s'], { kernel_shape: [2047, 2047], pads: Array(4).fill(1023) }),
    ];
    const file = fileOf({ nodes, shape: [1, 4], constants: { image: ints(1, 1, 2, 2), size: ints(1, 1, 4096, 4096) } });
    await expect(inspectModel(file)).rejects.toThrow(
      /'the-node' \(MaxPool\): the graph would compute 1\.1e\+15 multiply-adds/,
    );
  });
});

describe('graphs of many nodes', () => {
  const chain = (op: string, length: number, inputs: (last: string) => string[]): NodeProto[] =>
    Array.from({ length }, (_, i) =>
      node(
        op,
        inputs(i === 0 ? 'h' : `v${i - 1}`),
        [i === length - 1 ? 'y' : `v${i}`],
        op === 'Concat' ? { axis: 0 } : {},
      ),
    );

  it.each<[string, (last: string) => string[]]>([
    ['Tanh', (last) => [last]],
    ['Concat', (last) => [last]],
    ['Mul', (last) => [last, last]],
    ['Transpose', (last) => [last]],
  ])('a chain of 5,000 of %s is inspected', async (op, inputs) => {
    const found = await inspectModel(fileOf({ nodes: chain(op, 5000, inputs) }));
    expect(found.operators[op]).toBe(5000);
    expect(found.undifferentiable).toEqual([]);
  });

  it('more nodes than the budget holds are refused', async () => {
    const file = fileOf({ nodes: chain('Relu', 70_000, (last) => [last]) });
    await expect(inspectModel(file)).rejects.toThrow(/model\.onnx has more than 65536 nodes/);
  });

  it('thousands of outputs are looked at once', async () => {
    const outputs = Array.from({ length: 3000 }, (_, i) => `y${i}`);
    const nodes = outputs.map((name) => node('Sigmoid', ['h'], [name]));
    expect((await inspectModel(fileOf({ nodes, outputs }))).outputs).toHaveLength(3000);
  });

  it('functions count as often as they are called', async () => {
    const levels = Array.from({ length: 40 }, (_, i) => {
      const inner = i === 39 ? 'Relu' : `f${i + 1}`;
      return { name: `f${i}`, calls: [inner, inner, inner] };
    });
    const nodes = [node('f0', ['h'], ['y'], {}, { domain: 'own' })];
    await expect(inspectModel(fileOf({ nodes, functions: levels }))).rejects.toThrow(
      /more than 65536 nodes, functions counted as often as they are called/,
    );
  });

  it('functions that call themselves, or each other hundreds deep, are refused', async () => {
    const nodes = [node('f0', ['h'], ['y'], {}, { domain: 'own' })];
    const circle = [
      { name: 'f0', calls: ['f1'] },
      { name: 'f1', calls: ['f0'] },
    ];
    await expect(inspectModel(fileOf({ nodes, functions: circle }))).rejects.toThrow(/function 'own\.f0' calls itself/);
    const deep = Array.from({ length: 400 }, (_, i) => ({ name: `f${i}`, calls: [i === 399 ? 'Relu' : `f${i + 1}`] }));
    await expect(inspectModel(fileOf({ nodes, functions: deep }))).rejects.toThrow(
      /functions call each other 257 deep/,
    );
  });
});
