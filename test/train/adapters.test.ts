// Runs that train an adapter: the frozen weights stay bit for bit, what is saved says the same merged and alone, a
// resumed run comes out the same, and checkpoints hold the adapter and the head alone.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { merge } from '#ortune/commands/merge.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { graphOf } from '#ortune/onnx/model.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { readSafetensors } from '../golden.js';
import { quantise } from '../support/quantise.js';
import { smallProblem } from '../support/small-problem.js';
import { modelFile, newRuns, train, weightHashes } from '../support/train.js';

const { path } = smallProblem();
const run = newRuns(path, {
  ...{ epochs: 2, batchSize: 8, warmupRatio: 0, learningRate: 2e-2 },
  ...{ adapter: 'lora', loraRank: 2, loraDropout: 0.1, loraTargets: ['all-linear', 'word_embeddings'] },
});

/** The weight of the first layer's queries. */
const queryOf = (file: string): number[] =>
  toGraph(openModel(file)).initializers.get('bert.encoder.layer.0.attention.self.query.weight')!.numbers();

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
    const merged = path('merged');
    expect(await merge({ model: path('encoder'), adapters: directory, output: merged })).toMatchObject({
      layers: 8,
      notes: [],
    });
    const measured = await evaluate({ model: merged, data: path('test.csv'), threads: 1 });
    expect(measured.metrics.loss).toBeCloseTo(alone.result.metrics!.loss!, 5);
    const twice = path('twice');
    await merge({ model: path('encoder'), adapters: [directory, directory], output: twice });
    const [none, once, both] = [path('encoder'), merged, twice].map((of) => queryOf(modelFile(of)));
    const error = once!.map((w, i) => Math.abs(both![i]! - w - (w - none![i]!)));
    expect(Math.max(...error)).toBeLessThan(1e-6);
    expect(once).not.toEqual(none);
    for (const output of [merged, directory, modelFile(merged)])
      await expect(merge({ model: merged, adapters: directory, output })).rejects.toThrow(
        /^output .* is there already, and holds something/,
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

describe.each(['MatMulNBits', 'DequantizeLinear'] as const)('of weights stored as %s', (form) => {
  it('learns beside them, and is merged into floats, or kept beside the file as it is', async () => {
    const { path } = smallProblem({ hidden: 192 });
    const stored = quantise(path('encoder/onnx/model.onnx'), form, { but: 'classifier', factor: 3 });
    const options = newRuns(path, {
      ...{ maxSteps: 6, batchSize: 8, warmupRatio: 0, learningRate: 1e-2, eval: path('test.csv') },
      ...{ adapter: 'lora', loraTargets: ['query', 'output.dense'] },
    });
    const { result, losses, warnings } = await train(options());
    expect(Math.min(...losses)).toBeLessThan(0.95 * losses[0]!);
    expect(warnings.join()).toMatch(/\d layers .* are floats in the saved model/);
    const measured = await evaluate({ model: result.output, data: path('test.csv'), threads: 1 });
    expect(measured.metrics.loss).toBeCloseTo(result.metrics!.loss!, 2);
    const left = graphOf(openModel(modelFile(result.output))).initializer.filter(({ name }) => stored.includes(name));
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(stored.length);

    const alone = await train(options({ saveAdapter: true }));
    const beside = { model: path('encoder'), adapter: join(alone.result.output), data: path('test.csv'), threads: 1 };
    const { metrics } = await evaluate(beside);
    expect(metrics.loss).toBe(measured.metrics.loss);
  });
});
