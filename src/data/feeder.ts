// Turns rows into batches ahead of the trainer: Piscina workers fill shared slots, and an async iterator hands the batches
// out in order. What a batch holds depends on its rows alone, not on the workers. A worker that dies is replaced and its
// batch done again. A feeder serves training and evaluation at once; each iteration holds at most `batchesAhead` filled
// slots. What goes into a slot, and who writes it, is the filling's: texts and pictures each have their own.

import type { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { DataError, UsageError } from '../errors.js';
import type { TensorView } from '../runtime/session.js';
import type { CollateTask } from './collate.js';
import type { Slices } from './columns.js';
import { ahead } from './prefetch.js';
import { classesOf, describeRows, keptRows, type Samples, targetsOf } from './samples.js';
import { type InputShapes, Slot, type SlotLayout } from './slots.js';

export interface LoaderOptions {
  batchSize: number;
  /** Worker threads; default 1. */
  workers?: number | undefined;
  /** Batches prepared while one is in use; default 4. */
  batchesAhead?: number | undefined;
  /** Told of each sample that is left out of a batch, as the batch is handed out; what it throws ends the batches. */
  badSample?: ((sample: BadSample) => void) | undefined;
}

/** What makes a feeder one of texts or of pictures. */
export interface BatchEncoder<R extends Samples> {
  layout: SlotLayout;
  /** Lengths that rows are padded to, ascending; a single 1 where rows are no texts. */
  lengths: readonly number[];
  /** What beside the files of the model decides what becomes of a sample; JSON. */
  preprocessing: unknown;
  /** A module for Piscina; it answers an EncodeTask by an EncodeResult. */
  worker: URL;
  workerData: unknown;
  /** The error for what a worker could not do. */
  failure(failure: EncodeFailure, rows: R): Error;
}

/** One batch to write into a slot. */
export interface EncodeTask extends CollateTask {
  layout: SlotLayout;
  buffer: SharedArrayBuffer;
  slices: Slices;
}

export interface EncodedBatch {
  /** Tokens per row with padding; 0 where rows are no texts. */
  length: number;
  /** Tokens without padding. */
  tokens: number;
  /** Texts cut to the maximum length. */
  truncated: number;
  /** By the input of the graph that divides a loss: the sum of the weights in it. */
  weights: Record<string, number>;
  /** Rows that cannot be used and are left out: the others moved up in the slot. */
  bad?: readonly BadRow[] | undefined;
}

/** A row that cannot be used, such as one of a picture that cannot be decoded. */
export interface BadRow {
  row: number;
  reason: string;
}

/** A sample that cannot be used. */
export interface BadSample {
  /** Number within its data. */
  sample: number;
  /** Where it is. */
  place: string;
  reason: string;
}

/** A bad row, or a worker that cannot work at all. */
export interface EncodeFailure {
  failed: 'worker' | number;
  message: string;
}

export type EncodeResult = EncodedBatch | EncodeFailure;

/** What the random part of a filling depends on besides the samples: the masks of masked-LM, the augmentation of pictures. */
export interface EpochKey {
  seed: number;
  epoch: number;
  /** Whether pictures are augmented; default no. */
  augment?: boolean;
}

export type BatchesOptions = { signal?: AbortSignal | undefined } & Partial<EpochKey>;

/** Whatever turns rows into batches. */
export interface BatchSource<R extends Samples = Samples> {
  readonly layout: SlotLayout;
  batches(rows: AsyncGenerator<R, void, void>, options?: BatchesOptions): AsyncGenerator<Batch, void, void>;
}

export interface Batch extends Omit<EncodedBatch, 'bad'> {
  /** What was left out of it. */
  bad: readonly BadSample[];
  /** Number within the epoch, from 0. */
  index: number;
  /**
   * The model's inputs, `labels` int64 and `sample_weights` float32: [B] for classification (weight 0 for rows that only
   * fill up; `labels` float32 [B, C] where the targets are not classes). For masked-LM [M], one for each of the `masked_positions` int64 [M] (weight 0 for places not needed); with
   * next sentences also `pair_labels` and `pair_weights` [B].
   */
  inputs: Map<string, TensorView>;
  /** Where `inputs` has the values at the cut of a frozen trunk for the model's inputs: their names, those inputs' shapes. */
  trunk?: { values: readonly string[]; shapes: InputShapes } | undefined;
  /** Which samples these are; fewer than the batch size in the last batch, and where some cannot be used. */
  samples: Uint32Array;
  /** Class of each sample. */
  labels: Int32Array;
  /** Where samples have more than a class: see targetsOf. */
  targets: Float32Array | undefined;
  /** In state 'bound'; the loop marks runs with to('running') and to('bound'). */
  slot: Slot;
  /** 'file:line' of a row, for messages. */
  location(row: number): string;
  /** Gives the slot back; the tensors of `inputs` must not be used any more. */
  release(): void;
}

const attempts = 3;

export class DataLoader<R extends Samples = Samples> implements BatchSource<R> {
  readonly #filling: BatchEncoder<R>;
  readonly #badSample: LoaderOptions['badSample'];
  #pool: Piscina<EncodeTask, EncodeResult>;
  /** Batches prepared while one is in use. */
  readonly batchesAhead: number;
  #free: Slot[] = [];
  #closed = false;

  /** Starts the workers. */
  constructor({ workers = 1, batchesAhead = 4, badSample }: LoaderOptions, filling: BatchEncoder<R>) {
    this.#filling = filling;
    this.#badSample = badSample;
    this.batchesAhead = Math.max(1, batchesAhead);
    this.#pool = new Piscina<EncodeTask, EncodeResult>({
      filename: filling.worker.href,
      minThreads: workers,
      maxThreads: workers,
      workerData: filling.workerData,
    });
    // A worker that breaks between two batches is replaced; there is nothing to report to anyone.
    this.#pool.on('error', () => {});
  }

  get layout(): SlotLayout {
    return this.#filling.layout;
  }

  get lengths(): readonly number[] {
    return this.#filling.lengths;
  }

  get preprocessing(): unknown {
    return this.#filling.preprocessing;
  }

  /**
   * The batches of `rows`, in order; it is closed at the end. Every batch must be released. Leaving the loop early, an
   * abort or an error frees what was prepared.
   * @throws DataError with its place for a sample that cannot be used; the signal's reason; what `rows` throws.
   */
  batches(rows: AsyncGenerator<R, void, void>, options: BatchesOptions = {}): AsyncGenerator<Batch, void, void> {
    const { signal, seed = 0, epoch = 0, augment = false } = options;
    const prepare = (one: R): Promise<Batch> => this.prepare(one, { seed, epoch, augment });
    return ahead(rows, { count: this.batchesAhead, prepare, check: (batch) => this.check(batch), signal });
  }

  /** Of a batch that is about to be handed out: tells of its bad samples. @throws UsageError when closed; what is told throws */
  check(batch: Batch | undefined): void {
    this.#throwIfClosed();
    for (const sample of batch?.bad ?? []) this.#badSample?.(sample);
  }

  /** The worker threads at this moment, for diagnosis. */
  get threads(): readonly Worker[] {
    return this.#pool.threads;
  }

  /** Stops the workers; batches under way fail. May be called again. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool.destroy();
  }

  #throwIfClosed(): void {
    if (this.#closed) throw new UsageError('the feeder is closed: its batches can no longer be read');
  }

  /** One batch, its slot filled. @throws as `batches` */
  async prepare(rows: R, draw: EpochKey): Promise<Batch> {
    const { index, samples, slices, weights } = rows;
    const slot = this.#free.pop() ?? new Slot(this.layout);
    slot.to('filling');
    const release = (): void => {
      slot.to('free');
      this.#free.push(slot);
    };
    try {
      const [labels, targets] = [classesOf(rows), targetsOf(rows)];
      const common = { layout: this.layout, buffer: slot.buffer, slices, labels, targets, weights, samples, ...draw };
      const result = await this.#run(common, slot, rows);
      if ('failed' in result) throw this.#filling.failure(result, rows);
      const bad = (result.bad ?? []).map(({ row, reason }) => {
        return { sample: samples[row]!, place: rows.location(row), reason };
      });
      const kept = without(rows, result.bad ?? []);
      return { ...result, index, inputs: slot.views(result.length), ...kept, slot, release, bad };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** One batch on a worker; again on another when the worker dies with it. */
  async #run(task: EncodeTask, slot: Slot, rows: R): Promise<EncodeResult> {
    for (let attempt = 1; ; attempt++) {
      this.#throwIfClosed();
      try {
        return await this.#pool.run(task);
      } catch (error) {
        this.#throwIfClosed();
        if (attempt === attempts)
          throw new DataError(
            `a worker died ${attempts} times on the batch of ${describeRows(rows)}: ` +
              `${(error as Error).message}. Look for a sample of unusual size among them`,
          );
        slot.to('free');
        slot.to('filling');
      }
    }
  }
}

type ActivationLayout = Pick<Batch, 'samples' | 'labels' | 'targets' | 'location'>;

/** What a batch has of its rows, those left out that are bad. */
function without(rows: Samples, bad: readonly BadRow[]): ActivationLayout {
  const all = { samples: rows.samples, labels: classesOf(rows), targets: targetsOf(rows) };
  const { samples } = all;
  if (bad.length === 0) return { ...all, location: rows.location.bind(rows) };
  const left = new Set(bad.map(({ row }) => row));
  const kept = Array.from(samples.keys()).filter((row) => !left.has(row));
  return { ...keptRows(all, kept), location: (row) => rows.location(kept[row]!) };
}
