// Recurrent layers have no rule of their own: their gradient is that of their steps, written out. Where a device has
// fused kernels, lower/recurrent has put those in the layers' place before, and their rules are here: one fused
// operator gives the gradients of the products of all steps, and one product of matrices that of R.

import { unrolled } from '../../lower/recurrent/unrolled.js';
import { between } from '../../onnx/formulas.js';
import type { Value } from '../../onnx/graph.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';

/** Gradients of the products and of R·h, [T·B, gates·H], and of the states before the first step, [B, H]. */
function gradients(c: RuleContext): [Value, Value, Value, Value] {
  const { b, node, x } = c;
  const kept = (output: number, kinds: string): Value => (kinds.includes(node.op) ? c.output(output) : '');
  return c.once('gradients', () => {
    const lstm = node.op === 'LSTM';
    const inputs = [
      ...[x[1]!, c.dy[0] ?? '', c.dy[1] ?? '', (lstm && c.dy[2]) || '', x[2] ?? '', (lstm && x[4]) || ''],
      ...[node.op === 'RNN' ? c.output(0) : '', kept(3, 'LSTM GRU'), kept(4, 'LSTM GRU'), kept(5, 'GRU')],
    ];
    const attrs = Object.fromEntries(node.attrs);
    return b.ops(`${node.op}Grad`, inputs, attrs, { domain: 'ortune', outputs: 4 }) as [Value, Value, Value, Value];
  });
}

const ofRecurrent = (c: RuleContext): Value => gradients(c)[c.node.op === 'GRU' ? 1 : 0];
const products: InputRule = (c) => gradients(c)[0];
/** dR = d(R·h)ᵀ · h, over the rows of all steps. */
const recurrence: InputRule = (c) => c.b.op('Gemm', [ofRecurrent(c), c.output(5)], { transA: 1 });
const state =
  (output: number): InputRule =>
  (c) =>
    gradients(c)[output]!;
/** Of the last of three gates. */
const resetBias: InputRule = (c) => {
  const hidden = c.b.shape(c.x[1]!)[1]!;
  return between(c.b, ofRecurrent(c), 1, 2 * hidden, 3 * hidden);
};

export const recurrent: RuleTable = {
  ...Object.fromEntries(Object.entries(unrolled).map(([op, definition]) => [op, { definition }])),
  'ortune.LSTM': { anyOutput: [products, recurrence, null, state(2), state(3)] },
  'ortune.GRU': { anyOutput: [products, recurrence, null, state(2), resetBias] },
  'ortune.RNN': { anyOutput: [products, recurrence, null, state(2)] },
};
