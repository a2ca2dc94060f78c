// What is written is what was trained: the saved directory, opened by the stock onnxruntime-node session, against the
// training graph in evaluation mode, on batches of a real tokenizer, after some steps with dropout.

import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Batch } from '#ortune/data/loader.js';
import { epochOrder } from '#ortune/data/sampler.js';
import { textSamples } from '#ortune/data/samples.js';
import { Engine } from '#ortune/engine/engine.js';
import { openSavedModel, type SavedModel } from '#ortune/engine/saved-model.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { TorchScriptWriter } from '#ortune/models/torchscript.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import type { ValueInfo } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { parameterRanges } from '#ortune/optim/optimizer.js';
import { type Exporter, exporters, type Family, families, fixture } from '../support/exported.js';
import { textLoader } from '../support/loaders.js';
import { samplesFor, tableFor } from '../support/tables.js';
import { temporaryDirectory } from '../support/temporary.js';

const root = temporaryDirectory('saved');

const words = ['free', 'cash', 'meeting', 'patch', 'lunch', 'offer'];
const texts = Array.from({ length: 14 }, (_, i) =>
  Array.from({ length: 2 + ((5 * i) % 17) }, (_, k) => words[(i + k * k) % words.length]).join(' '),
);
const labels = ['a', 'b', 'c'];
const batchSize = 4;

const pieces = buildWordPiece(texts, { vocabulary: 60, minFrequency: 1, maxLength: 32 });

/** A fixture as a model directory with a tokenizer whose ids the fixture has embeddings for. */
function modelDirectory(kind: 'encoders' | 'headless', family: Family, exporter: Exporter): string {
  const directory = join(root, `${kind}-${family}-${exporter}`);
  const { tokenizer, config } = pieces;
  mkdirSync(join(directory, 'onnx'), { recursive: true });
  copyFileSync(fixture(kind, family, exporter), join(directory, 'onnx', 'model.onnx'));
  const write = (name: string, value: unknown) => writeFileSync(join(directory, name), JSON.stringify(value));
  write('tokenizer.json', tokenizer);
  write('tokenizer_config.json', config);
  write('config.json', { model_type: family, hidden_size: 32, hidden_dropout_prob: 0.2, max_position_embeddings: 40 });
  return directory;
}

const task = { name: 'text-classification', options: {} };
const logitsOf = async (model: SavedModel, batch: Batch): Promise<Float32Array> =>
  (await model.run('predict', task, batch)).logits!.data as Float32Array;

