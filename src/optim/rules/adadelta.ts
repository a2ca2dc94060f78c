// Adadelta (Zeiler, 2012), as torch.optim.Adadelta; the kernel is native/optim/adadelta.cc. Its steps have the size of
// the steps before them, so it wants a learning rate near 1.

import { z } from '../../config/zod.js';
import { add, div, mul, sqrt, sub } from '../../onnx/formulas.js';
import { moved, optimizerRule } from './rule.js';

export interface AdadeltaOptions {
  name: 'adadelta';
  rho: number;
  epsilon: number;
}

const fields = {
  adadeltaRho: z
    .number()
    .min(0)
    .lt(1)
    .default(0.9)
    .meta({ description: 'Adadelta: decay of the means of squared gradients and changes.' }),
  adadeltaEpsilon: z.number().gt(0).default(1e-6).meta({ description: 'Adadelta: added to both means.' }),
};

export const adadelta = optimizerRule<AdadeltaOptions, typeof fields>({
  name: 'adadelta',
  op: 'Adadelta',
  fields,
  options: ({ adadeltaRho, adadeltaEpsilon }) => ({ name: 'adadelta', rho: adadeltaRho, epsilon: adadeltaEpsilon }),
  states: ['v', 'changes'],
  numbers: ({ rho, epsilon }, { learningRate, weightDecay }) => ({
    rate: learningRate,
    rho,
    epsilon,
    decay: weightDecay,
  }),
  counters: () => ({}),
  step:
    (b, { rho, epsilon }) =>
    (i, range, clipped) => {
      const g = add(b, clipped, mul(b, `p${i}`, `decay${range}`));
      const v = moved(b, `v${i}`, mul(b, g, g), rho);
      const root = (x: string): string => sqrt(b, add(b, x, epsilon));
      const change = mul(b, div(b, root(`changes${i}`), root(v)), g);
      const changes = moved(b, `changes${i}`, mul(b, change, change), rho);
      return { p: sub(b, `p${i}`, mul(b, change, `rate${range}`)), v, changes };
    },
  bench: { group: { learningRate: 1, weightDecay: 0 }, maxGradNorm: 0, says: 'has the rate 1 and no clipping' },
});
