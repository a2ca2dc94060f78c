// Batches above a frozen trunk: the values at the cut come from a file instead of the samples through tokeniser and
// trunk. Where the values depend on the length of the rows, a batch of rows that were not all computed at one length goes
// the whole way, by the feeder that this one stands before; so what a batch gives is what it gives without the file.

import { writeClasses } from '../data/collate.js';
import type { Batch, BatchesOptions, BatchSource, DataLoader, EpochKey } from '../data/feeder.js';
import { ahead } from '../data/prefetch.js';
import { classesOf, type Samples, targetsOf } from '../data/samples.js';
import { Slot, type SlotLayout, slotLayout } from '../data/slots.js';
import { UsageError } from '../errors.js';
import { sharedTensor } from '../runtime/arena.js';
import type { TensorView } from '../runtime/session.js';
import type { ActivationFile } from './activation-file.js';
import { type ActivationLayout, commonLength } from './activation-layout.js';

/** Memory of one batch. */
interface Place {
  slot: Slot;
  /** The values at the cut, by length. */
  values: Map<number, TensorView[]>;
}

export class CachedLoader<R extends Samples> implements BatchSource<R> {
  readonly layout: SlotLayout;
  readonly #whole: DataLoader<R>;
  readonly #file: ActivationFile;
  readonly #kept: ActivationLayout;
  readonly #only: number | undefined;
  #free: Place[] = [];
  #closed = false;

  /** `inputs`: names of the model's inputs. The file stays the caller's to close, after this. */
  constructor(whole: DataLoader<R>, file: ActivationFile, kept: ActivationLayout, inputs: readonly string[]) {
    const { fields, batchSize, maxLength } = whole.layout;
    this.layout = slotLayout(
      fields.filter(({ name }) => !inputs.includes(name)),
      batchSize,
      maxLength,
    );
    this.#whole = whole;
    this.#file = file;
    this.#kept = kept;
    this.#only = commonLength(kept);
  }

  /** As a feeder's. */
  batches(rows: AsyncGenerator<R, void, void>, options: BatchesOptions = {}): AsyncGenerator<Batch, void, void> {
    const { signal, seed = 0, epoch = 0 } = options;
    const prepare = (one: R): Promise<Batch> => this.#prepare(one, { seed, epoch });
    const check = (batch: Batch | undefined): void => {
      this.#throwIfClosed();
      this.#whole.check(batch);
    };
    return ahead(rows, { count: this.#whole.batchesAhead, prepare, check, signal });
  }

  /** No batch is prepared any more. */
  close(): void {
    this.#closed = true;
  }

  #throwIfClosed(): void {
    if (this.#closed) throw new UsageError('the feeder is closed: its batches can no longer be read');
  }

  /** Of rows whose values can share a batch; undefined where they cannot, or where one could not be computed. */
  #lengthOf(samples: Uint32Array): number | undefined {
    if (!samples.every((sample) => this.#file.has(sample))) return undefined;
    if (this.#only !== undefined) return this.#only;
    const length = this.#file.lengthOf(samples[0]!);
    return samples.every((sample) => this.#file.lengthOf(sample) === length) ? length : undefined;
  }

  async #prepare(rows: R, draw: EpochKey): Promise<Batch> {
    this.#throwIfClosed();
    const length = this.#lengthOf(rows.samples);
    if (length === undefined) return this.#whole.prepare(rows, draw);
    const place = this.#free.pop() ?? { slot: new Slot(this.layout), values: new Map() };
    const { slot } = place;
    slot.to('filling');
    const release = (): void => {
      slot.to('free');
      this.#free.push(place);
    };
    try {
      const { index, samples } = rows;
      const [labels, targets] = [classesOf(rows), targetsOf(rows)];
      const values = this.#valuesOf(place, length);
      await this.#read(samples, values);
      const weights = { normaliser: writeClasses(slot, length, { ...rows, labels, targets, ...draw }) };
      slot.to('filled');
      const inputs = slot.views(length);
      for (const [i, name] of this.#kept.values.entries()) inputs.set(name, values[i]!);
      const trunk = { values: this.#kept.values, shapes: this.#kept.lengths.get(length)!.shapes };
      const location = rows.location.bind(rows);
      const counts = { length, tokens: 0, truncated: 0, weights };
      return { index, inputs, trunk, samples, labels, targets, location, slot, release, bad: [], ...counts };
    } catch (error) {
      release();
      throw error;
    }
  }

  #valuesOf({ values }: Place, length: number): TensorView[] {
    let views = values.get(length);
    if (!views) {
      views = this.#kept.lengths.get(length)!.types.map(({ dtype, shape }) => sharedTensor(dtype, shape));
      values.set(length, views);
    }
    return views;
  }

  /** Reads the records of the samples into the rows of the values; the rows behind the last sample repeat it. */
  async #read(samples: Uint32Array, values: readonly TensorView[]): Promise<void> {
    const { batchSize } = this.layout;
    await Promise.all(
      Array.from(samples, (sample, row) =>
        this.#file.read(
          sample,
          values.map((view) => bytesOfRow(view, row, batchSize)),
        ),
      ),
    );
    const last = samples.length - 1;
    for (const view of values)
      for (let row = samples.length; row < batchSize; row++)
        bytesOfRow(view, row, batchSize).set(bytesOfRow(view, last, batchSize));
  }
}

/** The bytes of one sample in a value of `batchSize` samples. */
export function bytesOfRow({ data }: TensorView, row: number, batchSize: number): Uint8Array {
  const bytes = data.byteLength / batchSize;
  return new Uint8Array(data.buffer, data.byteOffset + row * bytes, bytes);
}
