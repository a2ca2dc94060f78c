// The error that ends a run at a step that is not finite: which step, which samples, and the first tensor that is bad.
// What to do follows from the cause: a value of a sample or a weight of the file that is no number is not mended by a
// lower learning rate.

import { DivergedError, OrtuneError } from '../errors.js';
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
  const when = `step ${step + 1}, epoch ${epoch + 1}: ${what} is not finite`;
  const cause = latest && (badInput(latest) ?? (step === 0 ? badWeight(run) : undefined));
  const skipped =
    nonFinite === 'skip' ? ` (${maxBadSteps} such steps have been left out already, as maxBadSteps allows)` : '';
  if (cause !== undefined) return new OrtuneError(`${when}${skipped}, since ${cause}`);
  let tensor: string | undefined;
  for (const batch of latest?.batches ?? []) tensor ??= await run.engine.firstBadTensor(batch);
  const found = latest
    ? `first bad tensor: ${tensor ?? 'none in the forward pass, so a gradient overflowed'}. The weights are those before this step.`
    : `steps after it went on without it, since a device is asked every ${run.syncEvery} steps; set loggingSteps to 1 to learn which tensor is bad.`;
  return new DivergedError(
    `${when}${skipped}. ` +
      `The batch is ${describeStep(pending)}; ${found} Lower learningRate (${learningRate}), lengthen the warm-up, or set maxGradNorm.`,
  );
}

const firstBad = (data: ArrayLike<number>): number => Array.prototype.findIndex.call(data, (x) => !Number.isFinite(x));

/** The first value of the batches that is no finite number: which input has it, and of which sample. */
function badInput({ batches }: StepBatches): string | undefined {
  for (const { inputs, trunk, slot, samples, location } of batches)
    for (const [name, { dtype, data }] of inputs) {
      if (dtype !== 'float32' && dtype !== 'float64') continue;
      const at = firstBad(data as Float32Array);
      if (at < 0) continue;
      // Rows that fill a batch up repeat its last sample.
      const row = Math.min(Math.floor(at / (data.length / slot.batchSize)), samples.length - 1);
      const whose = trunk?.values.includes(name)
        ? `what the frozen trunk makes of ${location(row)} ('${name}')`
        : `'${name}' of ${location(row)}`;
      return `${whose} holds ${String(data[at])}: correct that sample, or leave it out. The weights are those before this step.`;
    }
  return undefined;
}

/** The first weight that is no finite number, before the first step. */
function badWeight({ engine, config }: Run): string | undefined {
  for (const { name } of engine.parameters.entries) {
    const weights = engine.parameters.array(name);
    const at = firstBad(weights);
    if (at >= 0)
      return (
        `the weight '${name}' of ${config.model} holds ${String(weights[at])}: the file is damaged, or it was saved from a training ` +
        'that had diverged. Export it again, or set init to random.'
      );
  }
  return undefined;
}
