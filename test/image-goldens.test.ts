// Exported convolutional networks and a vision transformer against PyTorch in float64 (fixtures/cnn, made by make.py
// there), on the stock runtime: reading old opsets, shapes, choice of parameters and every gradient.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { gradcheckModel } from '#ortune/commands/gradcheck.js';
import { fuseAttention } from '#ortune/lower/attention.js';
import { lower } from '#ortune/lower/lower.js';
import { Builder } from '#ortune/onnx/builder.js';
import { type Graph, prune } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { recognisePatterns } from '#ortune/onnx/restore/restore.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { type Place, readSafetensors, relativeError } from './golden.js';
import { runStock } from './support/onnxruntime.js';

const models = ['residual', 'mobile', 'unet', 'vit'];
const fixtures = models.flatMap((model) => ['torchscript', 'dynamo'].map((exporter) => `${model}-${exporter}`));
const path = (file: string): string => fileURLToPath(new URL(`./fixtures/cnn/${file}`, import.meta.url));
const norm = (values: ArrayLike<number>): number => Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));

interface Golden {
  opset: number;
  parameters: { name: string; shape: number[]; in: Place }[];
}

/** The fixture at its own batch of 2, ready for gradients, with its trainable tensors. */
function open(name: string): { graph: Graph; trained: string[]; reasons: string[] } {
  const model = openModel(path(`${name}.onnx`));
  const source = toGraph(model);
  const { trainable, leftOut } = chooseParameters(model, source);
  const trained = trainable.map((p) => p.name);
  const graph = specialize(source, { x: [2, 3, 16, 16] }, { trainable: new Set(trained) });
  recognisePatterns(graph);
  return { graph, trained, reasons: leftOut.map(({ reason }) => reason) };
}

/** Values of a row-major matrix in the order of its transpose. */
const transposed = (values: number[], [rows, columns]: readonly number[]): number[] =>
  values.map((_, i) => values[(i % rows!) * columns! + Math.floor(i / rows!)]!);

describe.each(fixtures)('%s', (name) => {
  const golden: Golden = JSON.parse(readFileSync(path(`${name}.golden.json`), 'utf8'));
  const values = readSafetensors(path(`${name}.golden.safetensors`));

  it('trains the parameters of the module, and nothing else', () => {
    expect(open(name).trained.toSorted()).toEqual(golden.parameters.map((p) => p.in.name).toSorted());
  });

  it('gives the output and every gradient of PyTorch', async () => {
    const { graph, trained } = open(name);
    const b = new Builder(graph);
    const y = graph.outputs[0]!.name;
    const seed = b.constant(Tensor.of('float32', values.get('projection')!, b.shape(y)));
    const gradients = backward(b, y, trained, { seed });
    graph.outputs.push(...[...gradients.values()].map((g) => ({ name: g, ...b.type(g), shape: [...b.shape(g)] })));
    prune(graph);
    lower(graph, new Set());
    const results = await runStock(graph, new Map([['x', Tensor.of('float32', values.get('x')!, [2, 3, 16, 16])]]));
    expect(relativeError(results.get(y)!.numbers(), values.get('y')!)).toBeLessThan(1e-5);

    const expected = (parameter: string) => values.get(`gradient.${parameter}`)!;
    const all = norm(golden.parameters.map((p) => norm(expected(p.name))));
    for (const { name: parameter, shape, in: place } of golden.parameters) {
      const found = results.get(gradients.get(place.name)!)!.numbers();
      const mine = place.transposed ? transposed(found, [...shape].reverse()) : found;
      const wanted = expected(parameter);
      const error = norm(mine.map((v, i) => v - wanted[i]!)) / Math.max(norm(wanted), 1e-4 * all);
      expect(error, parameter).toBeLessThan(2e-5);
    }
  });

  it('passes the gradient check of the command line', async () => {
    for (const batchNorm of ['frozen', 'batch'] as const) {
      const result = await gradcheckModel(path(`${name}.onnx`), {
        input: [`x=${batchNorm === 'batch' ? 4 : 2}x3x16x16`],
        batchNorm,
      });
      expect(result.checked).toBe(golden.parameters.length);
      expect(result.parameters.filter((p) => !(p.relativeError <= result.tolerance))).toEqual([]);
    }
  });
});

it('leaves statistics alone and says so', () => {
  const { reasons } = open('residual-torchscript');
  expect(reasons).toHaveLength(12);
  expect(new Set(reasons.map((r) => r.replace(/.* reads it as/, '')))).toEqual(
    new Set([' the mean of its channels, which is not trained', ' the variance of its channels, which is not trained']),
  );
});

it.each(['torchscript', 'dynamo'])('finds the attention and the normalisations of a vision transformer by %s', (by) => {
  const { graph } = open(`vit-${by}`);
  fuseAttention(new Builder(graph), new Set());
  prune(graph);
  const ops = graph.nodes.map((n) => n.op);
  expect(ops.filter((op) => op === 'LayerNormalization')).toHaveLength(3);
  expect(ops.filter((op) => op === 'Gelu')).toHaveLength(1);
  expect(ops.filter((op) => op === 'Attention')).toHaveLength(1);
});
