// Built language models beside Python's transformers (test/fixtures/built): logits of the same weights at once and
// token by token with the cache, what is written greedily, and how weights begin.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { AutoModelForCausalLM, AutoModelForSeq2SeqLM, env, Tensor as TransformersTensor } from '@xenova/transformers';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { buildLanguageModel, writeLanguageModel } from '#ortune/models/language/build.js';
import type { LanguageModelOptions } from '#ortune/models/language/options.js';
import { distanceBuckets } from '#ortune/models/language/t5.js';
import { ModelProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { temporaryDirectory } from '../../support/temporary.js';

interface Golden {
  ids: number[][];
  mask: number[][];
  /** Of an encoder with a decoder. */
  targets: number[][] | null;
  logits: number[];
  prompt: number[];
  written: number[];
  initial: Record<string, { mean: number; deviation: number }>;
}

const read = (name: string) => JSON.parse(readFileSync(join('test/fixtures/built', name), 'utf8'));
const options: Record<string, LanguageModelOptions> = read('options.json');
const directory = temporaryDirectory('built');

const int64 = (rows: number[][]) =>
  new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]!.length]);

type Given = Record<string, Tensor>;
const sessionOf = (bytes: Uint8Array) => InferenceSession.create(bytes, { logSeverityLevel: 3 });
const paired = ({ targets }: Golden): boolean => targets !== null;

/** Inputs beside the tokens that are read and the cache: of tokens up to `end`. */
async function context({ ids, mask, targets }: Golden, files: Record<string, Uint8Array>) {
  const until = (end: number) => int64(mask.map((row) => row.slice(0, end)));
  if (targets === null)
    return (start: number, end: number): Given => ({
      attention_mask: until(end),
      position_ids: int64(ids.map((row) => row.map((_, at) => at).slice(start, end))),
    });
  const session = await sessionOf(files.encoder_model!);
  const all = until(mask[0]!.length);
  const { last_hidden_state } = await session.run({ input_ids: int64(ids), attention_mask: all });
  await session.release();
  return (start: number): Given => ({
    encoder_hidden_states: last_hidden_state!,
    encoder_attention_mask: all,
    use_cache_branch: new Tensor('bool', [start > 0], [1]),
  });
}

/** Logits [rows, tokens, vocabulary], read in portions that end at `ends`, each with the cache of those before. */
async function logitsOf(files: Record<string, Uint8Array>, golden: Golden, ends: number[]): Promise<number[][][]> {
  const read = golden.targets ?? golden.ids;
  const rows = read.map((): number[][] => []);
  const beside = await context(golden, files);
  const session = await sessionOf(files.model ?? files.decoder_model_merged!);
  let cache: Given = {};
  for (const input of session.inputMetadata)
    if (input.isTensor && input.name.startsWith('past')) {
      const [, heads, , size] = input.shape.map(Number);
      cache[input.name] = new Tensor('float32', [], [read.length, heads!, 0, size!]);
    }
  for (const [i, end] of ends.entries()) {
    const start = ends[i - 1] ?? 0;
    const ids = int64(read.map((row) => row.slice(start, end)));
    const out = await session.run({ input_ids: ids, ...beside(start, end), ...cache });
    const [, length, words] = out.logits!.dims as [number, number, number];
    const data = [...(out.logits!.data as Float32Array)];
    for (const [r, row] of rows.entries())
      for (let t = 0; t < length; t++) row.push(data.slice((r * length + t) * words, (r * length + t + 1) * words));
    const next = Object.entries(out).filter(([name]) => name.startsWith('present'));
    cache = Object.fromEntries(next.map(([name, value]) => [name.replace('present', 'past_key_values'), value]));
  }
  await session.release();
  return rows;
}

