// Runs that train an adapter: the frozen weights stay bit for bit, what is saved says the same merged and alone, a
// resumed run comes out the same, and checkpoints hold the adapter and the head alone.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluate } from '#ortune/train/evaluate.js';
import { readSafetensors } from '../golden.js';
import { smallProblem } from '../support/small-problem.js';
import { modelFile, newRuns, train, weightHashes } from '../support/train.js';

const { path } = smallProblem();
const run = newRuns(path, {
  ...{ epochs: 2, batchSize: 8, warmupRatio: 0, learningRate: 2e-2 },
  ...{ adapter: 'lora', loraRank: 2, loraDropout: 0.1, loraTargets: ['all-linear', 'word_embeddings'] },
});

describe('a run with LoRA', () => {
  it('learns, changes the weights that have an adapter and the head, and no other', async () => {
    const { result, losses, warnings } = await train(run({ epochs: 4, eval: path('test.csv') }));
    expect(warnings.join()).toMatch(/LoRA of rank 2 and alpha 4 at 8 layers: \d+ numbers train, and 66 of classifier/);
    expect(Math.min(...losses)).toBeLessThan(0.95 * losses[0]!);
    const [before, after] = [path('encoder/onnx/model.onnx'), modelFile(result.output)].map(weightHashes);
    const changed = [...before!].filter(([name, hash]) => after!.get(name) !== hash);
    expect(changed).toHaveLength(8 + 2);
    const { metrics } = await evaluate({ model: result.output, data: path('test.csv'), threads: 1 });
    expect(metrics.loss).toBeCloseTo(result.metrics!.loss!, 5);
  });

  it('goes on from a checkpoint, which holds what is trained alone, to the same bits', async () => {
    const whole = await train(run({ saveSteps: 5, saveTotalLimit: 5 }));
    const checkpoints = join(whole.result.output, '..', 'checkpoints');
    const first = join(checkpoints, readdirSync(checkpoints).find((name) => /\b0*5$/.test(name))!);
    const names = [...readSafetensors(join(first, 'model.safetensors')).keys()];
    expect(names.filter((name) => !/\.lora_|^classifier\./.test(name))).toEqual([]);
    expect(names).toHaveLength(2 * 8 + 2);
    const resumed = await train(run({ resume: first }));
    expect(resumed.losses).toEqual(whole.losses.slice(5));
    expect(resumed.bits).toBe(whole.bits);
  });

  it('is written alone, and trained further from there', async () => {
    const options = run({ saveAdapter: true, eval: path('test.csv') });
    const alone = await train(options);
    expect(existsSync(join(options.output, 'model'))).toBe(false);
    const directory = join(options.output, 'adapter');
    expect(readdirSync(directory)).toEqual(
      expect.arrayContaining(['adapter_config.json', 'adapter_model.safetensors', 'config.json', 'tokenizer.json']),
    );
    const { loraRank: _, loraTargets: __, ...more } = run({ adapter: directory, eval: path('test.csv'), maxSteps: 0 });
    const untouched = await train(more);
    expect(untouched.result.metrics!.loss).toBeCloseTo(alone.result.metrics!.loss!, 6);
  });

  it('is refused where options contradict each other, or name no layer', async () => {
    await expect(train(run({ freeze: ['trunk'] }))).rejects.toThrow(/'adapter' and 'freeze' contradict/);
    await expect(train(run({ init: 'random' }))).rejects.toThrow(/'adapter' and 'init' contradict/);
    await expect(train(run({ adapter: undefined }))).rejects.toThrow(/option 'loraRank' is for adapters/);
    await expect(train(run({ adapter: path('encoder') }))).rejects.toThrow(/'adapter' and 'loraRank' contradict/);
    await expect(train(run({ loraTargets: ['q_proj'] }))).rejects.toThrow(/loraTargets: 'q_proj' matches none of/);
  });
});
