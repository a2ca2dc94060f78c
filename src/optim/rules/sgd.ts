// Stochastic gradient descent with momentum, as torch.optim.SGD; the kernel is native/optim/sgd.cc. PyTorch starts the
// velocity at the first gradient, undamped; without dampening a velocity that starts at zero gives the same.

import { z } from '../../config/zod.js';
import { add, mul, sub } from '../../onnx/formulas.js';
import { optimizerRule } from './rule.js';

export interface SgdOptions {
  name: 'sgd';
  momentum: number;
  nesterov: boolean;
}

const fields = {
  momentum: z.number().min(0).lt(1).default(0.9).meta({ description: 'SGD: momentum.' }),
  nesterov: z.boolean().default(false).meta({ description: 'SGD: momentum in the form of Nesterov.' }),
};

export const sgd = optimizerRule<SgdOptions, typeof fields>({
  name: 'sgd',
  op: 'Sgd',
  fields,
  options: ({ momentum, nesterov }) => ({ name: 'sgd', momentum, nesterov }),
  states: ['velocity'],
  numbers: ({ momentum, nesterov }, { learningRate, weightDecay }) => ({
    rate: learningRate,
    momentum,
    dampening: 0,
    nesterov: nesterov ? 1 : 0,
    decay: weightDecay,
  }),
  counters: () => ({}),
  step:
    (b, { momentum, nesterov }) =>
    (i, range, clipped) => {
      const g = add(b, clipped, mul(b, `p${i}`, `decay${range}`));
      const velocity = add(b, mul(b, `velocity${i}`, momentum), g);
      const change = nesterov ? add(b, g, mul(b, velocity, momentum)) : velocity;
      return { p: sub(b, `p${i}`, mul(b, change, `rate${range}`)), velocity };
    },
  bench: { group: { learningRate: 0.01, weightDecay: 0 }, maxGradNorm: 0, says: 'has momentum 0.9 and no clipping' },
});
