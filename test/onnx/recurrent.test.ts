// What recurrent layers of a file may not say.

import { expect, it } from 'vitest';
import { float } from '#ortune/onnx/builder.js';
import { inferTypes } from '#ortune/onnx/shapes.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { caseOf, type RecurrentForm } from '../support/recurrent.js';
import { nodeOf, type OperatorCase } from './operator-cases.js';

const of = (attrs: RecurrentForm['attrs'], inputs: Record<number, Tensor> = {}): OperatorCase => {
  const it = caseOf({ op: 'LSTM', what: '', ...(attrs && { attrs }), states: true });
  return { ...it, inputs: it.inputs.map((tensor, i) => inputs[i] ?? tensor) };
};
const zeros = (...shape: number[]) => Tensor.of('float32', new Float32Array(shape.reduce((n, d) => n * d, 1)), shape);

it.each([
  ['a direction of none', of({ direction: 'upwards' }), /direction is 'upwards', expected forward, reverse or bidir/],
  ['a direction that objects have', of({ direction: '__proto__' }), /direction is '__proto__', expected forward/],
  ['no steps', of({}, { 0: zeros(0, 3, 2) }), /X \[0,3,2\] and R \[1,12,3\] have no steps or no hidden units/],
  ['an unknown activation', of({ activations: ['Gelu', 'Tanh', 'Tanh'] }), /activation 'Gelu' is not supported; expe/],
  ['too few activations', of({ activations: ['Tanh'] }), /1 activations, expected 3 for each of 1 directions/],
  ['a number left out', of({ activations: ['Affine', 'Tanh', 'Tanh'] }), /Affine needs a number in activation_alpha/],
  [
    'a number too many',
    of({ activation_alpha: float([1]) }),
    /1 of activation_alpha and 0 of activation_beta are more/,
  ],
  ['a bound of 0', of({ clip: float(0) }), /clip is 0, expected a number above 0/],
  ['another hidden size', of({ hidden_size: 4 }), /hidden_size is 4, but R is \[1,12,3\]/],
  ['a state of another size', of({}, { 5: zeros(1, 3, 4) }), /input 5 is \[1,3,4\], expected \[1,3,3\] for 3 hidden/],
  [
    'a weight of another type',
    of({}, { 1: Tensor.of('float64', new Float64Array(24), [1, 12, 2]) }),
    /is float64, exp/,
  ],
  ['a matrix', of({}, { 0: zeros(4, 2) }), /must have three axes each/],
] as const)('%s is refused', (_, form, message) => {
  const { graph, node } = nodeOf(form as OperatorCase);
  expect(() => inferTypes(graph, node)).toThrow(message);
});
