// What the benches that time a step of ortune's own share: a batch that is there already, and steps of an engine on it:
// forward, loss, backward, clipping to norm 1, AdamW.

import { z } from 'zod';
import { parameterRanges } from '../../dist/optim/optimizer.js';
import { optimizerFields, ruleOf } from '../../dist/optim/rules.js';
import { sharedTensor } from '../../dist/runtime/arena.js';

/** A tensor of a batch whose element i is `value(i)`. */
export function filled(dtype, dims, value) {
  const view = sharedTensor(dtype, dims);
  for (let i = 0; i < view.data.length; i++) view.data[i] = dtype === 'int64' ? BigInt(value(i)) : value(i);
  return view;
}

/**
 * The median of the steps behind `warm` others, the most that was resident at once, and the losses before all steps.
 * @param values of the batch, by name
 * @param group rate and decay of all that is trained
 */
export async function timedSteps(engine, values, { normaliser, group, warm, steps }) {
  const inputs = new Map(Object.entries(values));
  const rule = ruleOf('adamw').options(z.object(optimizerFields).parse({}));
  const optimizer = await engine.createOptimizer(
    parameterRanges(engine.model.parameters, ({ trainable }) => (trainable ? group : undefined)),
    rule,
  );
  const [times, losses] = [[], []];
  for (let step = 0; step < warm + steps; step++) {
    const started = performance.now();
    await engine.forwardBackward({ inputs }, { normaliser }, { seed: 0, step, microStep: 0 });
    losses.push(await engine.loss());
    await optimizer.update(1, 1);
    times.push(performance.now() - started);
  }
  const stepMs = times.slice(warm).sort((a, b) => a - b)[steps >> 1];
  return { stepMs, peakRssBytes: 1024 * process.resourceUsage().maxRSS, losses };
}
