// What a frozen trunk gives of samples, as one row of numbers for each: the values at the cut, which a head reads, in
// memory. For judging data and models; what a training run reads again every epoch is kept in files (trunk-cache.ts).

import type { Dataset } from '../data/dataset.js';
import type { DataLoader } from '../data/loader.js';
import type { Engine } from '../engine/engine.js';
import { elementCount } from '../onnx/tensor.js';
import { median } from '../statistics.js';
import { fixedBatch } from '../tasks/fixed-axes.js';
import { commonForm } from './activation-layout.js';
import { findTrunk } from './trunk-cache.js';

export interface Features {
  /** [rows, size], in shared memory. */
  data: Float32Array;
  size: number;
  /** The sample of each row. */
  samples: Uint32Array;
  /** That computing those of one takes, by the median batch. */
  secondsPerSample: number;
}

export interface FeaturesOptions {
  /** Seconds after which no other batch is begun: the samples are then a part of the data, drawn by the seed. */
  seconds: number;
  seed: number;
  signal?: AbortSignal | undefined;
  progress?(done: number, samples: number): void;
}

/**
 * The features of the samples of a data set, or of as many as there is time for.
 * @returns why a model has no such features, where it has none
 * @throws DataError for a sample that cannot be used; the signal's reason
 */
export async function trunkFeatures(
  engine: Engine,
  loader: DataLoader,
  data: Dataset,
  { seconds, seed, signal, progress }: FeaturesOptions,
): Promise<Features | string> {
  if (fixedBatch(engine.model.inputs) !== undefined) return 'its file takes batches of one size only';
  const found = await findTrunk(engine, loader);
  if (!found) return 'nothing of it can be told from the part that is trained';
  const { kept } = found;
  const form = commonForm(kept);
  if (form === undefined) return 'its head reads as many numbers as a sample is long';
  const { batchSize, values, forms } = kept;
  const types = forms[form]!.types;
  if (types.some(({ dtype }) => dtype !== 'float32')) return 'its head reads other numbers than float32';
  const widths = types.map(({ shape }) => elementCount(shape) / batchSize);
  const size = widths.reduce((sum, width) => sum + width, 0);
  const rows = new Float32Array(new SharedArrayBuffer(4 * data.samples * size));
  const samples = new Uint32Array(data.samples);
  let count = 0;
  const startMs = performance.now();
  const batchMs: number[] = [];
  const order = data.rows({ batchSize, seed, epoch: 0, signal });
  for await (const batch of loader.batches(order, { signal })) {
    batch.slot.to('running');
    const batchStart = performance.now();
    const computed = await engine.activations(batch, values);
    batchMs.push(performance.now() - batchStart);
    batch.slot.to('bound');
    for (const [row, sample] of batch.samples.entries()) {
      let at = count * size;
      for (const [i, width] of widths.entries()) {
        const of = computed[i]!.data as Float32Array;
        rows.set(of.subarray(row * width, (row + 1) * width), at);
        at += width;
      }
      samples[count++] = sample;
    }
    batch.release();
    progress?.(count, data.samples);
    if (performance.now() - startMs > 1000 * seconds) break;
  }
  const secondsPerSample = median(batchMs) / 1000 / batchSize;
  return { data: rows.subarray(0, count * size), size, samples: samples.slice(0, count), secondsPerSample };
}
