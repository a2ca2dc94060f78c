// What rounding to few numbers means in standard operators. In parts, as floats: of a pair of QuantizeLinear and
// DequantizeLinear the runtime's optimizer would make kernels of whole numbers that the gradient does not belong to.

import { nearest } from '../../onnx/formulas/quantised.js';
import { mul, sub } from '../../onnx/formulas.js';
import { attrInt } from '../../onnx/graph.js';
import type { Definition } from '../form.js';

/** (clip(round(x / scale) + zero) − zero) · scale */
const fakeQuantize: Definition = (b, node) => {
  const { scale, zero, q } = nearest(b, node);
  const bounds = ['low', 'high'].map((name) => b.scalar(b.type(q).dtype, attrInt(node, name, 0)));
  const cut = b.op('Clip', [q, ...bounds]);
  return [mul(b, zero === undefined ? cut : sub(b, cut, zero), scale)];
};

/** To the 256 numbers between the least and the largest element, 0 among them. */
const dynamicFakeQuantize: Definition = (b, { inputs: [x] }) => [
  b.op('DequantizeLinear', b.ops('DynamicQuantizeLinear', [x!], {}, { outputs: 3 })),
];

export const rounding = {
  'ortune.FakeQuantize': fakeQuantize,
  'ortune.DynamicFakeQuantize': dynamicFakeQuantize,
} as const satisfies Record<string, Definition>;
