// AdamW with decoupled weight decay (Loshchilov and Hutter, 2019), as torch.optim.AdamW; the kernel is
// native/optim/adamw.cc.

import { z } from '../../config/zod.js';
import { add, div, mul, sqrt, sub } from '../../onnx/formulas.js';
import type { Value } from '../../onnx/graph.js';
import { optimizerRule } from './rule.js';

export interface AdamWOptions {
  name: 'adamw';
  beta1: number;
  beta2: number;
  epsilon: number;
}

const rate = z.number().min(0).lt(1);
const fields = {
  adamBeta1: rate.default(0.9).meta({ description: 'AdamW: decay of the first moment.' }),
  adamBeta2: rate.default(0.999).meta({ description: 'AdamW: decay of the second moment.' }),
  adamEpsilon: z.number().gt(0).default(1e-8).meta({ description: 'AdamW: added to the denominator.' }),
};

// The kernel's 1 - beta is that of the float32 beta; a correction of the same beta leaves no error in the update.
const correction = (beta: number, step: number): number => 1 - Math.fround(beta) ** step;

/** βᵗ as a device has it after t steps: a float32 product for each. */
function power(beta: number, steps: number): number {
  let product = 1;
  for (let t = 0; t < steps && product > 0; t++) product = Math.fround(product * Math.fround(beta));
  return product;
}

export const adamw = optimizerRule<AdamWOptions, typeof fields>({
  name: 'adamw',
  op: 'AdamW',
  fields,
  options: ({ adamBeta1, adamBeta2, adamEpsilon }) => ({
    name: 'adamw',
    beta1: adamBeta1,
    beta2: adamBeta2,
    epsilon: adamEpsilon,
  }),
  states: ['m', 'v'],
  numbers: ({ beta1, beta2, epsilon }, { learningRate, weightDecay }, step) => ({
    rate: learningRate,
    beta1,
    beta2,
    epsilon,
    decay: weightDecay,
    meanCorrection: correction(beta1, step),
    squareCorrection: correction(beta2, step),
  }),
  counters: ({ beta1, beta2 }, steps) => ({ meanPower: power(beta1, steps), squarePower: power(beta2, steps) }),
  step(b, { beta1, beta2, epsilon }, count) {
    const [meanPower, squarePower] = [
      count('meanPower', mul(b, 'meanPower', Math.fround(beta1))),
      count('squarePower', mul(b, 'squarePower', Math.fround(beta2))),
    ];
    const correctMean = sub(b, 1, meanPower);
    const correctSquare = b.op('Reciprocal', [sqrt(b, sub(b, 1, squarePower))]);
    const moved = (old: Value, fresh: Value, beta: number): Value => {
      const kept = Math.fround(beta);
      return add(b, mul(b, old, kept), mul(b, fresh, 1 - kept));
    };
    return (i, range, g) => {
      const m = moved(`m${i}`, g, beta1);
      const v = moved(`v${i}`, mul(b, g, g), beta2);
      const change = div(b, m, add(b, mul(b, sqrt(b, v), correctSquare), epsilon));
      const kept = sub(b, 1, mul(b, `rate${range}`, `decay${range}`));
      const p = sub(b, mul(b, `p${i}`, kept), mul(b, change, div(b, `rate${range}`, correctMean)));
      return { p, m, v };
    };
  },
  bench: { group: { learningRate: 1e-4, weightDecay: 0.01 }, maxGradNorm: 1, says: 'clips the gradient at norm 1' },
});
