import { expect, test } from 'vitest';
import { UsageError } from '#ortune/errors.js';
import { anyPattern, type Named } from '#ortune/transfer/patterns.js';

const parameter = (name: string, alias: string, head = false): Named => ({ name, alias, head });
const parameters = [
  parameter('onnx::MatMul_1', 'encoder.layer.0.dense.weight'),
  parameter('encoder.layer.0.dense.bias', 'encoder.layer.0.dense.bias'),
  parameter('encoder.layer.10.dense.bias', 'encoder.layer.10.dense.bias'),
  parameter('.hidden', '.hidden'),
  parameter('out.weight', 'out.weight', true),
];

const chosen = (...patterns: string[]) =>
  parameters.filter(anyPattern('freeze', patterns, parameters)).map(({ name }) => name);

test.each<[string[], number[]]>([
  [['encoder.layer.0.*'], [0, 1]],
  [['encoder/layer.0/dense/weight'], [0]],
  [['onnx::MatMul_*'], [0]],
  [['encoder.layer.[0-9].*'], [0, 1]],
  [
    ['*.bias', 'out.*'],
    [1, 2, 4],
  ],
  [['*'], [0, 1, 2, 3, 4]],
  [['!*.bias'], [0, 3, 4]],
  [['head'], [4]],
  [['trunk'], [0, 1, 2, 3]],
  [[], []],
])('%j chooses %j', (patterns, expected) => {
  expect(chosen(...patterns)).toEqual(expected.map((i) => parameters[i]!.name));
});

test('a pattern or word that matches nothing is refused with the option it stands in', () => {
  expect(() => chosen('out.*', 'decoder.*')).toThrow(UsageError);
  expect(() => chosen('out.*', 'decoder.*')).toThrow(
    /^freeze: 'decoder\.\*' matches none of the 5 parameters\. Their names are like encoder\.layer\.0\.dense\.weight, /,
  );
  expect(() => anyPattern('groups[2].parameters', ['head'], parameters.slice(0, 2))).toThrow(
    /^groups\[2\]\.parameters: 'head' matches none of the 2 parameters/,
  );
});
