// Vectors of many texts by a saved model: block by block, so that only the vectors are held, not what predictions of
// all texts would take.

import type { PredictConfig } from '../config/schema.js';
import { UsageError } from '../errors.js';
import { writeNpy } from '../files/write-npy.js';
import { writeParquet } from '../files/write-parquet.js';
import { writeSafetensors } from '../files/write-safetensors.js';
import type { ResolveOptions } from '../models/hub.js';
import { unitOf } from '../tasks/similarity/measured-loss.js';
import type { SimilarityPrediction } from '../tasks/tasks.js';
import { loadModel } from './predict.js';

export interface Vectors {
  /** [texts, size], in shared memory. */
  data: Float32Array;
  size: number;
}

interface Hooks extends ResolveOptions {
  onNote?: ((note: string) => void) | undefined;
}

const block = 2048;

/**
 * The vector of each text. @param options those of a prediction of sentence-similarity; `normalize`: to length 1,
 * `dimensions`: so many numbers of each
 * @throws UsageError, ModelError; UsageError for a text that has no vector
 */
export async function embedTexts(
  {
    model,
    dimensions,
    normalize,
    ...options
  }: Partial<PredictConfig> & { model: string; dimensions?: number | undefined },
  texts: readonly string[],
  { onNote, ...resolving }: Hooks = {},
): Promise<Vectors> {
  const task = 'sentence-similarity';
  const loaded = await loadModel(model, { ...options, task, ...(normalize !== undefined && { normalize }) }, resolving);
  try {
    let [data, size]: [Float32Array, number] = [new Float32Array(), 0];
    for (let first = 0; first < texts.length; first += block) {
      const found = await loaded.predict<SimilarityPrediction>(texts.slice(first, first + block), {
        signal: resolving.signal,
        onNote,
      });
      for (const [i, { embedding, error }] of found.entries()) {
        if (!embedding) throw new UsageError(`text ${first + i + 1} has no vector: ${error}`);
        if (size === 0) {
          size = sizeOf(embedding.length, dimensions);
          data = new Float32Array(new SharedArrayBuffer(4 * texts.length * size));
        }
        const kept = Float32Array.from(embedding);
        // A part of a vector of length 1 is shorter.
        const whole = size === kept.length || !isUnit(kept);
        data.set(whole ? kept.subarray(0, size) : unitOf(kept, 0, size), (first + i) * size);
      }
    }
    return { data, size };
  } finally {
    await loaded.close();
  }
}

const isUnit = (vector: Float32Array): boolean => Math.abs(vector.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-4;

function sizeOf(found: number, dimensions = found): number {
  if (dimensions <= found) return dimensions;
  throw new UsageError(`option 'dimensions' is ${dimensions}, and the model's vectors have ${found} numbers`);
}

type WriteVectors = (vectors: Vectors, texts: readonly string[]) => void;

/** What is done with vectors by the end of a file's name. */
const writers: Readonly<Record<string, (path: string) => WriteVectors>> = {
  '.safetensors':
    (path) =>
    ({ data, size }) =>
      writeSafetensors(path, [{ name: 'embeddings', dtype: 'float32', shape: [data.length / size, size], data }]),
  '.npy':
    (path) =>
    ({ data, size }) =>
      writeNpy(path, data, [data.length / size, size]),
  '.parquet':
    (path) =>
    ({ data, size }, texts) =>
      writeParquet(path, texts, data, size),
};

/** @throws UsageError for a name that says no format */
export function writerOfVectors(path: string): WriteVectors {
  const end = Object.keys(writers).find((ending) => path.endsWith(ending));
  if (end === undefined)
    throw new UsageError(`option 'output' must end in ${Object.keys(writers).join(', ')}; found ${path}`);
  return writers[end]!(path);
}
