// One start for ortune and its peers: writes an encoder as a model directory, and its weights and a batch under the
// peers' names as a .safetensors file (common.py, --start), so that the first losses of all are one number.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomToken } from '../../dist/commands/bench-batch.js';
import { encodeHeader } from '../../dist/files/safetensors.js';
import { writeEncoder } from '../../dist/index.js';
import { openModel, toGraph } from '../../dist/onnx/load.js';

/** [model's name, peers' name] of every tensor; linear weights lie [in, out] in the peers. */
function namesOf(layers) {
  const ofLayer = (i) =>
    Object.entries({
      'attention.self.query.weight': 'query.weight',
      'attention.self.query.bias': 'query.bias',
      'attention.self.key.weight': 'key.weight',
      'attention.self.key.bias': 'key.bias',
      'attention.self.value.weight': 'value.weight',
      'attention.self.value.bias': 'value.bias',
      'attention.output.dense.weight': 'output.weight',
      'attention.output.dense.bias': 'output.bias',
      'attention.output.LayerNorm.weight': 'attention_norm.scale',
      'attention.output.LayerNorm.bias': 'attention_norm.bias',
      'intermediate.dense.weight': 'up.weight',
      'intermediate.dense.bias': 'up.bias',
      'output.dense.weight': 'down.weight',
      'output.dense.bias': 'down.bias',
      'output.LayerNorm.weight': 'output_norm.scale',
      'output.LayerNorm.bias': 'output_norm.bias',
    }).map(([model, peer]) => [`bert.encoder.layer.${i}.${model}`, `layer.${i}.${peer}`]);
  return [
    ['bert.embeddings.word_embeddings.weight', 'word'],
    ['bert.embeddings.position_embeddings.weight', 'position'],
    ['bert.embeddings.token_type_embeddings.weight', 'type'],
    ['bert.embeddings.LayerNorm.weight', 'embeddings.norm.scale'],
    ['bert.embeddings.LayerNorm.bias', 'embeddings.norm.bias'],
    ...Array.from({ length: layers }, (_, i) => ofLayer(i)).flat(),
    ['bert.pooler.dense.weight', 'pooler.weight'],
    ['bert.pooler.dense.bias', 'pooler.bias'],
    ['classifier.weight', 'classifier.weight'],
    ['classifier.bias', 'classifier.bias'],
  ];
}

/** What the file has as [out, in], since a Gemm reads it so. */
const outFirst = new Set(['bert.pooler.dense.weight', 'classifier.weight']);

function transposed(data, [rows, columns]) {
  return Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);
}

/** Of the sizes that `bench step` takes, as numbers. Returns the paths of the model and of the file for --start. */
export function writeStart(directory, { layers, hidden, heads, feedForward, vocabulary, batch, seq }) {
  const model = join(directory, 'encoder');
  writeEncoder(model, { layers, hidden, heads, feedForward, vocabulary, positions: Math.max(seq, 512) });
  const { initializers } = toGraph(openModel(model));
  const tensors = namesOf(layers).map(([from, name]) => {
    const { shape } = initializers.get(from);
    const data = initializers.get(from).data();
    return outFirst.has(from)
      ? { name, shape: shape.toReversed(), data: transposed(data, shape) }
      : { name, shape, data };
  });
  const token = randomToken(vocabulary);
  const ids = BigInt64Array.from({ length: batch * seq }, (_, i) => BigInt(token(i)));
  const labels = BigInt64Array.from({ length: batch }, (_, i) => BigInt(i % 2));
  tensors.push({ name: 'batch.ids', shape: [batch, seq], data: ids, dtype: 'I64' });
  tensors.push({ name: 'batch.labels', shape: [batch], data: labels, dtype: 'I64' });
  const bytes = tensors.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  const start = join(directory, 'start.safetensors');
  writeFileSync(start, Buffer.concat([encodeHeader(tensors, {}), ...bytes]));
  return { model, start };
}
