// Floats of stored weights rounded again as the file had them: without training the same bytes, with changed weights
// the nearest numbers in the same blocks, and the stock runtime opens the file.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toBinary } from '@bufbuild/protobuf';
import { afterAll, expect, it } from 'vitest';
import { decodeTensor } from '#ortune/onnx/decode.js';
import { openModel } from '#ortune/onnx/load.js';
import { graphOf, type Model } from '#ortune/onnx/model.js';
import { ModelProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { dequantise, requantise } from '#ortune/transfer/dequantise.js';
import { writeModelDirectory } from '#ortune/transfer/directory.js';
import { openStockModel } from '../support/onnxruntime.js';

const folder = fileURLToPath(new URL('../fixtures/quantised/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx') && !/rounded|qlinear/.test(name));
const directory = mkdtempSync(join(tmpdir(), 'ortune-requantise-'));
afterAll(() => rmSync(directory, { recursive: true }));

const tensorsOf = (model: Model) =>
  new Map(graphOf(model).initializer.map((t) => [t.name, decodeTensor(t, t.name, model)]));
const logitsOf = async (model: Model): Promise<number[]> => {
  const session = await openStockModel(toBinary(ModelProtoSchema, model.proto));
  const ids = Tensor.of('int64', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0], [3, 4]);
  const found = await session.run(new Map([['ids', ids]]));
  await session.release();
  return found.get('logits')!.numbers();
};

/** Writes a file with its floats changed and rounded again. */
function written(file: string, change: (v: number, i: number) => number) {
  const before = openModel(join(folder, file));
  const floats = requantise(dequantise(before, {}, true).model, {}, true).model;
  const own = tensorsOf(before);
  const made = [...tensorsOf(floats)].filter(([name, { dtype }]) => !own.has(name) && dtype === 'float32');
  const weights = new Map(
    made.map(([name, w]) => [name, Tensor.of('float32', w.numbers().map(change), w.shape)] as const),
  );
  const notes: string[] = [];
  const place = join(directory, file);
  writeModelDirectory(floats, place, weights, { config: {}, onNote: (note) => void notes.push(note) });
  return { before, after: openModel(place), weights, notes };
}

it.each(files)('%s: what has not changed has the same bytes and nodes', (file) => {
  const { before, after, notes } = written(file, (v) => v);
  expect(notes[0]).toMatch(/^\d tensors were rounded again: .* differ from the trained ones by 0\.00 %/);
  const [own, found] = [tensorsOf(before), tensorsOf(after)];
  expect([...found.keys()].sort()).toEqual([...own.keys()].sort());
  for (const [name, tensor] of found) expect(tensor.bytes(), name).toEqual(own.get(name)!.bytes());
  const nodes = (model: Model) =>
    graphOf(model)
      .node.map(({ opType, output }) => `${opType} ${output}`)
      .sort();
  expect(nodes(after)).toEqual(nodes(before));
});

it.each(files)('%s: weights that have grown and moved are the nearest numbers again', async (file) => {
  const bits = /4/.test(file) ? 4 : 8;
  const { before, after, weights, notes } = written(file, (v, i) => 1.7 * v + 0.02 * Math.sin(i));
  const [, mean, worst] = notes[0]!.match(/by ([\d.]+) % of their norm on average, and by ([\d.]+) %/)!;
  // Half a step of 2^bits over a range of about four to six deviations.
  const most = bits === 4 ? 15 : 2;
  expect(Number(mean)).toBeGreaterThan(0);
  expect(Number(worst)).toBeLessThan(most);
  const [own, found] = [tensorsOf(before), tensorsOf(after)];
  for (const [name, { dtype, shape }] of found) {
    expect([dtype, shape], name).toEqual([own.get(name)!.dtype, own.get(name)!.shape]);
    if (weights.has(name)) throw new Error(`${name} is still there as floats`);
  }
  // Opened again, the numbers stand for about the weights that were written.
  const again = tensorsOf(dequantise(after, {}, true).model);
  for (const [name, w] of weights) {
    const [trained, rounded] = [w.numbers(), again.get(name)!.numbers()];
    const norm = (values: number[]) => Math.hypot(...values);
    const error = norm(trained.map((v, i) => v - rounded[i]!)) / norm(trained);
    expect(100 * error, name).toBeLessThan(most);
  }
  expect((await logitsOf(after)).every(Number.isFinite)).toBe(true);
});

it('rounds nothing again of a file whose weights were not made floats', () => {
  const model = openModel(join(folder, 'nbits4-b16.onnx'));
  expect(() => requantise(model, {}, true)).toThrow(/requantise: rounds again what dequantise made floats of/);
  const plain = dequantise(model, {}, true).model;
  expect(requantise(plain, {}, undefined).model.wasStored).toBeUndefined();
});
