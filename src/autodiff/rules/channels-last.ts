// Gradients of the operators of the domain ortune over channels-last images [N, H, W, C]: each is one operator again.

import { rows } from '../../onnx/formulas.js';
import { attrString, type Value } from '../../onnx/graph.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';

const sizeOf = ({ b }: RuleContext, image: Value): readonly number[] => b.shape(image).slice(1, 3);

/** The attributes of the node, with another size where one is given. */
const attributes = (c: RuleContext, size?: readonly number[]) => ({
  ...Object.fromEntries(c.node.attrs),
  ...(size && { size }),
});

const ortune = { domain: 'ortune' };

const convInput: InputRule = (c, dy) =>
  c.b.op('ConvInputGrad', [dy, c.x[1]!], attributes(c, sizeOf(c, c.x[0]!)), ortune);

/** dW and the bias's gradient, in one pass over dy. */
const weightAndBias = (c: RuleContext, dy: Value): Value[] =>
  c.once('weight', () => {
    const size = c.b.shape(c.x[1]!).slice(2);
    return c.b.ops('ConvWeightGrad', [c.x[0]!, dy], attributes(c, size), { ...ortune, outputs: 2 });
  });

const convBias: InputRule = (c, dy) =>
  c.needs(1) ? weightAndBias(c, dy)[1]! : c.b.op('BiasGrad', [rows(c.b, dy)], {}, ortune);

const maxPool: InputRule = (c, dy) => c.b.op('MaxPoolGrad', [dy, c.x[0]!, c.y[0]!], attributes(c), ortune);
const averagePool: InputRule = (c, dy) => c.b.op('AveragePoolGrad', [dy], attributes(c, sizeOf(c, c.x[0]!)), ortune);

/** Activations whose slopes follow from y as well, so that x need not be kept. */
const slopeFromResult = ['Relu', 'Relu6'];

const activation: InputRule = (c, dy) => {
  const from = slopeFromResult.includes(attrString(c.node, 'activation', 'none')) ? c.y[0]! : c.x[0]!;
  return c.b.op('ActivationGrad', [dy, from], attributes(c), ortune);
};

export const channelsLast: RuleTable = {
  'ortune.Conv': [convInput, (c, dy) => weightAndBias(c, dy)[0]!, convBias],
  'ortune.MaxPool': [maxPool],
  'ortune.AveragePool': [averagePool],
  'ortune.Activation': [activation],
};
