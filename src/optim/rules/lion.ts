// Lion (Chen et al., 2023), the sign of an average of momentum and gradient, as timm has it; the kernel is
// native/optim/lion.cc. Every weight moves by the learning rate, so that is to be three to ten times smaller than
// AdamW's.

import { z } from '../../config/zod.js';
import { less, mul, sub, where } from '../../onnx/formulas.js';
import { moved, optimizerRule, sign } from './rule.js';

export interface LionOptions {
  name: 'lion';
  beta1: number;
  beta2: number;
}

const share = z.number().min(0).lt(1);
const fields = {
  lionBeta1: share.default(0.9).meta({ description: 'Lion: share of the momentum in a change.' }),
  lionBeta2: share.default(0.99).meta({ description: 'Lion: decay of the momentum.' }),
};

export const lion = optimizerRule<LionOptions, typeof fields>({
  name: 'lion',
  op: 'Lion',
  fields,
  options: ({ lionBeta1, lionBeta2 }) => ({ name: 'lion', beta1: lionBeta1, beta2: lionBeta2 }),
  states: ['m'],
  numbers: ({ beta1, beta2 }, { learningRate, weightDecay }) => ({
    rate: learningRate,
    beta1,
    beta2,
    decay: weightDecay,
  }),
  counters: () => ({}),
  step:
    (b, { beta1, beta2 }) =>
    (i, range, g) => {
      const change = sign(b, moved(b, `m${i}`, g, beta1));
      const kept = mul(b, `p${i}`, sub(b, 1, mul(b, `rate${range}`, `decay${range}`)));
      // The new momentum takes the place of the old one, so it waits for the change, which reads that: it is below 2.
      const m = where(b, less(b, change, 2), moved(b, `m${i}`, g, beta2), change);
      return { p: sub(b, kept, mul(b, change, `rate${range}`)), m };
    },
  bench: { group: { learningRate: 2e-5, weightDecay: 0.1 }, maxGradNorm: 1, says: 'clips the gradient at norm 1' },
});
