// A run that computes activations again is the same run.

import { expect, it } from 'vitest';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, train } from '../support/train.js';

const { path } = smallProblem();
const config = newRuns(path, { maxSteps: 6, dropout: 0.1 });

it('computes the activations of layers again where recompute says so, to the same losses', async () => {
  const kept = await train(config());
  const again = await train(config({ recompute: 'layers' }));
  for (const [i, loss] of again.losses.entries()) expect(loss).toBeCloseTo(kept.losses[i]!, 5);
});
