// Which tensors of a convolutional network are weights, wherever the file keeps them.

import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { type AttrInput, float } from '#ortune/onnx/builder.js';
import { checkModel, openModel, toGraph } from '#ortune/onnx/load.js';
import type { Model } from '#ortune/onnx/model.js';
import { type NodeProto, ValueInfoProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { saveModel } from '#ortune/onnx/save.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { initializer, modelProto, node, value, writeModel } from '../onnx/support.js';
import { temporaryDirectory } from '../support/temporary.js';

const count = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);
const tensor = (...shape: number[]): Tensor =>
  Tensor.of(
    'float32',
    Array.from({ length: count(shape) }, (_, i) => Math.sin(i + count(shape))),
    shape,
  );
const ones = (length: number) => Tensor.of('float32', new Float32Array(length).fill(1));
const zeros = (length: number) => Tensor.of('float32', new Float32Array(length));

/**
 * A chain of operators from x to y; each reads the value before it and these tensors, as `constants` or initializers.
 */
function chain(
  steps: [op: string, tensors: Record<string, Tensor>, attrs?: Record<string, AttrInput>][],
  constants: readonly string[] = [],
): Model {
  const nodes: NodeProto[] = [];
  const tensors = new Map<string, Tensor>();
  for (const [i, [op, given, attrs]] of steps.entries()) {
    for (const [name, t] of Object.entries(given)) {
      if (constants.includes(name)) nodes.push(node('Constant', [], [name], { value: t }));
      else tensors.set(name, t);
    }
    const [from, to] = [i === 0 ? 'x' : `v${i}`, i === steps.length - 1 ? 'y' : `v${i + 1}`];
    nodes.push(node(op, [from, ...Object.keys(given)], [to], attrs, { name: `${op}_${i}` }));
  }
  const proto = modelProto({
    nodes,
    inputs: [value('x', 'float32', [1, 2, 4, 4])],
    outputs: [value('y', 'float32', undefined)],
    initializers: [...tensors].map(([name, t]) => initializer(name, t)),
    opset: 21,
  });
  const model = { path: 'memory.onnx', directory: '.', proto };
  checkModel(model);
  return model;
}

const choose = (model: Model) => {
  const { trainable, leftOut } = chooseParameters(model, toGraph(model));
  return { names: trainable.map((p) => p.name), reasons: new Map(leftOut.map((l) => [l.name, l.reason])) };
};

test('filters, scales, slopes and biases are trained; statistics are not, and say why', () => {
  const model = chain([
    ['Conv', { 'conv.weight': tensor(4, 2, 1, 1), 'conv.bias': tensor(4) }],
    ['BatchNormalization', { 'bn.weight': ones(4), 'bn.bias': zeros(4), 'bn.mean': tensor(4), 'bn.var': ones(4) }],
    ['PRelu', { 'act.weight': tensor(4, 1, 1) }],
    ['ConvTranspose', { 'up.weight': tensor(4, 4, 2, 2), 'up.bias': tensor(4) }],
    ['InstanceNormalization', { 'in.weight': tensor(4), 'in.bias': tensor(4) }],
    ['GroupNormalization', { 'gn.weight': tensor(4), 'gn.bias': tensor(4) }, { num_groups: 2, epsilon: float(1e-3) }],
  ]);
  const { names, reasons } = choose(model);
  expect(names).toEqual([
    ...['conv.weight', 'conv.bias', 'bn.weight', 'bn.bias', 'act.weight'],
    ...['up.weight', 'up.bias', 'in.weight', 'in.bias', 'gn.weight', 'gn.bias'],
  ]);
  expect([...reasons]).toEqual([
    ['bn.mean', "BatchNormalization 'BatchNormalization_1' reads it as the mean of its channels, which is not trained"],
    [
      'bn.var',
      "BatchNormalization 'BatchNormalization_1' reads it as the variance of its channels, which is not trained",
    ],
  ]);
});

test('a tensor that an exporter shared between a scale and a variance is a statistic', () => {
  const model = chain([
    ['Conv', { w: tensor(4, 2, 1, 1) }],
    ['BatchNormalization', { 'bn.weight': ones(4), 'bn.bias': tensor(4), 'bn.mean': tensor(4), 'bn.var': ones(4) }],
  ]);
  const batch = model.proto.graph!.node[1]!;
  batch.input[4] = 'bn.weight';
  const { names, reasons } = choose(model);
  expect(names).toEqual(['w', 'bn.bias']);
  expect(reasons.get('bn.weight')).toMatch(/the variance of its channels/);
});

test('what looks at its shape alone does not keep a tensor from being a weight', () => {
  const model = chain([['Conv', { w: tensor(4, 2, 1, 1) }]]);
  const { node: nodes, output } = model.proto.graph!;
  nodes.push(node('Shape', ['w'], ['shape'], { end: 1 }), node('ConstantOfShape', ['shape'], ['zero']));
  nodes.push(node('Size', ['w'], ['size']), node('Cast', ['size'], ['count'], { to: 1 }));
  output.push(...['zero', 'count'].map((name) => create(ValueInfoProtoSchema, value(name, 'float32', undefined))));
  expect(choose(model).names).toEqual(['w']);
});

