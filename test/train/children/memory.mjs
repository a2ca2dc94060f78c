// memory.mjs MODEL FREEZE RECOMPUTE LENGTHS: resident memory in MB that the training sessions for rows of these lengths
// add to an engine that has opened the model, and those that are estimated. Every session has run twice.

import { setFlagsFromString } from 'node:v8';
import { Engine } from '#ortune/engine/engine.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import { residentMB } from '../../runtime/children/graphs.mjs';

// Threads have small heaps: what waits for their collectors is no need of the sessions.
for (const flag of ['--max-semi-space-size=1', '--max-old-space-size=128']) setFlagsFromString(flag);

const [model, freeze, recompute, ...lengths] = process.argv.slice(2);
const batchSize = 8;
const patterns = freeze === 'nothing' ? [] : [freeze];
const rate = { hidden: 0.1, attention: 0.1, head: 0.1 };
const engine = await Engine.open({
  task: { name: 'text-classification', options: {} },
  model,
  freeze: patterns,
  dropout: rate,
  recompute,
  seed: 0,
  threads: 2,
});

function batchOf(length) {
  const tokens = (value) => {
    const tensor = sharedTensor('int64', [batchSize, length]);
    tensor.data.fill(value);
    return tensor;
  };
  const weights = sharedTensor('float32', [batchSize]);
  weights.data.fill(1);
  return {
    inputs: new Map([
      ['input_ids', tokens(5n)],
      ['attention_mask', tokens(1n)],
      ['token_type_ids', tokens(0n)],
      ['labels', sharedTensor('int64', [batchSize])],
      ['sample_weights', weights],
    ]),
  };
}

// Reading every page of the arena, so that it is resident before the sessions.
const parametersMB = engine.parameters.data.byteLength / 2 ** 20;
engine.gradients.data.fill(0);
const before = residentMB();
for (let step = 0; step < 2; step++)
  for (const length of lengths)
    await engine.forwardBackward(batchOf(Number(length)), { normaliser: batchSize }, { seed: 0, step, microStep: 0 });
const added = residentMB() - before;
const shapesAt = (length) => Object.fromEntries(engine.model.inputs.map(({ name }) => [name, [batchSize, length]]));
const set = lengths.map((length) => ({ mode: 'train', shapes: shapesAt(Number(length)) }));
const [estimated] = await engine.bytesTogether({ sets: [set] });
console.log(JSON.stringify({ added, parametersMB, estimatedMB: estimated / 2 ** 20 }));
await engine.close();
