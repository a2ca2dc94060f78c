// T5, Marian, BART, mBART and M2M-100 (with NLLB's tokenizer) in the files of optimum, trained as one graph: loss,
// every gradient of both files and 20 steps as PyTorch has them. What is saved holds the trained weights in every file,
// and the transformers library writes with it, token for token, what Python's writes greedily. See
// fixtures/seq2seq/make.py.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AutoModelForSeq2SeqLM, env, pipeline, type Tensor } from '@xenova/transformers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTokenizer } from '#ortune/data/tokenizer/files.js';
import { RustTokenizer } from '#ortune/data/tokenizer/rust.js';
import { Engine, type EngineBatch } from '#ortune/engine/engine.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { type Optimizer, parameterRanges } from '#ortune/optim/optimizer.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import { languagesOf } from '#ortune/tasks/seq2seq/languages.js';
import { seq2seq } from '#ortune/tasks/seq2seq.js';
import { type Place, readSafetensors } from './golden.js';
import { temporaryDirectory } from './support/temporary.js';
import { writeByFiles } from './support/write-by-files.js';

interface Numbers {
  shape: [number, number];
  data: number[];
}
interface Written {
  source: string;
  tokens: number[];
  text: string;
}
interface Golden {
  inputs: Record<'input_ids' | 'attention_mask' | 'decoder_input_ids', Numbers>;
  labels: Numbers;
  loss: number;
  smoothing: number;
  smoothed_loss: number;
  adamw: { lr: number; betas: [number, number]; eps: number; weight_decay: number; clip: number; losses: number[] };
  /** Of models of many languages: the codes of source and target, and what Python's `generate` is given. */
  languages?: [string, string];
  generates?: object;
  generated: Written[];
  generated_after: Written[];
  parameters: { name: string; shape: number[]; in: Record<string, Place[]> }[];
}

env.allowRemoteModels = false;
const root = temporaryDirectory('seq2seq');
const path = (name: string): string => fileURLToPath(new URL(`./fixtures/seq2seq/${name}`, import.meta.url));

/** The golden's rows as the loader writes them: tokens that count first. */
function batchOf({ inputs, labels }: Golden): { batch: EngineBatch; counted: number } {
  const counts = labels.data.flatMap((id, at) => (id === -100 ? [] : [at]));
  const filled = (name: string, shape: number[], at: (i: number) => number, float = false) => {
    const view = sharedTensor(float ? 'float32' : 'int64', shape);
    for (let i = 0; i < view.data.length; i++) view.data[i] = float ? at(i) : BigInt(at(i));
    return [name, view] as const;
  };
  const places = labels.data.length;
  const batch = {
    inputs: new Map([
      ...Object.entries(inputs).map(([name, { shape, data }]) => filled(name, shape, (i) => data[i]!)),
      filled('target_positions', [places], (i) => counts[i] ?? 0),
      filled('labels', [places], (i) => (i < counts.length ? labels.data[counts[i]!]! : 0)),
      filled('sample_weights', [places], (i) => Number(i < counts.length), true),
    ]),
  };
  return { batch, counted: counts.length };
}

const norm = (values: Float32Array): number => Math.hypot(...values);
const transposed = (values: Float32Array, [rows, columns]: readonly number[]): Float32Array =>
  values.map((_, i) => values[(i % rows!) * columns! + Math.floor(i / rows!)]!);