test('the ones and zeros of a normalisation without weights are no weights', () => {
  const model = chain([
    ['Conv', { w: tensor(4, 2, 1, 1) }],
    ['InstanceNormalization', { one: ones(4), zero: zeros(4) }],
  ]);
  const { names, reasons } = choose(model);
  expect(names).toEqual(['w']);
  expect(reasons.get('one')).toMatch(/has it at 1 all over: a normalisation without weights/);
  expect(reasons.get('zero')).toMatch(/has it at 0 all over/);
});

test('one number is a weight where only a weight can stand, and where no arithmetic explains it', () => {
  const model = chain(
    [
      ['Conv', { w: tensor(1, 2, 1, 1), bias: tensor(1) }],
      ['PRelu', { slope: Tensor.of('float32', [0.25]) }],
      ['Mul', { root: Tensor.of('float32', [Math.SQRT1_2]) }],
      ['Add', { epsilon: Tensor.scalar('float32', 1e-6) }],
      ['Mul', { constant: tensor(1) }],
      ['Mul', { 'onnx::Mul_7': Tensor.scalar('float32', 0.1234567) }],
      ['Mul', { logit_scale: Tensor.scalar('float32', 2.6589) }],
    ],
    ['constant'],
  );
  const { names, reasons } = choose(model);
  expect(names).toEqual(['w', 'bias', 'slope', 'logit_scale']);
  expect(reasons.size).toBe(0);
});

test('how much each class of a loss counts is not trained', () => {
  const model = chain([
    ['Conv', { w: tensor(4, 2, 1, 1) }],
    ['SoftmaxCrossEntropyLoss', { labels: Tensor.of('int64', new Array(16).fill(1), [1, 4, 4]), weights: tensor(4) }],
  ]);
  const { names, reasons } = choose(model);
  expect(names).toEqual(['w']);
  expect(reasons.get('weights')).toMatch(/reads it as how much each class counts, which is not trained/);
});

test('what is subtracted from the input is its mean, unless the input is spread out over it', () => {
  const rest: Parameters<typeof chain>[0] = [['Mul', { scale: tensor(4) }]];
  const { names, reasons } = choose(chain([['Sub', { mean: tensor(4) }], ...rest]));
  expect(names).toEqual(['scale']);
  expect(reasons.get('mean')).toMatch(/by which an input is normalised/);
  for (const axis of [-1, 4]) {
    const spread = chain([
      ['Unsqueeze', { axes: Tensor.of('int64', [axis]) }],
      ['Sub', { centres: tensor(5) }],
      ['Exp', {}],
    ]);
    expect(choose(spread).names).toEqual(['centres']);
    const moved = chain([
      ['Unsqueeze', { axes: Tensor.of('int64', [axis - 1]) }],
      ['Sub', { mean: tensor(4) }],
      ...rest,
    ]);
    expect(choose(moved).names).toEqual(['scale']);
  }
});

test('weights in Constant nodes are trained and saved there', () => {
  const model = chain(
    [
      ['Conv', { w: tensor(4, 2, 1, 1), bias: tensor(4) }],
      ['PRelu', { slope: tensor(4, 1, 1) }],
    ],
    ['w', 'slope'],
  );
  expect(choose(model).names).toEqual(['bias', 'w', 'slope']);
  const file = join(temporaryDirectory(), 'constants.onnx');
  const source = { ...model, path: writeModel(file, model.proto) };
  const trained = Tensor.of('float32', new Float32Array(8).fill(7), [4, 2, 1, 1]);
  saveModel(source, file, new Map([['w', trained]]));
  const saved = openModel(file);
  expect(saved.proto.graph!.node.map((n) => n.opType)).toEqual(['Constant', 'Conv', 'Constant', 'PRelu']);
  const { initializers } = toGraph(saved);
  expect(initializers.get('w')!.numbers()).toEqual(trained.numbers());
  expect(initializers.get('slope')!.numbers()).toEqual(tensor(4, 1, 1).numbers());
});

test("a constant of BART's kind is none, whether its name was kept, merged or lost", () => {
  const row = () => Tensor.of('float32', new Float32Array(4), [1, 4]);
  for (const name of ['m.final_logits_bias', 'm.final_logits_bias_merged_0', 'onnx::Add_709_merged_57']) {
    const model = chain([
      ['MatMul', { w: tensor(4, 4) }],
      ['Add', { [name]: row() }],
    ]);
    const { names, reasons } = choose(model);
    expect(names).toEqual(['w']);
    expect(reasons.get(name)).toMatch(/a constant of BART's kind|a row of zeros that is added/);
  }
  const learned = chain([['Add', { 'onnx::Add_7': tensor(1, 4) }]]);
  expect(choose(learned).names).toEqual(['onnx::Add_7']);
});
