// Runs the frozen trunk once over every sample of a part of the data and writes what it gives at the cut into a file.

import type { Dataset } from '../data/dataset.js';
import type { DataLoader } from '../data/loader.js';
import { type AxisLengths, axesKey } from '../data/slots.js';
import type { Engine } from '../engine/engine.js';
import { type ActivationContent, ActivationWriter } from './activation-file.js';
import type { ActivationLayout } from './activation-layout.js';
import { bytesOfRow } from './cached-loader.js';

export interface FillOptions {
  path: string;
  content: ActivationContent;
  kept: ActivationLayout;
  /** Most bytes that may be written. */
  most: number;
  signal?: AbortSignal | undefined;
  /** Called now and then with the samples done and the bytes written. */
  progress(done: number, bytes: number): void;
}

/**
 * Whether the file is there; not, where it would be larger than `most`.
 * @throws DataError for a sample that cannot be used; the system's error when the file cannot be written; the signal's
 *   reason
 */
export async function fillTrunk(
  engine: Engine,
  loader: DataLoader,
  data: Dataset,
  options: FillOptions,
): Promise<boolean> {
  const { path, content, kept, most, signal, progress } = options;
  const { batchSize } = kept;
  const writer = await ActivationWriter.create(path, content);
  let [done, truncated] = [0, 0];
  try {
    const rows = data.rows({ batchSize, seed: 0, epoch: 0, sequentialPass: true, signal });
    for await (const batch of loader.batches(rows, { signal })) {
      batch.slot.to('running');
      const values = await engine.activations(batch, kept.values);
      batch.slot.to('bound');
      for (const [row, sample] of batch.samples.entries())
        await writer.add(
          sample,
          formOf(kept, batch.axes),
          values.map((view) => bytesOfRow(view, row, batchSize)),
        );
      for (const { sample } of batch.bad) writer.leaveOut(sample);
      truncated += batch.truncated;
      done += batch.samples.length + batch.bad.length;
      batch.release();
      if (writer.bytes > most) {
        await writer.discard();
        return false;
      }
      progress(done, writer.bytes);
    }
    await writer.finish({ truncated });
    return true;
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

const formOf = ({ forms }: ActivationLayout, axes: AxisLengths): number =>
  forms.findIndex((form) => axesKey(form.axes) === axesKey(axes));
