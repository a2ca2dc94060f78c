// The error that ends a run at a step that is not finite: which step, which samples, and the first tensor that is bad.

import { OrtuneError } from '../errors.js';
import { describeStep, type PendingStep } from './pending-steps.js';
import type { Run } from './run.js';
import type { StepBatches } from './taken-step.js';

/** `latest`: the step's batches, where they are still there and the weights are those before it. */
export async function badStepError(
  run: Run,
  pending: PendingStep,
  what: string,
  latest: StepBatches | undefined,
): Promise<OrtuneError> {
  const { nonFinite, maxBadSteps, learningRate } = run.config;
  const { step, epoch } = pending;
  let tensor: string | undefined;
  for (const batch of latest?.batches ?? []) tensor ??= await run.engine.firstBadTensor(batch);
  const found = latest
    ? `first bad tensor: ${tensor ?? 'none in the forward pass, so a gradient overflowed'}. The weights are those before this step.`
    : `steps after it went on without it, since a device is asked every ${run.syncEvery} steps; set loggingSteps to 1 to learn which tensor is bad.`;
  return new OrtuneError(
    `step ${step + 1}, epoch ${epoch + 1}: ${what} is not finite` +
      `${nonFinite === 'skip' ? `, and ${maxBadSteps} such steps have been left out already (maxBadSteps)` : ''}. ` +
      `The batch is ${describeStep(pending)}; ${found} Lower learningRate (${learningRate}), lengthen the warm-up, or set maxGradNorm.`,
  );
}