/** Trains some steps, saves, and hands every batch to `look` with the logits of both; returns where it was saved. */
async function compare(
  model: string,
  look: (batch: Batch, ours: Float32Array, stock: Float32Array) => void,
  { learningRate = 1e-2, freeze = [] as string[] } = {},
) {
  const engine = await Engine.open({ task, model, labels, freeze, dropout: {}, seed: 1, threads: 1 });
  const feeder = await textLoader({
    directory: model,
    inputs: engine.model.inputs,
    batchSize,
    maxLength: 16,
    buckets: [8],
  });
  const table = tableFor(
    'texts',
    texts.map((text, i) => ({ text, label: labels[i % 3]!, line: i + 1 })),
  );
  const lengths = table.length!.subarray(0, table.count);
  const rows = () => samplesFor(table, batchSize, epochOrder({ lengths, batchSize, seed: 0, epoch: 0 }));
  try {
    const trained = new Set(engine.model.parameters.filter((p) => p.trainable).map(({ name }) => name));
    const ranges = parameterRanges(engine.model.parameters, ({ name }) =>
      trained.has(name) ? { learningRate, weightDecay: 0.01 } : undefined,
    );
    const optimizer = await engine.createOptimizer(ranges, { name: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    let step = 0;
    for await (const batch of feeder.batches(rows())) {
      await engine.forwardBackward(batch, batch.weights, { seed: 1, step: step++, microStep: 0 });
      const loss = await engine.loss();
      expect(loss).toBeGreaterThan(0);
      expect(await optimizer.step(1, 1)).toBeGreaterThan(0);
      batch.release();
    }
    const saved = join(model, '..', `${model}-saved`);
    await engine.save(saved);
    const stock = await openSavedModel({ model: saved, threads: 1 });
    expect(stock.labels).toEqual(labels);
    for await (const batch of feeder.batches(rows())) {
      const { logits } = await engine.run('evaluate', batch, batch.weights);
      look(batch, Float32Array.from(logits!.data as Float32Array), await logitsOf(stock, batch));
      batch.release();
    }
    await stock.close();
    return saved;
  } finally {
    await feeder.close();
    await engine.close();
  }
}

/** Each family with a head and without, one from either exporter. */
const someFixtures = families.flatMap((family, i) =>
  (['encoders', 'headless'] as const).map((kind, k) => [kind, family, exporters[(i + k) % 2]!] as const),
);

describe('a model of another type', () => {
  it('gives its logits as float32', async () => {
    const directory = modelDirectory('encoders', 'distilbert', 'torchscript');
    const graph = toGraph(openModel(directory));
    const [{ name: logits }] = graph.outputs as [ValueInfo];
    const cast = {
      name: 'half',
      op: 'Cast',
      domain: '',
      attrs: new Map([['to', { kind: 'int', value: 10 } as const]]),
    };
    graph.nodes.push({ ...cast, inputs: [logits], outputs: ['half_logits'] });
    graph.outputs = [{ name: 'half_logits', dtype: 'float16', shape: ['batch', 3] }];
    writeFileSync(join(root, 'half.onnx'), encodeGraph(graph));
    const inputs = graph.inputs.map(({ name, dtype }) => ({ name, dtype }));
    const feeder = await textLoader({ directory, inputs, batchSize, maxLength: 16 });
    const [whole, half] = await Promise.all(
      [directory, join(root, 'half.onnx')].map((model) => openSavedModel({ model, threads: 1 })),
    );
    for await (const batch of feeder.batches(textSamples(texts.slice(0, batchSize), batchSize))) {
      const [expected, found] = [await logitsOf(whole!, batch), await logitsOf(half!, batch)];
      expect(found).toBeInstanceOf(Float32Array);
      for (const [i, logit] of expected.entries()) expect(found[i]).toBeCloseTo(logit, 2);
      batch.release();
    }
    await Promise.all([feeder.close(), whole!.close(), half!.close()]);
  });
});

/** Types and bytes of a file's float tensors by name. */
const tensorsOf = (model: string) =>
  new Map([...toGraph(openModel(model)).initializers].filter(([, { dtype }]) => dtype.startsWith('float')));

describe('a model that stores float16 and computes in float32', () => {
  const directory = join(root, 'stored');
  const sizes = { layers: 2, hidden: 32, heads: 2, positions: 40, labels, dropout: 0.2, seed: 4 };
  writeEncoder(directory, { ...sizes, tokenizer: pieces, storage: 'float16' });

  it('is trained in float32 and saved as it was stored', async () => {
    let far = 0;
    const saved = await compare(directory, (_, ours, stock) => {
      for (const [i, logit] of ours.entries()) far = Math.max(far, Math.abs(logit - stock[i]!));
    });
    expect(far).toBeGreaterThan(1e-6); // rounding to float16
    expect(far).toBeLessThan(5e-3);
    const [before, after] = [tensorsOf(directory), tensorsOf(saved)];
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    const halves = [...before].filter(([, { dtype }]) => dtype === 'float16');
    expect(halves.map(([name]) => name)).toContain('bert.embeddings.word_embeddings.weight');
    expect(halves.length).toBe(3 + 2 * 6 + 2);
    for (const [name, tensor] of before) {
      const { dtype, shape } = after.get(name)!;
      expect({ dtype, shape }, name).toEqual({ dtype: tensor.dtype, shape: tensor.shape });
    }
    for (const [name, tensor] of halves)
      expect(Buffer.compare(after.get(name)!.bytes(), tensor.bytes()), name).not.toBe(0);
    await compare(
      saved,
      (_, ours, stock) => {
        for (const [i, logit] of ours.entries()) expect(Math.abs(logit - stock[i]!)).toBeLessThan(1e-5);
      },
      { learningRate: 0 },
    );
  });

  it('keeps the bits of what is frozen', async () => {
    const saved = await compare(directory, () => {}, { freeze: ['trunk'] });
    const [before, after] = [tensorsOf(directory), tensorsOf(saved)];
    const changed = [...before].filter(([name, t]) => Buffer.compare(t.bytes(), after.get(name)!.bytes()) !== 0);
    expect(changed.map(([name]) => name).sort()).toEqual(['classifier.bias', 'classifier.weight']);
  });
});

describe('a model that computes in float16', () => {
  const directory = modelDirectory('headless', 'distilbert', 'dynamo');
  // Token embeddings in float16, doubled there; their sum over the tokens goes through a float32 layer.
  const w = new TorchScriptWriter(17);
  const ids = w.input('input_ids', 'int64', ['batch', 'sequence']);
  const table = w.weight('embeddings.weight', [60, 8], new Float32Array(480).map(Math.sin), 'float16');
  const looked = w.op('/embeddings', 'Gather', [table, ids]);
  const doubled = w.op('/embeddings', 'Cast', [w.op('/embeddings', 'Add', [looked, looked])], { to: 1 });
  const pooled = w.op('/pool', 'ReduceSum', [doubled, w.ints('/pool', 1)], { keepdims: 0 });
  const weight = w.weight('classifier.weight', [3, 8], new Float32Array(24).map(Math.cos));
  const bias = w.weight('classifier.bias', [3], new Float32Array(3));
  w.op('/classifier', 'Gemm', [pooled, weight, bias], { transB: 1 }, 'logits');
  w.output('logits', 'float32', ['batch', 3]);
  const model = join(root, 'computes');
  cpSync(directory, model, { recursive: true });
  writeFileSync(join(model, 'onnx', 'model.onnx'), w.finish());

  it('trains in float32, and is saved in float16', async () => {
    const saved = await compare(model, (_, ours, stock) => {
      for (const [i, logit] of ours.entries()) expect(Math.abs(logit - stock[i]!)).toBeLessThan(2e-3);
    });
    const [before, after] = [tensorsOf(model), tensorsOf(saved)];
    expect(after.get('embeddings.weight')!.dtype).toBe('float16');
    expect(after.get('embeddings.weight')!.numbers()).not.toEqual(before.get('embeddings.weight')!.numbers());
    const engine = await Engine.open({ task, model, labels, freeze: ['embed*'], dropout: {}, seed: 1, init: 'random' });
    expect(engine.model.notes.join()).toContain(
      'computes in float16: it is trained in float32, and the weights are saved as float16',
    );
    await engine.close();
  });

  it('trains where that part is frozen', async () => {
    const saved = await compare(
      model,
      (_, ours, stock) => {
        for (const [i, logit] of ours.entries()) expect(Math.abs(logit - stock[i]!)).toBeLessThan(1e-5);
      },
      { freeze: ['embed*'] },
    );
    const [before, after] = [tensorsOf(model), tensorsOf(saved)];
    expect(after.get('embeddings.weight')!.bytes()).toEqual(before.get('embeddings.weight')!.bytes());
    expect(after.get('classifier.weight')!.numbers()).not.toEqual(before.get('classifier.weight')!.numbers());
  });
});

describe('a saved model', () => {
  it.each(someFixtures)('has the logits it was trained to: %s, %s, %s', async (kind, family, exporter) => {
    const lengths = new Set<number>();
    let [batches, spread] = [0, 0];
    await compare(modelDirectory(kind, family, exporter), (batch, ours, stock) => {
      batches++;
      lengths.add(batch.axes.tokens!);
      expect(ours).toHaveLength(batchSize * labels.length);
      expect(stock).toHaveLength(ours.length);
      for (const [i, logit] of ours.entries()) {
        expect(Math.abs(logit - stock[i]!)).toBeLessThan(1e-5);
        spread = Math.max(spread, Math.abs(logit - ours[0]!));
      }
    });
    expect(batches).toBe(4);
    expect([...lengths].sort((a, b) => a - b)).toEqual([8, 16]);
    expect(spread).toBeGreaterThan(1e-3);
  });
});
