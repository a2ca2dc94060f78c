// Real exports of both PyTorch exporters: normalised, they compute what the file computes, and training finds its
// tensors under names that saving knows.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { DataType } from '#ortune/onnx/dtype.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { fileTensors, saveModel } from '#ortune/onnx/save.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { temporaryDirectory } from '../support/temporary.js';
import { run } from './support.js';

const fixtures = fileURLToPath(new URL('../fixtures/encoders', import.meta.url));
const directory = temporaryDirectory();

interface Golden {
  inputs: Record<string, { dtype: DataType; shape: number[]; data: number[] }>;
}

function feedsOf(file: string): Record<string, Tensor> {
  const golden = JSON.parse(readFileSync(join(fixtures, `${file.split('-')[0]}.golden.json`), 'utf8')) as Golden;
  return Object.fromEntries(
    Object.entries(golden.inputs).map(([name, t]) => [name, Tensor.of(t.dtype, t.data, t.shape)]),
  );
}

describe.each(readdirSync(fixtures).filter((f) => f.endsWith('.onnx')))('%s', (file) => {
  const model = openModel(join(fixtures, file));
  const graph = toGraph(model);
  const inputs = new Set(graph.inputs.map((v) => v.name));
  const feeds = Object.fromEntries(Object.entries(feedsOf(file)).filter(([name]) => inputs.has(name)));

  test('gives the same outputs as a graph of opset 21', async () => {
    const [before, after] = [await run(model.path, feeds), await run(encodeGraph(graph), feeds)];
    expect(after.logits!.dims).toEqual(before.logits!.dims);
    for (const [i, x] of before.logits!.data.entries()) expect(after.logits!.data[i]).toBeCloseTo(x, 6);
  });

  test('saves changed weights, which the stock runtime then computes with', async () => {
    const known = fileTensors(model);
    const weights = new Map(
      [...graph.initializers]
        .filter(([name, t]) => known.has(name) && t.dtype === 'float32' && t.shape.length >= 2)
        .map(([name, t]) => [
          name,
          Tensor.of(
            'float32',
            t.numbers().map((x) => x * 1.5),
            t.shape,
          ),
        ]),
    );
    expect(weights.size).toBeGreaterThan(8);
    mkdirSync(join(directory, file));
    const saved = join(directory, file, 'model.onnx');
    saveModel(model, saved, weights);
    for (const [name, tensor] of weights) graph.initializers.set(name, tensor);
    const [before, after] = [await run(encodeGraph(graph), feeds), await run(saved, feeds)];
    for (const [i, x] of before.logits!.data.entries()) expect(after.logits!.data[i]).toBeCloseTo(x, 5);
  });
});
