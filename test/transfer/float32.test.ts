// Files that compute in 16 bits: trained in float32 with the gradients that PyTorch has in float32 for the same weights
// (test/fixtures/zoo/half, made by export.py --variants f16-ts17 --gradients), and saved as they were.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { SessionChain } from '#ortune/engine/session-chain.js';
import { convertFloat } from '#ortune/onnx/convert.js';
import { onnxDataType } from '#ortune/onnx/dtype.js';
import { Graph } from '#ortune/onnx/graph.js';
import { joinModels, onlyPart } from '#ortune/onnx/join.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { saveModel } from '#ortune/onnx/save.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { openDevice } from '#ortune/runtime/session.js';
import { computeInFloat32 } from '#ortune/transfer/float32.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { compareGradients } from '../fixtures/zoo/gradients.mjs';
import { openStockModel, runStock } from '../support/onnxruntime.js';
import { temporaryDirectory } from '../support/temporary.js';

const file = fileURLToPath(new URL('../fixtures/zoo/half/convnextv2.f16-ts17.onnx', import.meta.url));
const directory = temporaryDirectory();
const device = await openDevice('cpu', { threads: 1 });
afterAll(() => device.close());

describe('a picture model that was converted to float16, inputs and outputs too,', () => {
  it.each([
    ['definitions', new Set<string>()],
    ['kernels', new Set(device.kernels)],
  ])("has PyTorch's float32 gradients by %s", async (_, kernels) => {
    const { missed, outputs, gradients } = await compareGradients(file, device, kernels);
    expect(missed).toEqual([]);
    expect(Object.keys(gradients)).toHaveLength(32);
    for (const [name, error] of Object.entries({ ...outputs, ...gradients })) expect(error, name).toBeLessThan(2e-5);
  });

  it('is fed float32 in the stock runtime, as in training', async () => {
    const model = joinModels(onlyPart, [openModel(file)]);
    const { inputs, outputs } = JSON.parse(readFileSync(file.replace('.onnx', '.json'), 'utf8'));
    const [[input, { shape, bytes }], [output, expected]] = [Object.entries(inputs)[0], Object.entries(outputs)[0]] as [
      [string, { shape: number[]; bytes: string }],
      [string, { bytes: string }],
    ];
    const numbers = (text: string) => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer);
    const chain = await SessionChain.open(model, 1);
    const [found] = await chain.run(new Map([[input, { dtype: 'float32', shape, data: numbers(bytes) }]]), [output]);
    await chain.release();
    expect(found!.type).toBe('float16');
    const values = convertFloat(Tensor.view('float16', found!.dims, found!.data as Uint16Array), 'float32').numbers();
    for (const [i, v] of numbers(expected.bytes).entries()) expect(Math.abs(v - values[i]!)).toBeLessThan(5e-3);
  });

  it('is saved with its nodes and in float16, rounded to nearest even', async () => {
    const model = openModel(file);
    const before = toGraph(model);
    const { trainable, computed } = chooseParameters(model, toGraph(model));
    expect(computed).toBe('float16');
    const trained = new Map(
      trainable.map(({ name, shape }) => {
        const values = before.initializers.get(name)!;
        return [
          name,
          Tensor.of(
            'float32',
            convertFloat(values, 'float32')
              .numbers()
              .map((v) => v + 2 ** -12),
            shape,
          ),
        ];
      }),
    );
    const saved = join(directory, 'saved.onnx');
    saveModel(model, saved, trained);
    const after = toGraph(openModel(saved));
    expect(after.nodes).toEqual(before.nodes);
    for (const [name, { dtype }] of before.initializers) {
      const found = after.initializers.get(name)!;
      expect(found.dtype).toBe(dtype);
      const expected = trained.has(name) ? convertFloat(trained.get(name)!, 'float16') : before.initializers.get(name)!;
      expect(found.numbers(), name).toEqual(expected.numbers());
    }
    await (await openStockModel(readFileSync(saved))).release();
    const [{ name, shape }] = trainable as [(typeof trainable)[number]];
    const size = before.initializers.get(name)!.size;
    const large = Tensor.of('float32', new Float32Array(size).fill(70_000), shape);
    expect(() => saveModel(model, join(directory, 'large.onnx'), new Map([[name, large]]))).toThrow(
      /is float16, which cannot hold the trained value 70000/,
    );
  });
});

