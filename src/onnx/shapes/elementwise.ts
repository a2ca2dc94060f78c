// Output types of operators that work element by element, with or without broadcasting.

import { quote } from '../../quote.js';
import { type DataType, dataTypeFromOnnx, isFloat } from '../dtype.js';
import type { TypeContext, TypeRule, TypeTable } from './context.js';

const same: TypeRule = (c) => [c.type(0)];
const boolean: TypeRule = (c) => [{ dtype: 'bool', shape: c.shape(0) }];
const inputs = (c: TypeContext) => c.node.inputs.map((_, i) => c.shape(i));
const broadcast: TypeRule = (c) => [{ dtype: c.sameDtype(), shape: c.broadcast(...inputs(c)) }];
const compare: TypeRule = (c) => {
  c.sameDtype();
  return [{ dtype: 'bool', shape: c.broadcast(...inputs(c)) }];
};

/**
 * The remainder by the sign of the divisor is one of integers; the runtime refuses it for floats in the middle of a
 * run.
 */
const mod: TypeRule = (c) => {
  const dtype = c.sameDtype();
  if (isFloat(dtype) && c.int('fmod', 0) === 0) c.fail(`attribute 'fmod' is 0, expected 1 for ${dtype}`);
  return [{ dtype, shape: c.broadcast(...inputs(c)) }];
};

/** The element type an integer attribute (`to`, `dtype`) names, or `fallback` where it is absent. */
export function dtypeAttr(c: TypeContext, name: string, fallback: DataType): DataType {
  const number = c.int(name, 0);
  if (number === 0) return fallback;
  return dataTypeFromOnnx(number) ?? c.fail(`element type ${number} of attribute ${quote(name)} is not supported`);
}

const all = (rule: TypeRule, ops: string): TypeTable => Object.fromEntries(ops.split(' ').map((op) => [op, rule]));

export const elementwise: TypeTable = {
  ...all(same, 'Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Clip Cos Cosh CumSum Elu Erf Exp Floor'),
  ...all(same, 'Gelu HardSigmoid HardSwish Hardmax Identity LRN LeakyRelu Log LogSoftmax'),
  ...all(
    same,
    'LpNormalization MeanVarianceNormalization Mish Neg Not PRelu Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh',
  ),
  ...all(same, 'Softmax Softplus Softsign Sqrt Tan Tanh ThresholdedRelu Trilu'),
  ...all(boolean, 'IsInf IsNaN'),
  ...all(broadcast, 'Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Max Mean Min Mul Or Sub Sum Xor'),
  ...all(compare, 'Equal Greater GreaterOrEqual Less LessOrEqual'),
  Mod: mod,
  Pow: (c) => [{ dtype: c.dtype(0), shape: c.broadcast(...inputs(c)) }],
  Where: (c) => [{ dtype: c.sameDtype(1), shape: c.broadcast(...inputs(c)) }],
  Cast: (c) => [{ dtype: dtypeAttr(c, 'to', c.dtype(0)), shape: c.shape(0) }],
  CastLike: (c) => [{ dtype: c.dtype(1), shape: c.shape(0) }],
  Dropout: (c) => [c.type(0), { dtype: 'bool', shape: c.shape(0) }],
};
