import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { buildEncoder, type EncoderOptions } from '#ortune/models/encoder.js';
import { type ModelProto, ModelProtoSchema } from '#ortune/onnx/onnx_pb.js';

const small: EncoderOptions = { layers: 2, hidden: 32, heads: 4, feedForward: 64, vocabulary: 100, positions: 48 };

const run = async (options: EncoderOptions, ids: number[][], mask: number[][]): Promise<Float32Array> => {
  const session = await InferenceSession.create(buildEncoder(options), { logSeverityLevel: 3 });
  const int64 = (rows: number[][]) =>
    new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]!.length]);
  const feeds = {
    input_ids: int64(ids),
    attention_mask: int64(mask),
    token_type_ids: int64(ids.map((r) => r.map(() => 0))),
  };
  const { logits } = await session.run(feeds);
  await session.release();
  return logits!.data as Float32Array;
};

/** Nodes of a module's scope: operator, name relative to the scope, attributes, and constant operands. */
function nodesUnder(model: ModelProto, scope: string): string[] {
  const constants = new Map(
    model.graph!.node.filter((n) => n.opType === 'Constant').map((n) => [n.output[0], n.attribute[0]!.t!.rawData]),
  );
  const rows = model
    .graph!.node.filter((n) => n.name.startsWith(scope) && n.opType !== 'Constant')
    .map((n) => {
      const attributes = n.attribute.map((a) => `${a.name}=${a.i}/${a.f}/${a.ints}`).sort();
      const operands = n.input.map((i) =>
        constants.has(i) ? Buffer.from(constants.get(i)!).toString('hex') : 'value',
      );
      return `${n.opType} ${n.name.slice(scope.length)} ${attributes} (${operands})`;
    });
  return rows.sort();
}

