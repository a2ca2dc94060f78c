// Training that unfreezes a model from the top: what is frozen keeps its bits, and a run that is resumed in between
// comes to the same ones.

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { smallProblem } from '../support/small-problem.js';
import { temporaryDirectory } from '../support/temporary.js';
import { modelFile, newRuns, type Run, train, weightHashes } from '../support/train.js';

const { path } = smallProblem();
const optionsOf = newRuns(path, {
  batchSize: 8,
  dropout: 0,
  schedule: 'constant',
  warmupRatio: 0,
  unfreezeSteps: 2,
  unfreeze: 'gradual',
  weightDecay: 0.1,
});

/** Tensors of the saved model that have changed, by the part they are of. */
function changedParts(output: string): string[] {
  const before = weightHashes(modelFile(path('encoder')));
  const after = weightHashes(modelFile(join(output, 'model')));
  const changed = [...after].filter(([name, hash]) => before.get(name) !== hash).map(([name]) => name);
  return [...new Set(changed.map((name) => /embeddings|layer\.0|pooler|classifier/.exec(name)?.[0] ?? name))].sort();
}

it('frees a layer at a time, and a head that trains alone is that of a frozen trunk', async () => {
  const parts: string[][] = [];
  for (const maxSteps of [4, 6]) {
    const options = optionsOf({ maxSteps });
    const { warnings } = await train(options);
    parts.push(changedParts(options.output));
    expect(warnings.filter((note) => note.startsWith('unfreezing'))).toHaveLength(1);
    expect(warnings.some((note) => note.includes('never trained'))).toBe(maxSteps < 6);
  }
  expect(parts[0]).toEqual(expect.arrayContaining(['classifier', 'layer.0']));
  expect(parts[0]).not.toContain('embeddings');
  expect(parts[1]).toContain('embeddings');
  const alone = await train(
    optionsOf({ maxSteps: 2, freeze: ['trunk'], unfreeze: undefined, unfreezeSteps: undefined }),
  );
  const options = optionsOf({ maxSteps: 2, unfreeze: 'head-first' });
  const first = await train(options);
  expect(changedParts(options.output)).toEqual(['classifier']);
  expect(first.losses).toEqual(alone.losses.map((loss) => expect.closeTo(loss, 6)));
});

it('is resumed to the same bits, between the layers and behind them', async () => {
  const options: Run = optionsOf({ maxSteps: 5, saveSteps: 1, saveTotalLimit: 10 });
  const whole = await train(options);
  for (const step of [1, 3]) {
    const output = temporaryDirectory('unfreezing');
    cpSync(options.output, output, { recursive: true });
    const resumed = await train({ ...options, output, resume: join(output, 'checkpoints', `step-${step}`) });
    expect([step, resumed.bits]).toEqual([step, whole.bits]);
    rmSync(output, { recursive: true });
  }
});
