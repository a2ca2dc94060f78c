// Stored weights as floats in the file's own graph: the file computes what it did but for the rounding of what is
// multiplied, everything trains, and a head's last layer alone may become floats.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toBinary } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import type { Graph } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { graphOf } from '#ortune/onnx/model.js';
import { ModelProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { dequantise, withFloatHead } from '#ortune/transfer/dequantise.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { storedTensors } from '#ortune/transfer/stored.js';
import { openStockModel, runStock } from '../support/onnxruntime.js';

const folder = fileURLToPath(new URL('../fixtures/quantised/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx') && !/rounded|qlinear/.test(name));
const arrays = { float32: Float32Array, int64: BigInt64Array };

interface Packed {
  dtype: keyof typeof arrays;
  shape: number[];
  bytes: string;
}
const unpack = ({ dtype, shape, bytes }: Packed): Tensor =>
  Tensor.view(dtype, shape, new arrays[dtype](Uint8Array.from(Buffer.from(bytes, 'base64')).buffer));

it.each(files)('%s computes with floats that train', async (file) => {
  const { model, note } = dequantise(openModel(join(folder, file)), {}, true);
  expect(note).toMatch(/^\d tensors of rounded numbers became floats/);
  const graph = toGraph(model);
  expect([...storedTensors(graph).keys()]).toEqual([]);
  expect(chooseParameters(model, graph).trainable.length).toBeGreaterThanOrEqual(8);
  const record = JSON.parse(readFileSync(join(folder, file.replace(/onnx$/, 'json')), 'utf8'));
  const inputs = new Map([['ids', unpack(record.inputs.ids)]]);
  const session = await openStockModel(toBinary(ModelProtoSchema, model.proto));
  const found = await session.run(inputs);
  await session.release();
  const expected = await runStock(unrounded(join(folder, file)), inputs);
  const [y, z] = [found, expected].map((outputs) => outputs.get('logits')!.numbers()) as [number[], number[]];
  for (const [i, v] of y.entries()) expect(Math.abs(v - z[i]!)).toBeLessThan(1e-5);
});

/** The graph that training has of a file, without what rounds as it runs. */
function unrounded(file: string): Graph {
  const graph = toGraph(openModel(file));
  for (const node of graph.nodes)
    if (node.op === 'DynamicFakeQuantize') Object.assign(node, { op: 'Identity', domain: '' });
  return specialize(graph, { ids: [3, 4] });
}

it.each(['dynamic-uint8.onnx', 'dynamic-fused.onnx'])('the last layer of %s alone becomes floats', (file) => {
  const { model, note } = withFloatHead(openModel(join(folder, file)));
  expect(note).toMatch(/the last layer has floats now/);
  const graph = toGraph(model);
  expect(graph.nodes.filter(({ op }) => op === 'DynamicFakeQuantize')).toHaveLength(2);
  expect(graphOf(model).initializer.some(({ dataType, dims }) => dataType === 1 && dims.join() === '32,3')).toBe(true);
});

it('numbers of another size than the node says stay what they are', () => {
  const model = openModel(join(folder, 'nbits4-b16.onnx'));
  for (const node of graphOf(model).node)
    for (const attribute of node.attribute) if (attribute.name === 'N') attribute.i = 2n ** 31n;
  expect(() => dequantise(model, {}, true)).toThrow(/no weights stored as rounded numbers that can become floats/);
});

it('a model of floats has nothing to become floats, and the head of floats stays', () => {
  const model = openModel(join(folder, 'rounded.onnx'));
  expect(() => dequantise(model, {}, true)).toThrow(/no weights stored as rounded numbers that can become floats/);
  expect(withFloatHead(model).model).toBe(model);
});
