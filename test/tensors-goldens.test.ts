// Models of named tensors against PyTorch: the loss, every gradient and the first 20 losses of AdamW, under every loss
// there is, with and without weights of the samples (test/fixtures/tensors/README.md).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDataset } from '#ortune/data/splits.js';
import { StoredTensors } from '#ortune/data/stored-tensors.js';
import { Engine } from '#ortune/engine/engine.js';
import { modelValues } from '#ortune/engine/model-values.js';
import { openSavedModel } from '#ortune/engine/saved-model.js';
import { parameterRanges } from '#ortune/optim/optimizer.js';
import { openLoader } from '#ortune/tasks/loader.js';
import type { Results } from '#ortune/tasks/task.js';
import { tensors as task } from '#ortune/tasks/tensors.js';
import { tablesOf } from '#ortune/train/data.js';

const folder = join(import.meta.dirname, 'fixtures/tensors');

interface Golden {
  name: string;
  model: string;
  tensors: string;
  losses: { output: string; target: string; loss: string | { file: string }; weight: number }[];
  weights: string | null;
  gradients: string;
  parameters: string[];
  loss: number;
  parts: number[];
  curve: number[];
}
const { goldens, adamw } = JSON.parse(readFileSync(join(folder, 'goldens.json'), 'utf8')) as {
  goldens: Golden[];
  adamw: { lr: number; weight_decay: number };
};

function readGolden({ tensors, parameters, gradients, weights }: Golden) {
  return StoredTensors.with(join(folder, tensors), 'goldens', (stored) => {
    const numbers = (name: string) => stored.numbers(name, stored.place(name).shape[0]!, '');
    return {
      expected: parameters.map((name) => [name, numbers(gradients + name)] as const),
      weights: weights === null ? undefined : numbers(weights),
    };
  });
}

/** As the golden lists them; a file's inputs have their names. */
const configured = (golden: Golden) =>
  golden.losses.map((one) =>
    typeof one.loss === 'string' ? one : { loss: { file: join(folder, one.loss.file) }, weight: one.weight },
  );

await task.load();

/** Read once for all goldens of a model. */
const known = new Map<string, ReturnType<typeof modelValues>>();
function valuesOf(model: string): ReturnType<typeof modelValues> {
  const values = known.get(model) ?? modelValues({ model });
  known.set(model, values);
  return values;
}

it.each(goldens)('$name', async (golden) => {
  const model = join(folder, golden.model);
  const config = { task: 'tensors', losses: configured(golden), batchSize: 8 };
  const spec = { name: 'tensors', options: task.options(config) };
  const columns = task.columns(config, await valuesOf(model));
  const { data, close } = await openDataset({ train: { files: [join(folder, golden.tensors)] }, columns });
  const engine = await Engine.open({ model, task: spec, freeze: [], dropout: {}, seed: 0, threads: 1 });
  const { loader } = await openLoader(config, engine.model, spec, tablesOf([data]));
  try {
    const rows = data.rows({ batchSize: 8, seed: 0, epoch: 0 });
    for await (const batch of loader.batches(rows)) {
      const figuresOf = (results: Results) => {
        const meter = task.meter({ labels: [], samples: 8, directory: '' }, spec.options as never);
        meter.add(results, batch);
        return flat(meter.result());
      };
      const { expected, weights } = readGolden(golden);
      if (weights) (batch.inputs.get('sample_weights')!.data as Float32Array).set(weights);
      const normaliser = weights ? weights.reduce((sum, w) => sum + w, 0) : 8;

      const evaluated = await engine.run('evaluate', batch, { normaliser });
      expect(Number(evaluated.loss!.data[0])).toBeCloseTo(golden.loss, 5);
      // The figures, and by another way those of the file itself.
      const ours = figuresOf(await engine.run('evaluate', batch));
      if (!weights) {
        expect(ours.loss).toBeCloseTo(golden.loss, 5);
        const saved = figuresOf(await savedResults(model, spec, batch));
        for (const [name, value] of Object.entries(ours)) expect(saved[name], name).toBeCloseTo(value, 4);
      }

      const ranges = parameterRanges(engine.model.parameters, ({ shape }) => ({
        learningRate: adamw.lr,
        weightDecay: shape.length < 2 ? 0 : adamw.weight_decay,
      }));
      const optimizer = await engine.createOptimizer(ranges, {
        name: 'adamw',
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
      });
      await engine.forwardBackward(batch, { normaliser }, { seed: 0, step: 0, microStep: 0 });
      for (const [name, gradient] of expected) {
        const mine = engine.gradients.array(name);
        const size = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
        const off = Math.sqrt(gradient.reduce((sum, g, i) => sum + (g - mine[i]!) ** 2, 0));
        expect(off, name).toBeLessThan(2e-5 * Math.max(size, 1e-3));
      }
      for (const [step, loss] of golden.curve.entries()) {
        await engine.forwardBackward(batch, { normaliser }, { seed: 0, step, microStep: 0 });
        const found = await engine.loss();
        expect(Math.abs(found - loss) / Math.abs(loss), `step ${step}: ${found}, expected ${loss}`).toBeLessThan(5e-5);
        await optimizer.step(1, 0);
      }
      batch.release();
    }
  } finally {
    await loader.close();
    await engine.close();
    await close();
  }
});

async function savedResults(model: string, spec: { name: string; options: object }, batch: never | object) {
  const saved = await openSavedModel({ model });
  try {
    return await saved.run('evaluate', spec, batch as never);
  } finally {
    await saved.close();
  }
}

const flat = (result: object): Record<string, number> =>
  Object.fromEntries(
    Object.entries(result).flatMap(([name, value]) =>
      typeof value === 'object'
        ? Object.entries(flat(value)).map(([key, v]) => [`${name}.${key}`, v])
        : [[name, value]],
    ),
  );
