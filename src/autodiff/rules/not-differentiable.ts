// Operators through which no gradient flows: their outputs are truth values, positions, counts or shapes, or do not
// change with small changes of the inputs.

import type { RuleTable } from './context.js';

const names = [
  // Comparisons and logic.
  ...['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or', 'Xor', 'Not', 'IsNaN', 'IsInf'],
  ...['BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'BitwiseNot', 'BitShift'],
  // Positions and shapes.
  ...['ArgMax', 'ArgMin', 'NonZero', 'Shape', 'Size', 'ConstantOfShape', 'Range', 'OneHot', 'EyeLike'],
  // Steps, whose slope is zero wherever there is one.
  ...['Sign', 'Floor', 'Ceil', 'Round', 'Hardmax'],
  // Random numbers.
  ...['RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike', 'Bernoulli', 'Multinomial'],
  // What counts as a constant by its definition.
  'ortune.StopGradient',
  // Tables that sizes alone decide.
  ...['HannWindow', 'HammingWindow', 'BlackmanWindow', 'MelWeightMatrix'],
];

export const notDifferentiable: RuleTable = Object.fromEntries(names.map((name) => [name, null]));
