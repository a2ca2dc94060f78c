// BatchNormalization nodes of a file: in inference form however they were exported, and with tensors of their own where an
// exporter merged equal ones. What the graph computes stays the same.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type AttrInput, float } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { graphOf } from '#ortune/onnx/model.js';
import type { NodeProto } from '#ortune/onnx/onnx_pb.js';
import { saveModel } from '#ortune/onnx/save.js';
import type { Tensor } from '#ortune/onnx/tensor.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { positive, x } from './opset-cases.js';
import { floats, initializer, modelProto, node, run, temporaryDirectory, value, writeModel } from './support.js';

const directory = temporaryDirectory();
let files = 0;

interface Built {
  nodes: NodeProto[];
  tensors: Record<string, Tensor>;
  outputs?: string[];
  opset?: number;
}

/** A model of x [2, 3, 4], as a file. */
const build = ({ nodes, tensors, outputs = ['y'], opset = 17 }: Built): string =>
  writeModel(
    join(directory, `${files++}.onnx`),
    modelProto({
      nodes,
      inputs: [value('x', 'float32', ['batch', 3, 4])],
      outputs: outputs.map((name) => value(name, 'float32', undefined)),
      initializers: Object.entries(tensors).map(([name, tensor]) => initializer(name, tensor)),
      opset,
    }),
  );
const norm = (from: string, to: string | string[], tensors: string[], attrs: Record<string, AttrInput> = {}) =>
  node('BatchNormalization', [from, ...tensors], [to].flat(), attrs);
const named = (layer: string) => ['weight', 'bias', 'running_mean', 'running_var'].map((part) => `${layer}.${part}`);
const trained = (layer: string): Record<string, Tensor> =>
  Object.fromEntries(named(layer).map((name, i) => [name, i < 3 ? x(3) : positive(3)]));
const ones = () => floats([1, 1, 1]);
const zeros = () => floats([0, 0, 0]);
const fresh = (layer: string): Record<string, Tensor> =>
  Object.fromEntries(named(layer).map((name, i) => [name, i % 3 === 0 ? ones() : zeros()]));
const inputsOf = (file: string): string[][] => {
  const nodes = graphOf(openModel(file)).node.filter((n) => n.opType === 'BatchNormalization');
  return nodes.map((n) => n.input.slice(1));
};

describe('a file exported in training mode', () => {
  const outputs = ['y', 'mean', 'variance', 'savedMean', 'savedVariance'];

  it.each([
    ['since opset 14 by an attribute', 17, 3, { training_mode: 1 }],
    ['before by more outputs', 11, 5, {}],
  ])('says so %s, and is saved in inference form', async (_, opset, count, attrs) => {
    const nodes = (outs: string[], more: Record<string, AttrInput>) => [
      norm('x', outs, named('bn'), { ...more, momentum: float(0.7), epsilon: float(1e-3) }),
    ];
    const tensors = trained('bn');
    const file = build({ nodes: nodes(outputs.slice(0, count), attrs), tensors, opset });
    const plain = build({ nodes: nodes(['y'], {}), tensors, opset });
    const model = openModel(file);
    const saved = join(directory, `saved-${opset}.onnx`);
    saveModel(model, saved, new Map());
    const feeds = { x: x(2, 3, 4) };
    const expected = (await run(plain, feeds)).y!.data;
    expect((await run(saved, feeds)).y!.data).toEqual(expected);
    const graph = toGraph(model);
    expect(graph.nodes[0]).toMatchObject({ op: 'BatchNormalization', outputs: ['y'] });
    expect(graph.nodes[0]!.attrs.get('momentum')?.value).toBeCloseTo(0.7);
    for (const [k, v] of (await run(encodeGraph(graph), feeds)).y!.data.entries())
      expect(v).toBeCloseTo(expected[k]!, 5);
  });

  it('keeps outputs of running averages, which inference leaves as they are', async () => {
    const nodes = [norm('x', outputs.slice(0, 3), named('bn'), { training_mode: 1 })];
    const tensors = trained('bn');
    const graph = toGraph(openModel(build({ nodes, tensors, outputs: outputs.slice(0, 3) })));
    const found = await run(encodeGraph(graph), { x: x(2, 3, 4) });
    expect(found.mean!.data).toEqual(tensors['bn.running_mean']!.numbers());
    expect(found.variance!.data).toEqual(tensors['bn.running_var']!.numbers());
  });

  it('is refused where the statistics of a batch are read', () => {
    const nodes = [norm('x', outputs, named('bn')), node('Sqrt', ['savedVariance'], ['deviation'])];
    const file = build({ nodes, tensors: trained('bn'), outputs: ['y', 'deviation'], opset: 9 });
    expect(() => openModel(file)).toThrow(/'savedVariance', the statistics of a batch.*evaluation mode/);
  });
});

