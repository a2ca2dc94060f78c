// Which BatchNormalization layers take the statistics of the batch, and what becomes of running averages that layers
// share.

import { describe, expect, it } from 'vitest';
import { lower } from '#ortune/lower/lower.js';
import { Builder, float } from '#ortune/onnx/builder.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { chooseStatistics, useBatchStatistics } from '#ortune/transfer/batch-norm.js';
import { runStock } from '../support/onnxruntime.js';

const shape = [3, 2, 2];
const momentum = 0.75;
const x = Tensor.of(
  'float32',
  Array.from({ length: 12 }, (_, i) => Math.sin(3 * i) + i / 10),
  shape,
);

/** Layers one after the other, each with the tensors of the named ones. */
function layers(names: readonly string[]): Builder {
  const graph = new Graph();
  graph.inputs.push({ name: 'x', dtype: 'float32', shape });
  graph.types.set('x', { dtype: 'float32', shape });
  const values = { weight: [1.5, 0.5], bias: [0.25, -1], running_mean: [0.5, 1], running_var: [2, 3] };
  for (const name of names)
    for (const [part, data] of Object.entries(values)) {
      graph.initializers.set(`${name}.${part}`, Tensor.of('float32', data));
      graph.types.set(`${name}.${part}`, { dtype: 'float32', shape: [2] });
    }
  const b = new Builder(graph);
  const attrs = { momentum: float(momentum), epsilon: float(1e-3) };
  const parts = Object.keys(values);
  const y = names.reduce((from, name) => {
    return b.op('BatchNormalization', [from, ...parts.map((part) => `${name}.${part}`)], attrs);
  }, 'x');
  graph.outputs = [{ name: y, dtype: 'float32', shape }];
  return b;
}

const chosen = (names: string[], trainable: string[], mode: 'batch' | 'frozen' = 'batch') => {
  const { updated, kept, notes } = chooseStatistics(layers(names).graph, new Set(trainable), mode);
  return { updated: updated.map((s) => s.name), kept: kept.map((s) => s.name), notes };
};
const of = (layer: string) => [`${layer}.running_mean`, `${layer}.running_var`];

describe('statistics of the batch', () => {
  it('are taken where scale or bias trains', () => {
    const found = chosen(['a', 'b', 'c'], ['a.weight', 'b.bias']);
    expect(found).toMatchObject({ updated: [...of('a'), ...of('b')], kept: of('c') });
    expect(found.notes).toEqual([
      expect.stringMatching(/^2 BatchNormalization layers normalise by the statistics of each batch while training/),
      expect.stringMatching(
        /^1 BatchNormalization layer keeps the statistics of the file, as scale and bias do not train$/,
      ),
    ]);
  });

  it('are taken nowhere with batchNorm frozen', () => {
    const found = chosen(['a', 'b'], ['a.weight', 'b.weight'], 'frozen');
    expect(found).toMatchObject({ updated: [], kept: [...of('a'), ...of('b')] });
    expect(found.notes).toEqual([expect.stringMatching(/^2 .* as batchNorm frozen says$/)]);
  });

  it('are not those of a layer that an exporter folded into a convolution, which is said', () => {
    const graph = new Graph();
    const attrs = new Map();
    for (const [i, inputs] of [
      ['x', 'onnx::Conv_32', 'onnx::Conv_33'],
      ['c', 'c.weight', 'c.weight_bias'],
      ['d', 'd.weight', 'd.bias'],
    ].entries())
      graph.nodes.push({ name: `conv${i}`, op: 'Conv', domain: '', inputs, outputs: [`y${i}`], attrs });
    const { notes } = chooseStatistics(graph, new Set(), 'batch');
    expect(notes).toEqual([expect.stringMatching(/^BatchNormalization seems to be folded into 2 of the convolutions/)]);
  });
});

/** Mean and variance of each channel, the variance times n/(n − 1). */
function measured(values: readonly number[]): { mean: number[]; variance: number[] } {
  const channels = [0, 1].map((c) => values.filter((_, i) => Math.floor(i / 2) % 2 === c));
  const mean = channels.map((v) => v.reduce((a, b) => a + b) / v.length);
  return { mean, variance: channels.map((v, c) => v.reduce((a, b) => a + (b - mean[c]!) ** 2, 0) / (v.length - 1)) };
}

it('running averages that two layers share are updated one after the other', async () => {
  const b = layers(['a', 'a', 'b']);
  const { graph } = b;
  const updates = useBatchStatistics(b, new Set(of('a')));
  expect([...updates.keys()]).toEqual(of('a'));
  expect(graph.nodes.map((n) => n.op)).toEqual(['BatchNorm', 'BatchNorm', 'BatchNormalization']);
  const between = graph.nodes[0]!.outputs[0]!;
  for (const name of [between, ...updates.values()])
    graph.outputs.push({ name, ...b.type(name), shape: [...b.shape(name)] });
  lower(graph, new Set());
  const found = await runStock(graph, new Map([['x', x]]));
  const [first, second] = [x, found.get(between)!].map((t) => measured(t.numbers()));
  const average = (before: number, batches: number[]) =>
    batches.reduce((a, m) => momentum * a + (1 - momentum) * m, before);
  for (const [c, before] of [0.5, 1].entries())
    expect(found.get(updates.get('a.running_mean')!)!.numbers()[c]).toBeCloseTo(
      average(before, [first!.mean[c]!, second!.mean[c]!]),
      5,
    );
  for (const [c, before] of [2, 3].entries())
    expect(found.get(updates.get('a.running_var')!)!.numbers()[c]).toBeCloseTo(
      average(before, [first!.variance[c]!, second!.variance[c]!]),
      5,
    );
});

it('a batch with one value for each channel is refused by the layer, and says what to do', () => {
  const b = layers(['a']);
  b.graph.types.set('x', { dtype: 'float32', shape: [1, 2, 1] });
  expect(() => useBatchStatistics(b, new Set(of('a')))).toThrow(
    /node 'BatchNormalization' \(ortune.BatchNorm\): expected more than one value per channel.*\[1,2,1\].*larger batches.*batchNorm to frozen/,
  );
});