describe.each(['t5', 'marian', 'bart', 'mbart', 'nllb'])('%s', (family) => {
  const golden = JSON.parse(readFileSync(path(`${family}.golden.json`), 'utf8')) as Golden;
  const { batch, counted } = batchOf(golden);
  const { adamw } = golden;
  const saved = join(root, family);
  const [source, target] = golden.languages ?? [];
  const languages = languagesOf(path(family), { source, target });
  const task = { name: 'seq2seq', options: { prefix: '', ...(languages && { languages }) } };
  const tokenizer = new RustTokenizer(readTokenizer(path(family)), 512, languages?.around.source);
  let engine: Engine;
  const open = (labelSmoothing = 0): Promise<Engine> => {
    const dropout = { hidden: 0, attention: 0, head: 0 };
    const options = { model: path(family), parts: seq2seq.parts, task, freeze: [], dropout, seed: 1, threads: 1 };
    return Engine.open({ ...options, labelSmoothing });
  };
  const step = async (on: Engine, number: number): Promise<number> => {
    await on.forwardBackward(batch, { normaliser: counted }, { seed: 1, step: number, microStep: 0 });
    return on.loss();
  };
  beforeAll(async () => {
    engine = await open();
  });
  afterAll(() => engine.close());

  /** Name in the joined graph of a parameter's first place. */
  const nameOf = (place: Place, file: string): string | undefined =>
    [place.name, `${file}/${place.name}`].find((name) =>
      engine.model.parameters.some((parameter) => parameter.name === name),
    );

  it('has the loss and every gradient of PyTorch', async () => {
    const loss = await step(engine, 0);
    expect(Math.abs(loss / golden.loss - 1)).toBeLessThan(1e-5);
    const gradients = readSafetensors(path(`${family}.golden.safetensors`));
    const whole = Math.hypot(...[...gradients.values()].map(norm));
    expect(engine.model.parameters.map(({ trainable }) => trainable)).toEqual(golden.parameters.map(() => true));
    const seen = new Set<string>();
    for (const { name, in: files } of golden.parameters) {
      const places = Object.entries(files).flatMap(([file, own]) => own.map((place) => ({ file, place })));
      const found = places.find(({ file, place }) => nameOf(place, file) !== undefined);
      expect(found, name).toBeDefined();
      const own = nameOf(found!.place, found!.file)!;
      seen.add(own);
      const { shape } = engine.model.parameters.find((parameter) => parameter.name === own)!;
      const gradient = Float32Array.from(engine.gradients.array(own));
      const expected = gradients.get(name)!;
      const turned = found!.place.transposed ? transposed(gradient, shape) : gradient;
      const error = norm(turned.map((value, i) => value - expected[i]!));
      expect(error, name).toBeLessThanOrEqual(2e-5 * Math.max(norm(expected), 1e-4 * whole));
    }
    expect(seen.size).toBe(golden.parameters.length);
  });

  it('has the loss of PyTorch with smoothed labels', async () => {
    const smoothed = await open(golden.smoothing);
    try {
      expect(Math.abs((await step(smoothed, 0)) / golden.smoothed_loss - 1)).toBeLessThan(1e-5);
    } finally {
      await smoothed.close();
    }
  });

  it('takes 20 steps as PyTorch does', async () => {
    const optimizer = await optimizerOf(engine, adamw.lr, adamw);
    const losses: number[] = [];
    for (let i = 0; i < adamw.losses.length; i++) {
      losses.push(await step(engine, i));
      await optimizer.step(1, adamw.clip);
    }
    for (const [i, loss] of losses.entries()) expect(Math.abs(loss / adamw.losses[i]! - 1)).toBeLessThan(1e-3);
  });

  it('writes what Python writes, as it is and after training, opened by the transformers library', async () => {
    const trained = await open();
    try {
      const optimizer = await optimizerOf(trained, 1e-2, adamw);
      let loss = 0;
      for (let i = 0; i < 160; i++) {
        loss = await step(trained, i);
        await optimizer.step(1, adamw.clip);
      }
      expect(loss).toBeLessThan(0.1);
      await trained.save(saved);
    } finally {
      await trained.close();
    }
    for (const [directory, texts, given] of [
      [path(family), golden.generated, golden.generates],
      // Saved with its languages.
      [saved, golden.generated_after, {}],
    ] as const) {
      const model = await AutoModelForSeq2SeqLM.from_pretrained(directory, { dtype: 'fp32' });
      const write = await pipeline('text2text-generation', directory, { dtype: 'fp32' });
      for (const { source, tokens, text } of texts) {
        const ids = (write as unknown as { tokenizer(text: string): Record<string, Tensor> }).tokenizer(source);
        const found = await model.generate({ ...ids, max_new_tokens: 40, do_sample: false, ...given } as never);
        expect((found as Tensor).tolist()[0].map(Number), source).toEqual(tokens);
        expect(await write(source, { max_new_tokens: 40, ...given } as never)).toEqual([{ generated_text: text }]);
      }
      await write.dispose();
      await model.dispose();
    }
  });

  // Of mBART the pipelines, Python's too, force the language that its decoder started with.
  const pipelines = [
    ...(family === 'mbart' ? [] : [['translation', 'translation_text'] as const]),
    ...(golden.languages ? [] : [['summarization', 'summary_text'] as const]),
  ];
  for (const [name, key] of pipelines)
    it(`writes that in the pipeline ${name} too`, async () => {
      const write = await pipeline(name, saved, { dtype: 'fp32' });
      const given = { max_new_tokens: 40, src_lang: source, tgt_lang: target };
      for (const one of golden.generated_after)
        expect(await write(one.source, given as never)).toEqual([{ [key]: one.text }]);
      await write.dispose();
    });

  if (existsSync(path(`${family}/onnx/decoder_model.onnx`)))
    it('writes that by the files without a merged one', async () => {
      for (const cache of [false, true])
        for (const { source: text, tokens } of golden.generated_after) {
          const { ids } = await tokenizer.encode(text);
          const begin = tokens.slice(0, golden.languages ? 2 : 1);
          expect(await writeByFiles(saved, ids, { begin, end: tokens.at(-1)!, most: 40, cache })).toEqual(tokens);
        }
    });

  it('is saved with the trained weights in every file, as they lie there', () => {
    const files = [...new Set(golden.parameters.flatMap(({ in: places }) => Object.keys(places)))];
    const tensorsOf = (directory: string) =>
      new Map(files.map((file) => [file, toGraph(openModel(join(directory, 'onnx', `${file}.onnx`))).initializers]));
    const [before, after] = [tensorsOf(path(family)), tensorsOf(saved)];
    for (const { name, shape, in: places } of golden.parameters) {
      const values = Object.entries(places).flatMap(([file, own]) =>
        own.flatMap((place) => {
          const tensor = after.get(file)!.get(place.name);
          // A file's own graph has weights of its branch alone.
          if (!tensor) return [];
          const old = before.get(file)!.get(place.name)!;
          expect(tensor.numbers(), `${file} ${place.name}`).not.toEqual(old.numbers());
          const data = tensor.data() as Float32Array;
          return [Array.from(place.transposed ? transposed(data, [...shape].reverse()) : data)];
        }),
      );
      expect(values.length, name).toBeGreaterThan(0);
      for (const value of values) expect(value, name).toEqual(values[0]);
    }
  });
});

function optimizerOf(engine: Engine, learningRate: number, adamw: Golden['adamw']): Promise<Optimizer> {
  const ranges = parameterRanges(engine.model.parameters, () => ({ learningRate, weightDecay: adamw.weight_decay }));
  const [beta1, beta2] = adamw.betas;
  return engine.createOptimizer(ranges, { name: 'adamw', beta1, beta2, epsilon: adamw.eps });
}
