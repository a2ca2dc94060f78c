// RMSprop (Tieleman and Hinton, 2012), as torch.optim.RMSprop without centering; the kernel is native/optim/rmsprop.cc.

import { z } from '../../config/zod.js';
import { add, div, mul, sqrt, sub } from '../../onnx/formulas.js';
import { moved, optimizerRule } from './rule.js';

export interface RMSpropOptions {
  name: 'rmsprop';
  alpha: number;
  epsilon: number;
  momentum: number;
}

const share = z.number().min(0).lt(1);
const fields = {
  rmspropAlpha: share.default(0.99).meta({ description: 'RMSprop: decay of the mean of squared gradients.' }),
  rmspropEpsilon: z.number().gt(0).default(1e-8).meta({ description: 'RMSprop: added to the denominator.' }),
  rmspropMomentum: share.default(0).meta({ description: 'RMSprop: momentum.' }),
};

export const rmsprop = optimizerRule<RMSpropOptions, typeof fields>({
  name: 'rmsprop',
  op: 'RMSprop',
  fields,
  options: ({ rmspropAlpha, rmspropEpsilon, rmspropMomentum }) => ({
    name: 'rmsprop',
    alpha: rmspropAlpha,
    epsilon: rmspropEpsilon,
    momentum: rmspropMomentum,
  }),
  states: ['v', 'velocity'],
  numbers: ({ alpha, epsilon, momentum }, { learningRate, weightDecay }) => ({
    rate: learningRate,
    alpha,
    epsilon,
    momentum,
    decay: weightDecay,
  }),
  counters: () => ({}),
  step:
    (b, { alpha, epsilon, momentum }) =>
    (i, range, clipped) => {
      const g = add(b, clipped, mul(b, `p${i}`, `decay${range}`));
      const v = moved(b, `v${i}`, mul(b, g, g), alpha);
      const velocity = add(b, mul(b, `velocity${i}`, momentum), div(b, g, add(b, sqrt(b, v), epsilon)));
      return { p: sub(b, `p${i}`, mul(b, velocity, `rate${range}`)), v, velocity };
    },
  bench: { group: { learningRate: 1e-4, weightDecay: 0 }, maxGradNorm: 0, says: 'has no momentum and no clipping' },
});
