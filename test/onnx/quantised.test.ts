// Files of ONNX Runtime's own quantisers (test/fixtures/quantised): what trains around stored weights has PyTorch's
// gradients, and the outputs are those of the runtime's kernels and of the numbers that the weights stand for.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { gradcheckModel } from '#ortune/commands/gradcheck.js';
import { inspectModel } from '#ortune/commands/inspect.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import type { NodeProto, TensorProto } from '#ortune/onnx/onnx_pb.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { openDevice } from '#ortune/runtime/session.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { operatorGraph } from '../autodiff/graphs.js';
import { compareGradients } from '../fixtures/zoo/gradients.mjs';
import { temporaryDirectory } from '../support/temporary.js';
import { floats, initializer, linear, node, writeModel } from './support.js';

const directory = temporaryDirectory();
const folder = fileURLToPath(new URL('../fixtures/quantised/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'));
const device = await openDevice('cpu', { threads: 1 });
afterAll(() => device.close());

/** Parameters of files that have others than most. */
const trained: Readonly<Record<string, number>> = {
  'rounded.onnx': 9,
  'qlinear.onnx': 4,
  'dynamic-uint8.onnx': 5,
  'dynamic-int8-channels.onnx': 5,
  'dynamic-fused.onnx': 5,
};

it.each(files)('%s', async (file) => {
  const { missed, outputs, gradients } = await compareGradients(join(folder, file), device, new Set(device.kernels));
  expect(missed).toEqual([]);
  // Two matrices more where the file rounds them as it runs, and fewer where more of it is stored.
  expect(Object.keys(gradients)).toHaveLength(trained[file] ?? 7);
  for (const [name, error] of Object.entries({ ...outputs, ...gradients })) expect(error, name).toBeLessThan(2e-5);
});

it.each(['rounded.onnx', 'nbits4-b16.onnx', 'qdq4-b16.onnx', 'dynamic-uint8.onnx', 'qlinear.onnx'])(
  'gradcheck measures %s',
  async (file) => {
    const { checked, failed, notMeasurable } = await gradcheckModel(join(folder, file), { seed: 3 });
    expect({ checked, failed, notMeasurable }).toEqual({
      checked: trained[file] ?? 7,
      failed: 0,
      notMeasurable: 0,
    });
  },
);

it.each(['dynamic-uint8.onnx', 'dynamic-fused.onnx', 'nbits4-b16.onnx', 'qdq4-b16.onnx'])(
  'inspect calls the stored matrices of %s by their modules, beside their names in the file',
  async (file) => {
    const { tensors } = await inspectModel(join(folder, file));
    const aliases = tensors.flatMap(({ name, alias }) => (/MatMul/.test(name) && alias ? [alias] : []));
    expect(aliases.sort()).toEqual(['down.weight', 'head.weight', 'up.weight']);
  },
);

const scalar = (value: number) => Tensor.of('float32', [value], []);
const byte = (value: number) => Tensor.of('uint8', [value], []);

describe('a QuantizeLinear', () => {
  /** x, rounded and read by what `of` says. */
  const open = (of: Partial<Record<'op' | 'scale' | 'zero', string>>) => {
    const { op = 'DequantizeLinear', scale = 's', zero = 'z' } = of;
    const inputs = op === 'DequantizeLinear' ? ['q', scale, zero] : ['q'];
    const proto = linear(initializer('w', floats([1, 2, 3, 4, 5, 6], [2, 3])), initializer('b', floats([0.5, -1, 2])), {
      nodes: [
        node('MatMul', ['x', 'w'], ['m']),
        node('QuantizeLinear', ['m', 's', 'z'], ['q'], {}, { name: 'round' }),
        node(op, inputs, ['r'], op === 'Cast' ? { to: 1 } : {}),
        node('Add', ['r', 'b'], ['y']),
      ],
      initializers: [
        initializer('w', floats([1, 2, 3, 4, 5, 6], [2, 3])),
        initializer('b', floats([0.5, -1, 2])),
        ...Object.entries({ s: scalar(0.1), t: scalar(0.2), z: byte(3), same: byte(3) }).map(([name, tensor]) =>
          initializer(name, tensor),
        ),
      ],
    });
    return toGraph(openModel(writeModel(join(directory, 'rounding.onnx'), proto)));
  };

  it('becomes one operator with the DequantizeLinear behind it, whatever names the constants have', () => {
    for (const zero of ['z', 'same'])
      expect(open({ zero }).nodes.map(({ op }) => op)).toEqual(['MatMul', 'FakeQuantize', 'Add']);
  });

  it.each([
    [{ scale: 't' }, /is DequantizeLinear, which reads whole numbers by other scales than they were made with/],
    [{ op: 'Cast' }, /is Cast, which is not known to read whole numbers/],
  ] as const)('is refused where its reader is %o', (of, message) => {
    expect(() => open(of)).toThrow(message);
  });
});

