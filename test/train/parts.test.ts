// A model in two files trains as the model in one does, bit for bit: tiny-en cut between two layers, with its word
// embedding in both halves. What is saved are the two files again, which the stock runtime runs one behind the other.

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { Engine, type EngineBatch, type EngineOptions } from '#ortune/engine/engine.js';
import { openSavedModel } from '#ortune/engine/saved-model.js';
import { SessionChain } from '#ortune/engine/session-chain.js';
import { joinModels, type ModelPart, onlyPart, openFiles } from '#ortune/onnx/join.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { parameterRanges } from '#ortune/optim/optimizer.js';
import { uniform } from '#ortune/random.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import { cutModel, halves, writeHalves } from '../support/cut-model.js';
import { temporaryDirectory } from '../support/temporary.js';

const root = temporaryDirectory('parts');
const whole = fileURLToPath(new URL('../../models/tiny-en', import.meta.url));
const cut = join(root, 'cut');
const embedding = 'bert.embeddings.word_embeddings.weight';

/** Layers ask for the batch and the length at the embeddings' output. */
const hidden = '/bert/encoder/layer.1/output/LayerNorm/LayerNormalization_output_0';
const embedded = '/bert/embeddings/LayerNorm/LayerNormalization_output_0';
writeHalves(cut, cutModel(openModel(whole).proto, hidden, ['batch', 'sequence', 192], [embedded]));
copyFileSync(join(whole, 'config.json'), join(cut, 'config.json'));

const probability = 0.25;
const [rows, length] = [3, 16];

/** Random words; a quarter of the places is to be found. */
function batchOf(step: number): EngineBatch {
  const targets = rows * Math.round(length * probability);
  const filled = (name: string, count: number, at: (i: number) => number, float = false) => {
    const shape = count === rows * length ? [rows, length] : [count];
    const view = sharedTensor(float ? 'float32' : 'int64', shape);
    for (let i = 0; i < count; i++) view.data[i] = float ? at(i) : BigInt(at(i));
    return [name, view] as const;
  };
  const word = (i: number): number => 5 + Math.floor(7900 * uniform(7, step, i));
  return {
    inputs: new Map([
      filled('input_ids', rows * length, word),
      filled('attention_mask', rows * length, (i) => (i % length < length - (i > length ? 5 : 0) ? 1 : 0)),
      filled('token_type_ids', rows * length, () => 0),
      filled('masked_positions', targets, (i) => i * 4),
      filled('labels', targets, (i) => word(1000 + i)),
      filled('sample_weights', targets, () => 1, true),
    ]),
  };
}

interface Trained {
  losses: number[];
  /** Bytes by readable name. */
  weights: Map<string, Buffer>;
  parameters: Engine['model']['parameters'];
  saved: string;
}

const task = { name: 'masked-lm', options: { probability, wholeWords: false, nextSentence: false } };

async function train(model: string, options: Partial<EngineOptions> = {}): Promise<Trained> {
  const dropout = { hidden: 0.1, attention: 0.1 };
  const engine = await Engine.open({ model, task, freeze: [], dropout, seed: 3, threads: 1, ...options });
  const { parameters } = engine.model;
  try {
    const ranges = parameterRanges(parameters, () => ({ learningRate: 1e-3, weightDecay: 0.01 }));
    const optimizer = await engine.createOptimizer(ranges, { name: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    const losses: number[] = [];
    for (let step = 0; step < 4; step++) {
      await engine.forwardBackward(batchOf(step), { normaliser: 12 }, { seed: 3, step, microStep: 0 });
      losses.push(await engine.loss());
      await optimizer.step(1, 1);
    }
    const saved = join(root, options.parts ? 'saved-halves' : 'saved-whole');
    await engine.save(saved);
    const weights = new Map(
      parameters.map(({ name, alias }) => [
        alias,
        Buffer.from(Float32Array.from(engine.parameters.array(name)).buffer),
      ]),
    );
    return { losses, weights, parameters, saved };
  } finally {
    await engine.close();
  }
}

/** The logits of a batch by the stock runtime. */
async function stockLogits(model: string, parts: readonly ModelPart[] | undefined): Promise<Float32Array> {
  const chain = await SessionChain.open(joinModels(parts ?? onlyPart, openFiles(model, parts)), 2);
  const [logits] = await chain.run(batchOf(9).inputs, ['logits']);
  await chain.release();
  return logits!.data as Float32Array;
}

describe('tiny-en in two files', () => {
  let [one, two]: Trained[] = [];
  beforeAll(async () => {
    one = await train(whole);
    two = await train(cut, { parts: halves });
  });

  it('trains to the same bits as in one', () => {
    expect(one!.losses[0]).toBeGreaterThan(5);
    expect(two!.losses).toEqual(one!.losses);
    expect([...two!.weights.keys()]).toEqual([...one!.weights.keys()]);
    for (const [alias, bytes] of one!.weights) expect(two!.weights.get(alias)!.equals(bytes), alias).toBe(true);
  });

  it('keeps the word embedding that both halves use one parameter, and saves it in both', () => {
    const tables = two!.parameters.filter(({ alias }) => alias.includes('word_embeddings'));
    expect(tables.map(({ alias, shape }) => [alias, ...shape])).toEqual([[embedding, 8000, 192]]);
    const [first, second] = halves.map(({ file }) =>
      toGraph(openModel(join(two!.saved, 'onnx', `${file}.onnx`)))
        .initializers.get(embedding)!
        .bytes(),
    );
    const before = toGraph(openModel(whole)).initializers.get(embedding)!.bytes();
    expect(Buffer.compare(first!, second!)).toBe(0);
    expect(Buffer.compare(first!, before)).not.toBe(0);
  });

  it('is saved as two files that give the logits of the one', async () => {
    const [expected, found] = [await stockLogits(one!.saved, undefined), await stockLogits(two!.saved, halves)];
    expect(found).toHaveLength(rows * length * 8000);
    expect(expected.some((logit) => Math.abs(logit) > 1)).toBe(true);
    let far = 0;
    for (const [i, logit] of expected.entries()) far = Math.max(far, Math.abs(logit - found[i]!));
    expect(far).toBeLessThan(1e-4);
  });

  it('is measured by the chain of its files', async () => {
    const scores = [];
    for (const [model, parts] of [[one!.saved], [two!.saved, halves]] as const) {
      const stock = await openSavedModel({ model, parts, threads: 1 });
      const { inputs } = batchOf(9);
      scores.push(await stock.run('evaluate', task, { inputs, samples: new Uint32Array(rows), slices: {} }));
      await stock.close();
    }
    expect(scores[1]!.maskedLoss!.data[0]).toBeCloseTo(Number(scores[0]!.maskedLoss!.data[0]), 3);
    expect(scores[1]!.predictions).toEqual(scores[0]!.predictions);
  });

  it('cannot have layers left out, which are in no one file', async () => {
    await expect(train(cut, { parts: halves, keepLayers: 1 })).rejects.toThrow(
      /keepLayers is for a model of one file, and .* has 2: leave it out/,
    );
  });

  it('is refused by the runtime file by file', async () => {
    const model = joinModels(halves, openFiles(cut, halves));
    const [first, second] = model.parts;
    const gone = { ...second!, model: { ...second!.model, path: join(root, 'gone.onnx') } };
    await expect(SessionChain.open({ ...model, parts: [first!, gone] }, 1)).rejects.toThrow(
      /gone.onnx: onnxruntime refuses the model/,
    );
  });
});
