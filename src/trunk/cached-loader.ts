// Batches above a frozen trunk: the values at the cut come from a file instead of the samples through tokeniser and
// trunk. Where the values depend on the length of the rows, a batch of rows that were not all computed at one length
// goes the whole way, by the feeder that this one stands before; so what a batch gives is what it gives without the
// file.

import type { EncodeRequest, EpochKey } from '../data/encode.js';
import type { Batch, BatchesOptions, BatchSource, DataLoader } from '../data/loader.js';
import { prefetch } from '../data/prefetch.js';
import type { Samples } from '../data/samples.js';
import { batchSizeOf, Slot, type SlotLayout, slotLayout } from '../data/slots.js';
import { UsageError } from '../errors.js';
import { sharedTensor } from '../runtime/arena.js';
import type { TensorView } from '../runtime/session.js';
import type { ActivationFile } from './activation-file.js';
import { type ActivationLayout, commonForm } from './activation-layout.js';

/**
 * Writes what the loss reads beside the model's inputs; gives the sums of weights by the inputs that divide by them.
 */
export type WriteTargets = (slot: Slot, samples: Pick<EncodeRequest, 'slices' | 'weights'>) => Record<string, number>;

/** Memory of one batch. */
interface Place {
  slot: Slot;
  /** The values at the cut, by form. */
  values: Map<number, TensorView[]>;
}

export class CachedLoader implements BatchSource {
  readonly layout: SlotLayout;
  readonly #whole: DataLoader;
  readonly #file: ActivationFile;
  readonly #kept: ActivationLayout;
  readonly #writeTargets: WriteTargets;
  readonly #only: number | undefined;
  #free: Place[] = [];
  #closed = false;

  /** `inputs`: names of the model's inputs. The file stays the caller's to close, after this. */
  constructor(
    whole: DataLoader,
    file: ActivationFile,
    kept: ActivationLayout,
    { inputs, writeTargets }: { inputs: readonly string[]; writeTargets: WriteTargets },
  ) {
    const { fields } = whole.layout;
    this.layout = slotLayout(
      fields.filter(({ name }) => !inputs.includes(name)),
      batchSizeOf(whole.layout),
    );
    this.#whole = whole;
    this.#file = file;
    this.#kept = kept;
    this.#writeTargets = writeTargets;
    this.#only = commonForm(kept);
  }

  /** As a loader's. */
  batches(rows: AsyncGenerator<Samples, void, void>, options: BatchesOptions = {}): AsyncGenerator<Batch, void, void> {
    const { signal, seed = 0, epoch = 0 } = options;
    const prepare = (one: Samples): Promise<Batch> => this.#prepare(one, { seed, epoch });
    const check = (batch: Batch | undefined): void => {
      this.#throwIfClosed();
      this.#whole.check(batch);
    };
    return prefetch(rows, { count: this.#whole.batchesAhead, prepare, check, signal });
  }

  /** No batch is prepared any more. */
  close(): void {
    this.#closed = true;
  }

  #throwIfClosed(): void {
    if (this.#closed) throw new UsageError('the loader is closed: its batches can no longer be read');
  }

  /** Of samples whose values can share a batch; undefined where they cannot, or where one could not be computed. */
  #formOf(samples: Uint32Array): number | undefined {
    if (!samples.every((sample) => this.#file.has(sample))) return undefined;
    if (this.#only !== undefined) return this.#only;
    const form = this.#file.formOf(samples[0]!);
    return samples.every((sample) => this.#file.formOf(sample) === form) ? form : undefined;
  }

  async #prepare(rows: Samples, key: EpochKey): Promise<Batch> {
    this.#throwIfClosed();
    const form = this.#formOf(rows.samples);
    if (form === undefined) return this.#whole.prepare(rows, key);
    const place = this.#free.pop() ?? { slot: new Slot(this.layout), values: new Map() };
    const { slot } = place;
    slot.to('filling');
    const release = (): void => {
      slot.to('free');
      this.#free.push(place);
    };
    try {
      const { index, samples, slices } = rows;
      const values = this.#valuesOf(place, form);
      await this.#read(samples, values);
      const weights = this.#writeTargets(slot, rows);
      slot.to('filled');
      const inputs = slot.views({});
      for (const [i, name] of this.#kept.values.entries()) inputs.set(name, values[i]!);
      const { axes, shapes } = this.#kept.forms[form]!;
      const trunk = { values: this.#kept.values, shapes };
      const location = rows.location.bind(rows);
      const counts = { axes, tokens: 0, truncated: 0, weights };
      return { index, inputs, trunk, samples, slices, location, slot, release, bad: [], ...counts };
    } catch (error) {
      release();
      throw error;
    }
  }

  #valuesOf({ values }: Place, form: number): TensorView[] {
    let views = values.get(form);
    if (!views) {
      views = this.#kept.forms[form]!.types.map(({ dtype, shape }) => sharedTensor(dtype, shape));
      values.set(form, views);
    }
    return views;
  }

  /** Reads the records of the samples into the rows of the values; the rows behind the last sample repeat it. */
  async #read(samples: Uint32Array, values: readonly TensorView[]): Promise<void> {
    const { batchSize } = this.#kept;
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
