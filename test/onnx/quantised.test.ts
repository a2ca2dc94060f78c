// Files of ONNX Runtime's own quantisers (test/fixtures/quantised): what trains around stored weights has PyTorch's
// gradients, and the outputs are those of the runtime's kernels and of the numbers that the weights stand for.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { gradcheckModel } from '#ortune/commands/gradcheck.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
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

it.each(files)('%s', async (file) => {
  const { missed, outputs, gradients } = await compareGradients(join(folder, file), device, new Set(device.kernels));
  expect(missed).toEqual([]);
  // Two matrices more where the file rounds them as it runs.
  expect(Object.keys(gradients)).toHaveLength(file === 'rounded.onnx' ? 9 : 7);
  for (const [name, error] of Object.entries({ ...outputs, ...gradients })) expect(error, name).toBeLessThan(2e-5);
});

it.each(['rounded.onnx', 'nbits4-b16.onnx', 'qdq4-b16.onnx'])('gradcheck measures %s', async (file) => {
  const { checked, failed, notMeasurable } = await gradcheckModel(join(folder, file), { seed: 3 });
  expect({ checked, failed, notMeasurable }).toEqual({
    checked: file === 'rounded.onnx' ? 9 : 7,
    failed: 0,
    notMeasurable: 0,
  });
});

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

  it.each([{ scale: 't' }, { op: 'Cast' }])('is refused by name where its reader is %o', (of) => {
    expect(() => open(of)).toThrow(
      /rounding\.onnx is quantised: node 'round' is QuantizeLinear, and what reads it is not a DequantizeLinear/,
    );
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
