// Products with frozen weights that are stored in few bits. The weights have no gradient and keep their stored form;
// what lies below them gets dy times the floats that they stand for, made for some rows at a time.

import { between, rowsBetween, withinRange } from '../../onnx/formulas/quantised.js';
import { indices, rows, view, where } from '../../onnx/formulas.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { blockedSizes } from '../../onnx/shapes/fused.js';
import type { InputRule, RuleTable } from './context.js';

/** Weights that are floats at once: 16 MiB of them, and some more while they are made. */
const elementsAtOnce = 2 ** 22;

/** y = x · Wᵀ with W [N, K]:  dx = dy · W = Σ over parts of the N rows of  dy[:, part] · W[part] */
const byParts: InputRule = ({ b, node, x }, dy) => {
  const { n, k, bits, block } = blockedSizes(new TypeContext(b.graph, node));
  const [, packed, scales, zeros] = x;
  const stored = { packed: packed!, scales: scales!, zeros: zeros || undefined, bits, block, shape: [n, k] as const };
  const flat = rows(b, dy);
  const step = Math.max(1, Math.floor(elementsAtOnce / k));
  const parts = indices(Math.ceil(n / step)).map((i) => {
    const [from, to] = [i * step, Math.min(n, (i + 1) * step)];
    const columns = from === 0 && to === n ? flat : between(b, flat, 1, from, to);
    return b.op('Gemm', [columns, rowsBetween(b, stored, from, to)]);
  });
  // One after the other, so that no more than two parts are there at once.
  const dx = parts.reduce((sum, part) => b.op('Add', [sum, part]));
  return view(b, dx, b.shape(x[0]!));
};

/** Straight through where x is within the range of the numbers, and 0 where it is cut, as PyTorch's fake_quantize. */
const straightThrough: InputRule = ({ b, node }, dy) => where(b, withinRange(b, node), dy, 0);

export const quantised: RuleTable = {
  'ortune.FakeQuantize': [straightThrough, null, null],
  'com.microsoft.MatMulNBits': [byParts, null, null, null, null, (_, dy) => dy],
};
