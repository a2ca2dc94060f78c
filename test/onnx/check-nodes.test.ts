import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ModelError } from '#ortune/errors.js';
import { type AttrInput, float } from '#ortune/onnx/builder.js';
import { openModel } from '#ortune/onnx/load.js';
import { AttributeProtoSchema, type NodeProto } from '#ortune/onnx/onnx_pb.js';
import { temporaryDirectory } from '../support/temporary.js';
import { floats, initializer, linear, node, writeModel } from './support.js';

const directory = temporaryDirectory();
const w = initializer('w', floats([1, 2, 3, 4, 5, 6], [2, 3]));
const b = initializer('b', floats([0.5, -1, 2]));
const open = (...nodes: NodeProto[]) => openModel(writeModel(join(directory, 'model.onnx'), linear(w, b, { nodes })));
const named = (op: string, inputs: string[], attrs: Record<string, AttrInput> = {}, outputs = ['y'], domain = '') =>
  node(op, inputs, outputs, attrs, { name: 'the-node', domain });

const max = 2 ** 31;
test.each<[string, NodeProto, RegExp]>([
  [
    'an attribute of another kind',
    named('Softmax', ['x'], { axis: float(1) }),
    /'axis' is a float, expected an integer/,
  ],
  ['a list for a number', named('Flatten', ['x'], { axis: [1, 2] }), /'axis' is integers, expected an integer/],
  ['a string for integers', named('Transpose', ['x'], { perm: 'a' }), /'perm' is a string, expected integers/],
  ['an integer for a float', named('LeakyRelu', ['x'], { alpha: 1 }), /'alpha' is an integer, expected a float/],
  ['an attribute of another operator', named('Relu', ['x'], { axis: 1 }), /'axis' is none of the operator's/],
  ['a missing attribute', named('Cast', ['x']), /attribute 'to' is missing/],
  ['a stride of 0', named('Conv', ['x', 'w'], { strides: [0, 1] }), /'strides' is 0, expected numbers of at least 1/],
  ['a negative dilation', named('Conv', ['x', 'w'], { dilations: [-1] }), /'dilations' is -1/],
  ['a group of 0', named('Conv', ['x', 'w'], { group: 0 }), /'group' is 0/],
  ['a huge kernel', named('MaxPool', ['x'], { kernel_shape: [max, 1] }), /'kernel_shape' is 2147483648/],
  ['huge pads', named('AveragePool', ['x'], { kernel_shape: [1], pads: [0, -max] }), /'pads' is -2147483648/],
  ['an axis beyond any rank', named('Concat', ['x', 'x'], { axis: 2 ** 40 }), /'axis' is 1099511627776/],
  ['an axis twice', named('Transpose', ['x'], { perm: [0, 0] }), /'perm' names an axis twice: 0,0/],
  ['a number that is none', named('Elu', ['x'], { alpha: float(Number.NaN) }), /'alpha' is NaN, expected a finite/],
  ['an infinite slope', named('Selu', ['x'], { gamma: float(Infinity) }), /'gamma' is Infinity/],
  ['a negative epsilon', named('LpNormalization', ['x'], { p: -1 }), /'p' is -1/],
  ['an unknown approximation', named('Gelu', ['x'], { approximate: 'cubic' }), /'approximate' is none of none, tanh/],
  ['an unknown padding', named('Conv', ['x', 'w'], { auto_pad: 'ALL' }), /'auto_pad' is none of NOTSET, /],
  ['too few inputs', named('BatchNormalization', ['x', 'b', 'b']), /it has 3 inputs, expected 5/],
  ['an input left out', named('MatMul', ['x', '']), /input 1 is left out, which the operator needs/],
  ['none of many inputs', named('Sum', []), /it has 0 inputs, expected at least 1/],
  ['too many inputs', named('Relu', ['x', 'x']), /it has 2 inputs, expected at most 1/],
  ['too many outputs', named('Relu', ['x'], {}, ['y', 'z']), /it has 2 outputs, expected at most 1/],
  ['no output', named('Relu', ['x'], {}, ['']), /it has no output/],
  ['a contributed operator without its input', named('FusedMatMul', ['x'], {}, ['y'], 'com.microsoft'), /expected 2/],
  ["an operator of ortune's own", named('MaxPool', ['x'], {}, ['y'], 'ortune'), /no model file has them/],
])('%s is refused by name', (_, damaged, message) => {
  const opening = () => open(damaged);
  expect(opening).toThrow(ModelError);
  expect(opening).toThrow(message);
  expect(opening).toThrow(/node 'the-node' \(.*Export the model again/);
});

test('an attribute that is there twice, and one without a kind, are refused', () => {
  const twice = named('Softmax', ['x'], { axis: 1 });
  twice.attribute.push(twice.attribute[0]!);
  expect(() => open(twice)).toThrow(/attribute 'axis' is there twice/);
  const none = named('Softmax', ['x']);
  none.attribute.push(create(AttributeProtoSchema, { name: 'axis', i: 1n }));
  expect(() => open(none)).toThrow(/attribute 'axis' is of no kind, expected an integer/);
});

test('names of a file are escaped and cut in messages', () => {
  const relu = node('Relu', [], ['y'], {}, { name: `\u001b[2J${'n'.repeat(1000)}` });
  expect(() => open(relu)).toThrow(/node '\\u001b\[2Jn{100,200}… \(1004 characters\)' \(Relu\)/);
});

test('forms that newer and older opsets have are not mistaken for damage', () => {
  expect(() => open(named('Clip', ['x'], { min: float(-Infinity), max: float(6) }))).not.toThrow();
  expect(() => open(named('Pad', ['x', 'w'], { mode: 'constant' }))).not.toThrow();
});