describe.each(['float16', 'bfloat16', 'float64'] as const)('a graph that computes in %s', (half) => {
  /** y = resize(x · w + 1 · 3, 2), with w once as float32 that is cast, and what an exporter writes between. */
  function halfGraph(): Graph {
    const graph = new Graph();
    graph.inputs = [{ name: 'x', dtype: half, shape: [1, 1, 2, 2] }];
    graph.initializers.set('w', Tensor.of(half, [0.5, 1, 2, 4], [1, 1, 2, 2]));
    graph.initializers.set('v', Tensor.of('float32', [1, 2, 3, 4], [1, 1, 2, 2]));
    graph.initializers.set('shape', Tensor.of('int64', [1]));
    graph.initializers.set('scales', Tensor.of('float32', [1, 1, 2, 2]));
    const node = (op: string, inputs: string[], y: string, attrs = new Map()) =>
      graph.nodes.push({ name: y, op, domain: '', inputs, outputs: [y], attrs });
    const cast = new Map([['to', { kind: 'int' as const, value: onnxDataType(half) }]]);
    node('Mul', ['x', 'w'], 'xw');
    node('Cast', ['v'], 'v16', cast);
    node('Mul', ['xw', 'v16'], 'xwv');
    node('ConstantOfShape', ['shape'], 'three', new Map([['value', { kind: 'tensor', value: Tensor.of(half, [3]) }]]));
    node('Add', ['xwv', 'three'], 'sum');
    node('Cast', ['sum'], 'wide', new Map([['to', { kind: 'int', value: 1 }]]));
    node('Resize', ['wide', '', 'scales'], 'large', new Map([['mode', { kind: 'string', value: 'nearest' }]]));
    node('Cast', ['large'], 'y', cast);
    graph.outputs = [{ name: 'y', dtype: half, shape: [1, 1, 4, 4] }];
    return graph;
  }

  it('computes in float32, and takes and gives it', async () => {
    const graph = halfGraph();
    expect(computeInFloat32(graph)).toBe(half);
    expect(graph.outputs[0]!.dtype).toBe('float32');
    expect(graph.inputs[0]!.dtype).toBe('float32');
    expect(graph.nodes.find(({ name }) => name === 'xwv')!.inputs[1]).toBe('v');
    const types = [...graph.initializers].map(([name, { dtype }]) => `${name} ${dtype}`);
    expect(types).toEqual(['w float32', 'v float32', 'shape int64', 'scales float32']);
    const fixed = specialize(graph, { x: [1, 1, 2, 2] }, { trainable: new Set(['w', 'v']) });
    expect([...fixed.types].filter(([, { dtype }]) => dtype === half)).toEqual([]);
    const y = (await runStock(fixed, new Map([['x', Tensor.of('float32', [1, 2, 3, 4], [1, 1, 2, 2])]]))).get('y')!;
    const rows = [
      [3.5, 3.5, 7, 7],
      [3.5, 3.5, 7, 7],
      [21, 21, 67, 67],
      [21, 21, 67, 67],
    ];
    expect(y.numbers()).toEqual(rows.flat());
  });

  it('is left as it is where it computes in float32 already', () => {
    const graph = halfGraph();
    computeInFloat32(graph);
    expect(computeInFloat32(graph)).toBeUndefined();
  });
});

it('float64 between float32 inputs and outputs stays: digits may be what it is for', () => {
  const graph = new Graph();
  graph.inputs = [{ name: 'x', dtype: 'float32', shape: [2] }];
  graph.initializers.set('rates', Tensor.of('float64', [1, 1e-9]));
  const cast = (input: string, name: string, dtype: 'float32' | 'float64') =>
    graph.nodes.push({
      ...{ name, op: 'Cast', domain: '', inputs: [input], outputs: [name] },
      attrs: new Map([['to', { kind: 'int', value: onnxDataType(dtype) }]]),
    });
  cast('x', 'wide', 'float64');
  graph.nodes.push({ name: 'p', op: 'Mul', domain: '', inputs: ['wide', 'rates'], outputs: ['p'], attrs: new Map() });
  cast('p', 'y', 'float32');
  graph.outputs = [{ name: 'y', dtype: 'float32', shape: [2] }];
  expect(computeInFloat32(graph)).toBeUndefined();
  expect(graph.initializers.get('rates')!.dtype).toBe('float64');
});
