// A loss over all batches of a step at once (compile/step-loss.ts says how): the first pass, which gives each batch the
// gradients that its second one starts from.

import { gradientInput, lossInput, vectorsInput } from '../compile/step-loss.js';
import type { EngineBatch } from '../engine/engine.js';
import { elementCount } from '../onnx/tensor.js';
import { sharedTensor } from '../runtime/arena.js';
import type { TensorView } from '../runtime/session.js';
import { taskNamed } from '../tasks/tasks.js';
import type { Run } from './run.js';
import type { StepBatches } from './taken-step.js';

/** What each batch is run with the second time; undefined where the task's loss is of each batch by itself. */
export async function pullbacks(
  { task, engine, config: { seed } }: Pick<Run, 'task' | 'engine' | 'config'>,
  { step, batches }: Pick<StepBatches, 'step' | 'batches'>,
): Promise<EngineBatch[] | undefined> {
  const { inputs } = taskNamed(task.name).stepLoss?.(task.options) ?? {};
  if (!inputs) return undefined;
  const parts: Float32Array[] = [];
  let shape: readonly number[] = [];
  for (const [microStep, batch] of batches.entries()) {
    batch.slot.to('running');
    const found = await engine.vectors(batch, { seed, step, microStep });
    shape = found.shape;
    parts.push((found.data as Float32Array).slice());
    batch.slot.to('bound');
  }
  const [rows, ...rest] = shape as [number, ...number[]];
  const vectors = sharedTensor('float32', [rows * parts.length, ...rest]);
  const size = elementCount(shape);
  for (const [k, part] of parts.entries()) (vectors.data as Float32Array).set(part, k * size);
  const { loss, gradients } = await engine.stepLoss(
    new Map([...inputs(batches, task.options), [vectorsInput, vectors]]),
  );
  return batches.map((batch, k) => {
    const data = (gradients.data as Float32Array).subarray(k * size, (k + 1) * size);
    return {
      ...batch,
      inputs: new Map<string, TensorView>([
        ...batch.inputs,
        [gradientInput, { dtype: 'float32', shape, data }],
        // Once in the sum over the batches.
        [lossInput, scalar(k === 0 ? loss : 0)],
      ]),
    };
  });
}

function scalar(value: number): TensorView {
  const view = sharedTensor('float32', []);
  view.data[0] = value;
  return view;
}
