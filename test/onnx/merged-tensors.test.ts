// Tensors of BatchNormalization that an exporter merged are apart when a file is opened; what it computes stays the
// same.

import { describe, expect, it } from 'vitest';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { graphOf } from '#ortune/onnx/model.js';
import type { Tensor } from '#ortune/onnx/tensor.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { temporaryDirectory } from '../support/temporary.js';
import { buildIn, named, norm, trained } from './batch-norm-files.js';
import { x } from './opset-cases.js';
import { floats, node, run } from './support.js';

const build = buildIn(temporaryDirectory());
const ones = () => floats([1, 1, 1]);
const zeros = () => floats([0, 0, 0]);
const fresh = (layer: string): Record<string, Tensor> =>
  Object.fromEntries(named(layer).map((name, i) => [name, i % 3 === 0 ? ones() : zeros()]));
const inputsOf = (file: string): string[][] => {
  const nodes = graphOf(openModel(file)).node.filter((n) => n.opType === 'BatchNormalization');
  return nodes.map((n) => n.input.slice(1));
};

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
