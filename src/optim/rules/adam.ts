// Adam (Kingma and Ba, 2015) with weight decay as part of the gradient, as torch.optim.Adam, and AdamW, whose decay is
// decoupled (Loshchilov and Hutter, 2019), as torch.optim.AdamW; the kernel of both is native/optim/adam.cc.

import { z } from '../../config/zod.js';
import { add, div, mul, sqrt, sub } from '../../onnx/formulas.js';
import { moved, type OptimizerRule, optimizerRule } from './rule.js';

export interface AdamOptions {
  name: 'adam' | 'adamw';
  beta1: number;
  beta2: number;
  epsilon: number;
}

const rate = z.number().min(0).lt(1);
const fields = {
  adamBeta1: rate.default(0.9).meta({ description: 'Adam, AdamW: decay of the first moment.' }),
  adamBeta2: rate.default(0.999).meta({ description: 'Adam, AdamW: decay of the second moment.' }),
  adamEpsilon: z.number().gt(0).default(1e-8).meta({ description: 'Adam, AdamW: added to the denominator.' }),
};

// The kernel's 1 - beta is that of the float32 beta; a correction of the same beta leaves no error in the update.
const correction = (beta: number, step: number): number => 1 - Math.fround(beta) ** step;

/** βᵗ as a device has it after t steps: a float32 product for each. */
function power(beta: number, steps: number): number {
  let product = 1;
  for (let t = 0; t < steps && product > 0; t++) product = Math.fround(product * Math.fround(beta));
  return product;
}

const adamRule = (name: AdamOptions['name'], bench: OptimizerRule<AdamOptions, typeof fields>['bench']) =>
  optimizerRule<AdamOptions, typeof fields>({
    name,
    op: 'Adam',
    fields,
    options: ({ adamBeta1, adamBeta2, adamEpsilon }) => ({
      name,
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
      decay: name === 'adamw' ? weightDecay : 0,
      coupledDecay: name === 'adam' ? weightDecay : 0,
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
      return (i, range, clipped) => {
        const g = name === 'adam' ? add(b, clipped, mul(b, `p${i}`, `decay${range}`)) : clipped;
        const m = moved(b, `m${i}`, g, beta1);
        const v = moved(b, `v${i}`, mul(b, g, g), beta2);
        const change = div(b, m, add(b, mul(b, sqrt(b, v), correctSquare), epsilon));
        const kept = name === 'adamw' ? mul(b, `p${i}`, sub(b, 1, mul(b, `rate${range}`, `decay${range}`))) : `p${i}`;
        const p = sub(b, kept, mul(b, change, div(b, `rate${range}`, correctMean)));
        return { p, m, v };
      };
    },
    bench,
  });

const bench = {
  group: { learningRate: 1e-4, weightDecay: 0.01 },
  maxGradNorm: 1,
  says: 'clips the gradient at norm 1',
};
export const adam = adamRule('adam', bench);
export const adamw = adamRule('adamw', bench);