describe.each(Object.keys(options))('a built %s', (name) => {
  const golden: Golden = read(`${name}.golden.json`);

  it('gives the logits of the transformers library, at once and with its cache', async () => {
    const files = buildLanguageModel(options[name]!);
    const words = options[name]!.vocabulary!;
    const length = (golden.targets ?? golden.ids)[0]!.length;
    for (const ends of [[length], [3, 4, length]]) {
      const rows = await logitsOf(files, golden, ends);
      for (const [r, row] of rows.entries())
        for (const [t, logits] of row.entries()) {
          if (!paired(golden) && golden.mask[r]![t] === 0) continue;
          const wanted = golden.logits.slice((r * length + t) * words, (r * length + t + 1) * words);
          for (const [i, logit] of logits.entries()) expect(Math.abs(logit - wanted[i]!)).toBeLessThan(1e-5);
        }
    }
  });

  it('is opened by transformers.js, which writes the same tokens', async () => {
    writeLanguageModel(join(directory, name), options[name]!);
    env.allowRemoteModels = false;
    const kind = paired(golden) ? AutoModelForSeq2SeqLM : AutoModelForCausalLM;
    const model = await kind.from_pretrained(join(directory, name), { dtype: 'fp32' });
    const ids = new TransformersTensor('int64', BigInt64Array.from(golden.prompt, BigInt), [1, golden.prompt.length]);
    const ones = new TransformersTensor(
      'int64',
      BigInt64Array.from(golden.prompt, () => 1n),
      ids.dims,
    );
    const written = (await model.generate({
      inputs: ids,
      attention_mask: ones,
      max_new_tokens: 6,
    } as never)) as unknown as { tolist(): bigint[][] };
    const given = paired(golden) ? 1 : golden.prompt.length;
    expect(written.tolist()[0]!.slice(given).map(Number)).toEqual(golden.written);
    await model.dispose();
  });

  it('begins with weights as the transformers library draws them', () => {
    const files = Object.values(buildLanguageModel(options[name]!));
    const tensors = files.flatMap((file) => fromBinary(ModelProtoSchema, file).graph!.initializer);
    expect(new Set(tensors.map((t) => t.name))).toEqual(new Set(Object.keys(golden.initial)));
    for (const { name: weight, rawData } of tensors) {
      const values = new Float32Array(rawData.slice().buffer);
      const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
      const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
      const wanted = golden.initial[weight]!;
      if (wanted.deviation === 0) expect(new Set(values)).toEqual(new Set([wanted.mean]));
      // Four standard errors of a sample of so many, and of the four that the library drew.
      const error = 4 * Math.sqrt(1.25 / (2 * values.length));
      expect(Math.abs(deviation / wanted.deviation - 1), weight).not.toBeGreaterThan(error);
      expect(Math.abs(mean - wanted.mean), weight).not.toBeGreaterThan(2 * error * wanted.deviation);
    }
  });
});

describe('buildLanguageModel', () => {
  it('puts distances of T5 into the buckets of the transformers library', () => {
    expect([true, false].map(distanceBuckets)).toEqual(read('t5.golden.json').buckets);
  });

  it('draws the weights of an encoder and of its decoder apart, and one embedding for both', () => {
    const [encoder, decoder] = Object.values(buildLanguageModel(options.t5!)).map((file) => {
      const { initializer } = fromBinary(ModelProtoSchema, file).graph!;
      return new Map(initializer.map((t) => [t.name, Buffer.from(t.rawData)]));
    });
    expect(encoder!.get('shared.weight')).toEqual(decoder!.get('shared.weight'));
    const q = (stack: string) => `${stack}.block.0.layer.0.SelfAttention.q.weight`;
    expect(encoder!.get(q('encoder'))).not.toEqual(decoder!.get(q('decoder')));
  });

  it('has the same bytes for the same seed and others for another', () => {
    const built = (seed: number) => buildLanguageModel({ ...options.llama!, seed }).model!;
    expect(Buffer.compare(built(7), built(7))).toBe(0);
    expect(Buffer.compare(built(7), built(8))).not.toBe(0);
  });

  it.each([
    [{ architecture: 'bert' as 'gpt2' }, /'architecture' must be one of gpt2, llama, t5, marian/],
    [{ architecture: 'llama', hidden: 30, heads: 4 } as const, /'heads' must divide 'hidden': 30 is no multiple of 4/],
    [{ architecture: 'llama', hidden: 32, heads: 4, keyValueHeads: 3 } as const, /'keyValueHeads' must divide 'heads'/],
    [{ architecture: 'llama', hidden: 9, heads: 3 } as const, /heads of 3 numbers.*choose an even size/],
    [{ architecture: 'gpt2', heads: 4, keyValueHeads: 2 } as const, /'keyValueHeads' is for llama: gpt2/],
    [{ architecture: 'gpt2', decoderLayers: 2 } as const, /'decoderLayers' is for t5 and marian: gpt2/],
    [{ architecture: 'llama', layers: 32, hidden: 4096 } as const, /a file of 2\d.\d GB.*choose fewer layers/],
    [{ architecture: 'marian', vocabulary: 1_000_000, hidden: 1024 } as const, /a file of 4.\d GB/],
    [{ architecture: 't5', tiedEmbeddings: false } as const, /'tiedEmbeddings' must be true for t5/],
    [{ architecture: 'gpt2', layers: 0 } as const, /'layers' must be a whole number of at least 1, found 0/],
    [{ architecture: 'gpt2', seed: -1 } as const, /'seed' must be a whole number of at least 0, found -1/],
    [{ architecture: 'gpt2', tiedEmbeddings: 1 as never } as const, /'tiedEmbeddings' must be true or false/],
  ])('refuses sizes that make no model: %o', (given, message) => {
    expect(() => buildLanguageModel(given)).toThrow(message);
  });
});
