// The vectors of texts from the vectors of tokens that a saved file gives, pooled as in the graph that trains.

import { ModelError } from '../../errors.js';
import { hiddenOutput } from '../../heads/hidden-name.js';
import type { Builder } from '../../onnx/builder.js';
import type { Value } from '../../onnx/graph.js';
import { inFloat32, taskInput } from '../inputs.js';
import type { MeasuredBatch, Results, SavedRun } from '../task.js';
import { unit } from './losses.js';
import { unitOf } from './measured-loss.js';
import type { Pooling } from './modules.js';

/** Below whatever a network gives. */
const lowest = -1e9;

/** Vectors [B, texts, D] from those of tokens [B · texts, T, D]. Adds the input pooling_weights [B · texts, T]. */
export function pooled(
  b: Builder,
  hidden: Value,
  { pooling, normalize, texts }: { pooling: Pooling; normalize: boolean; texts: number },
) {
  const shape = b.shape(hidden);
  if (shape.length !== 3)
    throw new ModelError(
      `embeddings are made of a vector for each token, [batch, sequence, size]; output '${hidden}' has rank ${shape.length}. ` +
        'Export the model without its head (feature extraction).',
    );
  const [rows, tokens, size] = shape as [number, number, number];
  const weights = taskInput(b, 'pooling_weights', 'float32', [rows, tokens]);
  const float32 = inFloat32(b, hidden);
  const vectors =
    pooling === 'max'
      ? largest(b, float32, weights)
      : b.op('MatMul', [b.op('Unsqueeze', [weights, b.ints([1])]), float32]);
  const embeddings = b.op('Reshape', [vectors, b.ints([rows / texts, texts, size])], {}, { name: 'embeddings' });
  return { embeddings: normalize ? unit(b, embeddings) : embeddings, inputs: [weights] };
}

function largest(b: Builder, hidden: Value, counts: Value): Value {
  const out = b.op('Mul', [b.op('Sub', [b.scalar('float32', 1), counts]), b.scalar('float32', lowest)]);
  const shown = b.op('Add', [hidden, b.op('Unsqueeze', [out, b.ints([2])])]);
  return b.op('ReduceMax', [shown, b.ints([1])], { keepdims: 1 });
}

/** The same of a saved file; `normalize`: brought to length 1. @throws ModelError for a file that gives none */
export async function embeddingsOf(
  { run, path, outputs, config }: SavedRun,
  { inputs }: MeasuredBatch,
  { pooling, normalize }: { pooling: Pooling; normalize: boolean },
): Promise<Results> {
  const output = hiddenOutput(outputs, config.vocab_size);
  if (!output)
    throw new ModelError(
      `${path}: no output gives a vector for each token (last_hidden_state); found ${outputs.map(({ name }) => `'${name}'`).join(', ')}. ` +
        'Export the model without its head (feature extraction), or train it with task sentence-similarity, which leaves the head out (also with maxSteps 0).',
    );
  const found = (await run(inputs, [output.name]))[output.name]!;
  const [rows, tokens, size] = found.shape as [number, number, number];
  const weights = inputs.get('pooling_weights')!.data as Float32Array;
  const texts = rows / inputs.get('sample_weights')!.data.length;
  const hidden = found.data as Float32Array;
  const data = new Float32Array(rows * size);
  const vector = new Float64Array(size);
  for (let row = 0; row < rows; row++) {
    vector.fill(pooling === 'max' ? Number.NEGATIVE_INFINITY : 0);
    for (let t = row * tokens; t < (row + 1) * tokens; t++) {
      const weight = weights[t]!;
      if (weight === 0) continue;
      for (let k = 0; k < size; k++) {
        const value = hidden[t * size + k]!;
        vector[k] = pooling === 'max' ? Math.max(vector[k]!, value) : vector[k]! + weight * value;
      }
    }
    data.set(vector, row * size);
    if (normalize) data.set(unitOf(data, row * size, size), row * size);
  }
  return { embeddings: { dtype: 'float32', shape: [rows / texts, texts, size], data } };
}