describe('tensors that an exporter merged', () => {
  it('have their names again where those were kept', () => {
    // As TorchScript writes a model that is fresh: one 1 and one 0.
    const nodes = [
      ...['bn1.running_var', 'bn2.weight', 'bn2.running_var'].map((name) => node('Identity', ['bn1.weight'], [name])),
      ...['bn1.running_mean', 'bn2.bias', 'bn2.running_mean'].map((name) => node('Identity', ['bn1.bias'], [name])),
      norm('x', 'h', named('bn1')),
      norm('h', 'g', named('bn2')),
      norm('g', 'y', named('bn2')),
    ];
    const file = build({ nodes, tensors: { 'bn1.weight': ones(), 'bn1.bias': zeros() } });
    expect(inputsOf(file)).toEqual([named('bn1'), named('bn2'), named('bn2')]);
    const model = openModel(file);
    const { trainable } = chooseParameters(model, toGraph(model));
    expect(trainable.map((p) => p.name).sort()).toEqual(['bn1.bias', 'bn1.weight', 'bn2.bias', 'bn2.weight']);
  });

  it('are apart by role and layer where they were not', async () => {
    const merged = ['bn1.weight', 'bn1.bias', 'bn1.bias', 'bn1.weight'];
    const nodes = [norm('x', 'h', merged), node('Add', ['h', 'add'], ['g']), norm('g', 'y', merged)];
    const file = build({ nodes, tensors: { 'bn1.weight': ones(), 'bn1.bias': zeros(), add: floats([3], [1]) } });
    const inputs = inputsOf(file);
    expect(inputs[0]).toEqual(named('bn1'));
    expect(new Set(inputs.flat()).size).toBe(8);
    const feeds = { x: x(2, 3, 4) };
    const graph = toGraph(openModel(file));
    expect((await run(encodeGraph(graph), feeds)).y!.data).toEqual((await run(file, feeds)).y!.data);
  });

  it('leave the tensor to what else reads it', () => {
    const tensors = { w: x(3, 3, 1), zero: zeros(), ...trained('bn') };
    const parts = ['bn.weight', 'zero', 'bn.running_mean', 'bn.running_var'];
    const nodes = [node('Conv', ['x', 'w', 'zero'], ['h']), norm('h', 'y', parts)];
    expect(inputsOf(build({ nodes, tensors }))).toEqual([
      ['bn.weight', 'zero.bias', 'bn.running_mean', 'bn.running_var'],
    ]);
  });

  it('are none where equal ones were left, or where they are trained: a layer that is applied twice', () => {
    const twice = (layer: string) => [
      norm('x', 'h', named(layer)),
      norm('h', 'g', named(layer)),
      norm('g', 'y', named('other')),
    ];
    const expected = (layer: string) => [named(layer), named(layer), named('other')];
    expect(inputsOf(build({ nodes: twice('bn'), tensors: { ...fresh('bn'), ...fresh('other') } }))).toEqual(
      expected('bn'),
    );
    expect(inputsOf(build({ nodes: twice('bn'), tensors: { ...trained('bn'), ...trained('other') } }))).toEqual(
      expected('bn'),
    );
  });
});
