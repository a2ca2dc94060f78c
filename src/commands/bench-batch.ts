// A batch of random inputs for `bench step`: tokens or pixels, and labels that go round.

import type { Engine, EngineBatch } from '../engine/engine.js';
import type { DataType } from '../onnx/dtype.js';
import { elementCount } from '../onnx/tensor.js';
import { uniform } from '../random.js';
import { sharedTensor } from '../runtime/arena.js';
import type { TensorView } from '../runtime/session.js';

function filled(dtype: DataType, shape: readonly number[], value: (i: number) => number): TensorView {
  const view = sharedTensor(dtype, shape);
  const data = view.data as unknown as (number | bigint)[];
  for (let i = 0; i < elementCount(shape); i++) data[i] = dtype === 'int64' ? BigInt(value(i)) : value(i);
  return view;
}

/** The i-th token of a batch; the peers that start alike have the same. */
export const randomToken =
  (words: number) =>
  (i: number): number =>
    Math.floor(words * uniform(0, 0, i));

/** @param shapes of the model's inputs; @param vocabulary of a model without an embedding by the usual name */
export function randomBatch(
  engine: Engine,
  shapes: Readonly<Record<string, readonly number[]>>,
  { batch, vocabulary }: { batch: number; vocabulary: number },
): EngineBatch {
  const { labels, parameters, inputs: fed } = engine.model;
  const words = parameters.find((p) => p.alias.endsWith('word_embeddings.weight'))?.shape[0] ?? vocabulary;
  const tokens: Record<string, (i: number) => number> = {
    input_ids: randomToken(words),
    attention_mask: () => 1,
    token_type_ids: () => 0,
  };
  // Of deviation 1, as normalised pixels are.
  const pixels = (i: number): number => Math.sqrt(12) * (uniform(0, 1, i) - 0.5);
  const inputs = new Map<string, TensorView>();
  for (const { name, dtype } of fed) {
    const value = dtype === 'float32' ? pixels : tokens[name];
    if (value) inputs.set(name, filled(dtype, shapes[name]!, value));
  }
  const classes = Math.max(2, labels.length);
  inputs.set(
    'labels',
    filled('int64', [batch], (i) => i % classes),
  );
  inputs.set(
    'sample_weights',
    filled('float32', [batch], () => 1),
  );
  return { inputs };
}