it('weights of another size than the node says, or of 3 bits, are refused by name', () => {
  const attempt = (attrs: Record<string, number>) => () =>
    operatorGraph({
      op: 'MatMulNBits',
      domain: 'com.microsoft',
      inputs: [
        floats(Array(32).fill(1), [1, 32]),
        new Tensor('uint8', [2, 2, 8], new Uint8Array(32)),
        floats([1, 1, 1, 1]),
      ],
      attrs: { N: 2, K: 32, bits: 4, block_size: 16, ...attrs },
      constants: [2],
    });
  expect(attempt({})).not.toThrow();
  expect(attempt({ N: 3 })).toThrow(/weights uint8 \[2,2,8\] do not fit N 3, K 32, 4 bits, blocks of 16/);
  expect(attempt({ bits: 3 })).toThrow(/its weights have 3 bits, expected 4 or 8/);
  expect(attempt({ block_size: 24 })).toThrow(/blocks of a power of 2/);
});

it('a file of rounded numbers alone has nothing to train, and the error says why', () => {
  const proto = linear(
    initializer('w', new Tensor('int8', [2, 3], new Uint8Array(6).fill(3))),
    initializer('s', scalar(0.1)),
    {
      nodes: [node('DequantizeLinear', ['w', 's'], ['d']), node('MatMul', ['x', 'd'], ['y'])],
    },
  );
  const model = openModel(writeModel(join(directory, 'rounded.onnx'), proto));
  expect(() => chooseParameters(model, toGraph(model))).toThrow(
    /nothing to train\. All it has are rounded numbers, which are frozen; use the float32 or float16 model/,
  );
});

describe('whole numbers', () => {
  const bytes = (name: string, shape: number[]) =>
    initializer(name, new Tensor('uint8', shape, new Uint8Array(shape.reduce((n, d) => n * d, 1)).fill(130)));
  const open = (nodes: NodeProto[], inputs: TensorProto[] = []) => {
    const scales = ['s', 't'].map((name, i) => initializer(name, scalar(0.1 * (i + 1))));
    const weights = [bytes('w', [2, 3]), initializer('z', byte(3)), ...scales, ...inputs];
    const [some] = weights as [TensorProto];
    return toGraph(
      openModel(writeModel(join(directory, 'whole.onnx'), linear(some, some, { nodes, initializers: weights }))),
    );
  };
  const dynamic = node('DynamicQuantizeLinear', ['x'], ['q', 'qs', 'qz']);
  const product = node('MatMulInteger', ['q', 'w', 'qz', 'z'], ['i'], {}, { name: 'product' });

  it('are floats that were rounded: a product has both scales in any order', () => {
    for (const [p, q] of [
      ['c', 'both'],
      ['both', 'c'],
    ] as const) {
      const graph = open([
        dynamic,
        node('Mul', ['s', 'qs'], ['both']),
        product,
        node('Cast', ['i'], ['c'], { to: 1 }),
        node('Mul', [p, q], ['y']),
      ]);
      expect(graph.nodes.map(({ op }) => op)).toEqual(['DynamicFakeQuantize', 'DequantizeLinear', 'MatMul']);
    }
  });

  it.each([
    ['of an input', [node('MatMulInteger', ['x', 'w'], ['y'])], /is MatMulInteger, and not of what a DynamicQuant/],
    ['without scales', [dynamic, product, node('Cast', ['i'], ['y'], { to: 1 })], /output 'y' has whole numbers/],
    ['as an output', [node('QuantizeLinear', ['x', 's', 'z'], ['y'])], /output 'y' has whole numbers/],
    [
      'joined with those of another scale',
      [
        node('QuantizeLinear', ['x', 's', 'z'], ['p']),
        node('QuantizeLinear', ['x', 't', 'z'], ['r']),
        node('Concat', ['p', 'r'], ['y'], { axis: 0 }),
      ],
      /is Concat, which joins whole numbers of several scales/,
    ],
    [
      'whose operator lacks inputs',
      [node('QLinearAdd', ['x'], ['y'], {}, { domain: 'com.microsoft' })],
      /is com\.microsoft\.QLinearAdd, which lacks an input/,
    ],
  ] as const)('%s are refused by name', (_, nodes, message) => {
    expect(() => open([...nodes])).toThrow(message);
  });
});