describe('buildEncoder', () => {
  it('builds a layer as PyTorch exports it, node for node', () => {
    const exported = fromBinary(ModelProtoSchema, readFileSync('test/fixtures/encoders/bert-torchscript.onnx'));
    const table = exported.graph!.initializer.find((t) => t.name === 'bert.embeddings.position_embeddings.weight');
    const built = fromBinary(ModelProtoSchema, buildEncoder({ ...small, positions: Number(table!.dims[0]) }));
    const layer = '/bert/encoder/layer.1';
    for (const scope of [
      `${layer}/attention/self/query`,
      `${layer}/attention/output`,
      `${layer}/intermediate`,
      `${layer}/output`,
      '/bert/embeddings',
      '/bert/pooler',
      '/classifier',
    ])
      expect(nodesUnder(built, scope)).toEqual(nodesUnder(exported, scope));
  });

  it('gives logits of the stated shape that depend on every unmasked token and on no masked one', async () => {
    const mask = [[1, 1, 1, 1, 0, 0]];
    const logits = await run({ ...small, labels: 3 }, [[2, 3, 4, 5, 6, 7]], mask);
    expect(logits).toHaveLength(3);
    expect(await run({ ...small, labels: 3 }, [[2, 3, 4, 5, 9, 9]], mask)).toEqual(logits);
    expect(await run({ ...small, labels: 3 }, [[2, 3, 4, 9, 6, 7]], mask)).not.toEqual(logits);
  });

  it('ends in the hidden states without a head, under the names of the bare model', async () => {
    const session = await InferenceSession.create(buildEncoder({ ...small, head: 'none' }), { logSeverityLevel: 3 });
    expect(session.outputNames).toEqual(['last_hidden_state']);
    const ids = new Tensor('int64', new BigInt64Array(10).fill(3n), [2, 5]);
    const mask = new Tensor('int64', new BigInt64Array(10).fill(1n), [2, 5]);
    const feeds = {
      input_ids: ids,
      attention_mask: mask,
      token_type_ids: new Tensor('int64', new BigInt64Array(10), [2, 5]),
    };
    expect((await session.run(feeds)).last_hidden_state!.dims).toEqual([2, 5, 32]);
    await session.release();
    const { initializer } = fromBinary(ModelProtoSchema, buildEncoder({ ...small, head: 'none' })).graph!;
    expect(initializer.every(({ name }) => /^(embeddings|encoder)\./.test(name))).toBe(true);
  });

  it('scores every word of every token with a masked-language-model head, tied to the word embedding', async () => {
    const model = fromBinary(ModelProtoSchema, buildEncoder({ ...small, head: 'language-model' })).graph!;
    expect(model.initializer.map(({ name }) => name).filter((name) => name.startsWith('cls.'))).toEqual([
      'cls.predictions.transform.dense.weight',
      'cls.predictions.transform.dense.bias',
      'cls.predictions.transform.LayerNorm.weight',
      'cls.predictions.transform.LayerNorm.bias',
      'cls.predictions.bias',
    ]);
    expect(model.node.slice(-3).map(({ opType, input }) => [opType, input[0]])).toEqual([
      ['Transpose', 'bert.embeddings.word_embeddings.weight'],
      ['MatMul', '/cls/predictions/transform/LayerNorm/LayerNormalization_output_0'],
      ['Add', 'cls.predictions.bias'],
    ]);
    const logits = await run({ ...small, head: 'language-model' }, [[2, 3, 4]], [[1, 1, 1]]);
    expect(logits).toHaveLength(3 * 100);
  });

  it('keeps matrices in half the bytes as float16, with nearly the same logits', async () => {
    const half: EncoderOptions = { ...small, storage: 'float16' };
    expect(buildEncoder(half).length / buildEncoder(small).length).toBeLessThan(0.7);
    const [a, b] = [await run(small, [[2, 3, 4]], [[1, 1, 1]]), await run(half, [[2, 3, 4]], [[1, 1, 1]])];
    for (const [i, logit] of a.entries()) expect(b[i]).toBeCloseTo(logit, 3);
    expect(b).not.toEqual(a);
  });

  it('takes any batch size and sequence length up to its positions', async () => {
    const row = Array.from({ length: 48 }, (_, i) => i);
    expect(await run(small, [row, row], [row.map(() => 1), row.map(() => 1)])).toHaveLength(4);
  });

  it('has the same bytes for the same seed and others for another', () => {
    expect(Buffer.compare(buildEncoder({ ...small, seed: 7 }), buildEncoder({ ...small, seed: 7 }))).toBe(0);
    expect(Buffer.compare(buildEncoder({ ...small, seed: 7 }), buildEncoder({ ...small, seed: 8 }))).not.toBe(0);
  });

  it('initialises matrices normally with deviation 0.02, biases to 0 and layer norms to 1', () => {
    const model = fromBinary(ModelProtoSchema, buildEncoder({ ...small, hidden: 128 }));
    for (const t of model.graph!.initializer) {
      const bytes = t.rawData.slice();
      const data = new Float32Array(bytes.buffer);
      const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
      const deviation = Math.sqrt(data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length);
      if (t.dims.length === 2 && data.length > 4000) {
        expect(Math.abs(mean)).toBeLessThan(4 * (0.02 / Math.sqrt(data.length)));
        expect(deviation).toBeGreaterThan(0.019);
        expect(deviation).toBeLessThan(0.021);
      } else if (t.dims.length === 1)
        expect(new Set(data)).toEqual(new Set([t.name.endsWith('LayerNorm.weight') ? 1 : 0]));
    }
  });

  it.each([
    [{ hidden: 30, heads: 4 }, /'heads' must divide 'hidden': 30/],
    [{ layers: 0 }, /'layers' must be a whole number of at least 1, found 0/],
    [{ vocabulary: 10.5 }, /'vocabulary' must be a whole number of at least 1, found 10.5/],
    [{ head: 'lm' as 'none' }, /'head' must be one of classification, language-model, none, found 'lm'/],
    [{ storage: 'int8' as 'float16' }, /'storage' must be one of float32, float16, found 'int8'/],
    [{ seed: -1 }, /'seed' must be a whole number of at least 0, found -1/],
  ])('refuses sizes that make no encoder: %o', (options, message) => {
    expect(() => buildEncoder(options)).toThrow(message);
  });
});
