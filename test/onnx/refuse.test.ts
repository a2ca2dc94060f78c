import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ModelError } from '#ortune/errors.js';
import { checkModel, openModel, toGraph } from '#ortune/onnx/load.js';
import {
  AttributeProtoSchema,
  type ModelProto,
  NodeProtoSchema,
  TrainingInfoProtoSchema,
} from '#ortune/onnx/onnx_pb.js';
import { temporaryDirectory } from '../support/temporary.js';
import { floats, initializer, linear, node, writeModel } from './support.js';

const directory = temporaryDirectory();
const w = initializer('w', floats([1, 2, 3, 4, 5, 6], [2, 3]));
const b = initializer('b', floats([0.5, -1, 2]));
const open = (proto: ModelProto) => openModel(writeModel(join(directory, 'model.onnx'), proto));
const withNode = (op: string, domain = '') =>
  linear(w, b, { nodes: [node(op, ['x'], ['y'], {}, { name: 'the-node', domain })] });

test.each([
  ['QOrderedMatMul', 'com.microsoft'],
  ['QMoE', 'com.microsoft'],
  ['MatMulFpQ4', 'com.microsoft'],
])('the quantised operator %s of domain "%s" is refused by name', (op, domain) => {
  expect(() => open(withNode(op, domain))).toThrow(ModelError);
  expect(() => open(withNode(op, domain))).toThrow(new RegExp(`is quantised: node 'the-node' is .*${op}, .*float32`));
});

test.each([
  ['QuickGelu', ['x']],
  ['FusedMatMul', ['x', 'w']],
  ['SkipLayerNormalization', ['x', 'x', 'b']],
  ['CDist', ['x', 'x']],
] as const)('com.microsoft.%s is not quantised', (op, inputs) => {
  const nodes = [node(op, [...inputs], ['y'], {}, { name: 'the-node', domain: 'com.microsoft' })];
  expect(open(linear(w, b, { nodes })).proto.graph!.node).toHaveLength(1);
});

test('a sub-graph in an attribute of an operator that is none of If, Loop and Scan is refused', () => {
  const proto = withNode('Custom', 'com.example');
  const attribute = create(AttributeProtoSchema, { name: 'body', type: 5, g: { name: 'g' } });
  proto.graph!.node[0]!.attribute.push(attribute);
  expect(() => open(proto)).toThrow(
    /\(com.example.Custom\) holds a sub-graph in its attribute 'body', .* those of If, Loop and Scan/,
  );
  proto.graph!.node[0]!.opType = 'SequenceMap';
  proto.graph!.node[0]!.domain = '';
  expect(() => open(proto)).toThrow(/\(SequenceMap\) holds a sub-graph in its attribute 'body'/);
});

test('sparse tensors are refused', () => {
  const constant = create(NodeProtoSchema, {
    opType: 'Constant',
    output: ['y'],
    attribute: [{ name: 'sparse_value', type: 11, sparseTensor: { dims: [3n] } }],
  });
  expect(() => open(linear(w, b, { nodes: [constant] }))).toThrow(/that computes 'y' \(Constant\) is a sparse tensor/);
  const proto = linear(w, b);
  proto.graph!.sparseInitializer.push({ ...constant.attribute[0]!.sparseTensor!, values: w });
  expect(() => open(proto)).toThrow(/sparse initializer 'w'/);
});

describe("ONNX Runtime's training artifacts", () => {
  test.each([
    ['ai.onnx.training', 'Gradient'],
    ['ai.onnx.preview.training', 'Adam'],
    ['com.microsoft', 'LayerNormalizationGrad'],
    ['com.microsoft', 'InPlaceAccumulatorV2Gradient'],
    ['com.microsoft', 'AdamWOptimizer'],
  ])('%s.%s', (domain, op) => {
    expect(() => open(withNode(op, domain))).toThrow(
      new RegExp(`is a training artifact \\(node 'the-node' is ${domain}.${op}`),
    );
  });

  test('training_info', () => {
    const info = create(TrainingInfoProtoSchema, {});
    expect(() => open(linear(w, b, { more: { trainingInfo: [info] } }))).toThrow(
      /is a training artifact; expected the forward model/,
    );
  });

  test('a checkpoint file', () => {
    const file = join(directory, 'weights.ckpt');
    writeFileSync(file, 'x');
    expect(() => openModel(file)).toThrow(/is a checkpoint of ONNX Runtime's training API/);
  });
});

describe('opsets', () => {
  test.each([6, 26])('%i is refused with the range', (opset) => {
    expect(() => open(linear(w, b, { opset }))).toThrow(new RegExp(`uses opset ${opset}; expected 7 to 25`));
  });

  test.each([7, 14, 17, 21, 25])('%i opens', (opset) => {
    expect(toGraph(open(linear(w, b, { opset }))).opset).toBe(21);
  });

  test('"ai.onnx" names the default domain', () => {
    expect(
      toGraph(open(linear(w, b, { more: { opsetImport: [{ domain: 'ai.onnx', version: 18n }] } }))).nodes,
    ).toHaveLength(2);
  });

  test('none at all is damage', () => {
    expect(() => open(linear(w, b, { more: { opsetImport: [] } }))).toThrow(/does not say which opset/);
  });
});

test('what a local function holds is refused, unless nothing calls it', () => {
  const body = {
    name: 'F',
    domain: 'local',
    input: ['a'],
    output: ['c'],
    node: [node('QMoE', ['a', 'a'], ['c'], {}, { name: 'inner', domain: 'com.microsoft' })],
  };
  const called = linear(w, b, {
    nodes: [node('F', ['x'], ['y'], {}, { domain: 'local' })],
    more: { functions: [body] },
  });
  expect(() => open(called)).toThrow(/is quantised: node 'inner' is com\.microsoft\.QMoE/);
  expect(open(linear(w, b, { more: { functions: [body] } })).proto.functions).toHaveLength(1);
});

test('a model changed in memory passes the same checks', () => {
  const model = open(linear(w, b));
  checkModel(model);
  Object.assign(model.proto.graph!.node[0]!, { opType: 'QMoE', domain: 'com.microsoft' });
  expect(() => checkModel(model)).toThrow(/is quantised/);
});
