// Built decoders beside Python's transformers (test/fixtures/built): logits of the same weights at once and token by
// token with the cache, what is written greedily, and how weights begin.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { AutoModelForCausalLM, env, Tensor as TransformersTensor } from '@xenova/transformers';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { buildLanguageModel, writeLanguageModel } from '#ortune/models/language/build.js';
import type { LanguageModelOptions } from '#ortune/models/language/options.js';
import { ModelProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { temporaryDirectory } from '../../support/temporary.js';

interface Golden {
  ids: number[][];
  mask: number[][];
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

/** Logits [rows, tokens, vocabulary], read in portions that end at `ends`, each with the cache of those before. */
async function logitsOf(session: InferenceSession, { ids, mask }: Golden, ends: number[]): Promise<number[][][]> {
  const rows = ids.map((): number[][] => []);
  let cache: Record<string, Tensor> = {};
  for (const input of session.inputMetadata)
    if (input.isTensor && input.name.startsWith('past')) {
      const [, heads, , size] = input.shape.map(Number);
      cache[input.name] = new Tensor('float32', [], [ids.length, heads!, 0, size!]);
    }
  for (const [i, end] of ends.entries()) {
    const start = ends[i - 1] ?? 0;
    const out = await session.run({
      input_ids: int64(ids.map((row) => row.slice(start, end))),
      attention_mask: int64(mask.map((row) => row.slice(0, end))),
      position_ids: int64(ids.map((row) => row.map((_, at) => at).slice(start, end))),
      ...cache,
    });
    const [, length, words] = out.logits!.dims as [number, number, number];
    const data = [...(out.logits!.data as Float32Array)];
    for (const [r, row] of rows.entries())
      for (let t = 0; t < length; t++) row.push(data.slice((r * length + t) * words, (r * length + t + 1) * words));
    const next = Object.entries(out).filter(([name]) => name.startsWith('present'));
    cache = Object.fromEntries(next.map(([name, value]) => [name.replace('present', 'past_key_values'), value]));
  }
  return rows;
}

describe.each(Object.keys(options))('a built %s', (name) => {
  const golden: Golden = read(`${name}.golden.json`);

  it('gives the logits of the transformers library, at once and with its cache', async () => {
    const session = await InferenceSession.create(buildLanguageModel(options[name]!).model!, { logSeverityLevel: 3 });
    const words = options[name]!.vocabulary!;
    for (const ends of [[7], [3, 4, 7]]) {
      const rows = await logitsOf(session, golden, ends);
      for (const [r, row] of rows.entries())
        for (const [t, logits] of row.entries()) {
          if (golden.mask[r]![t] === 0) continue;
          const wanted = golden.logits.slice((r * 7 + t) * words, (r * 7 + t + 1) * words);
          for (const [i, logit] of logits.entries()) expect(Math.abs(logit - wanted[i]!)).toBeLessThan(1e-5);
        }
    }
    await session.release();
  });

  it('is opened by transformers.js, which writes the same tokens', async () => {
    writeLanguageModel(join(directory, name), options[name]!);
    env.allowRemoteModels = false;
    const model = await AutoModelForCausalLM.from_pretrained(join(directory, name), { dtype: 'fp32' });
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
    expect(written.tolist()[0]!.slice(golden.prompt.length).map(Number)).toEqual(golden.written);
    await model.dispose();
  });

  it('begins with weights as the transformers library draws them', () => {
    const { graph } = fromBinary(ModelProtoSchema, buildLanguageModel(options[name]!).model!);
    expect(new Set(graph!.initializer.map((t) => t.name))).toEqual(new Set(Object.keys(golden.initial)));
    for (const { name: weight, rawData } of graph!.initializer) {
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
  it('has the same bytes for the same seed and others for another', () => {
    const built = (seed: number) => buildLanguageModel({ ...options.llama!, seed }).model!;
    expect(Buffer.compare(built(7), built(7))).toBe(0);
    expect(Buffer.compare(built(7), built(8))).not.toBe(0);
  });

  it.each([
    [{ architecture: 'bert' as 'gpt2' }, /'architecture' must be one of gpt2, llama/],
    [{ architecture: 'llama', hidden: 30, heads: 4 } as const, /'heads' must divide 'hidden': 30 is no multiple of 4/],
    [{ architecture: 'llama', hidden: 32, heads: 4, keyValueHeads: 3 } as const, /'keyValueHeads' must divide 'heads'/],
    [{ architecture: 'llama', hidden: 9, heads: 3 } as const, /heads of 3 numbers.*choose an even size/],
    [{ architecture: 'gpt2', heads: 4, keyValueHeads: 2 } as const, /'keyValueHeads' is for llama: gpt2/],
    [{ architecture: 'gpt2', layers: 0 } as const, /'layers' must be a whole number of at least 1, found 0/],
    [{ architecture: 'gpt2', seed: -1 } as const, /'seed' must be a whole number of at least 0, found -1/],
    [{ architecture: 'gpt2', tiedEmbeddings: 1 as never } as const, /'tiedEmbeddings' must be true or false/],
  ])('refuses sizes that make no model: %o', (given, message) => {
    expect(() => buildLanguageModel(given)).toThrow(message);
  });
});
