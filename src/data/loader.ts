// Turns samples into batches ahead of the trainer: worker threads fill shared slots, and an async iterator hands the
// batches out in order. What a batch holds depends on its samples alone, not on the workers. A worker that dies is
// replaced and its batch done again. A loader serves training and evaluation at once; each iteration holds at most
// `batchesAhead` filled slots. What goes into a slot is the encoder's, which a task supplies; it runs in the workers'
// threads.

import type { Worker } from 'node:worker_threads';
import { DataError, type Outcome, UsageError, unwrap } from '../errors.js';
import type { TensorView } from '../runtime/session.js';
import { ThreadError } from '../threads/causes.js';
import { WorkerPool } from '../threads/worker-pool.js';
import type { Slices } from './columns.js';
import { type BadRow, type EncodedBatch, type EncodeRequest, type EpochKey, keptSlices } from './encode.js';
import type { PlacedRemark } from './images/remarks.js';
import { prefetch } from './prefetch.js';
import { describeSamples, type Samples } from './samples.js';
import { type InputShapes, Slot, type SlotLayout } from './slots.js';

export interface LoaderOptions {
  /** Worker threads; default the plan's, else 1. */
  workers?: number | undefined;
  /** Batches prepared while one is in use; default 4. */
  batchesAhead?: number | undefined;
  /** Receives each sample that is left out of a batch, as the batch is handed out; what it throws ends the batches. */
  badSample?: ((sample: BadSample) => void) | undefined;
  /** Receives what is to be known of samples, as their batch is handed out. */
  remark?: ((remark: PlacedRemark) => void) | undefined;
}

/** What a task wants loaded for a model. */
export interface LoaderPlan {
  layout: SlotLayout;
  /** What beside the files of the model decides what becomes of a sample; JSON. */
  preprocessing: unknown;
  /** A module of a pool; it answers an EncodeRequest by an EncodeResult. */
  worker: URL;
  workerData: unknown;
  /** Worker threads where the options do not say. */
  workers?: number | undefined;
}

/** A sample that cannot be used. */
export interface BadSample {
  /** Number within its data. */
  sample: number;
  /** Where it is. */
  place: string;
  reason: string;
}

/** A batch that is in its slot, or the row that ends the run and why. */
export type EncodeResult = Outcome<EncodedBatch | { row: number; message: string }>;

export type BatchesOptions = { signal?: AbortSignal | undefined } & Partial<EpochKey>;

/** Whatever turns samples into batches. */
export interface BatchSource {
  readonly layout: SlotLayout;
  batches(samples: AsyncGenerator<Samples, void, void>, options?: BatchesOptions): AsyncGenerator<Batch, void, void>;
}

export interface Batch extends Omit<EncodedBatch, 'bad' | 'remarks'> {
  /** What was left out of it. */
  bad: readonly BadSample[];
  /** What is to be known of samples. */
  remarks?: readonly PlacedRemark[];
  /** Number within the epoch, from 0. */
  index: number;
  /** The model's inputs and what the task's loss reads, by name; rows and places that only fill up weigh 0. */
  inputs: Map<string, TensorView>;
  /**
   * Where `inputs` has the values at the cut of a frozen trunk for the model's inputs: their names, those inputs'
   * shapes.
   */
  trunk?: { values: readonly string[]; shapes: InputShapes } | undefined;
  /** Which samples these are; fewer than the batch size in the last batch, and where some cannot be used. */
  samples: Uint32Array;
  /** Their columns, by role; pictures and tensors are those of all requested rows. */
  slices: Slices;
  /** In state 'bound'; the loop marks runs with to('running') and to('bound'). */
  slot: Slot;
  /** Where a row of it is, for messages: 'file:line'. */
  location(row: number): string;
  /** Gives the slot back; the tensors of `inputs` must not be used any more. */
  release(): void;
}

const attempts = 3;

export class DataLoader implements BatchSource {
  readonly #plan: LoaderPlan;
  readonly #badSample: LoaderOptions['badSample'];
  readonly #remark: LoaderOptions['remark'];
  readonly #pool: WorkerPool;
  /** Batches prepared while one is in use. */
  readonly batchesAhead: number;
  #free: Slot[] = [];
  #closed = false;

  /** Starts the workers. */
  constructor(
    plan: LoaderPlan,
    { workers = plan.workers ?? 1, batchesAhead = 4, badSample, remark }: LoaderOptions = {},
  ) {
    this.#plan = plan;
    this.#badSample = badSample;
    this.#remark = remark;
    this.batchesAhead = Math.max(1, batchesAhead);
    const { worker: url, workerData } = plan;
    this.#pool = new WorkerPool({ url, workerData, workers, role: 'that prepares batches' });
  }

  get layout(): SlotLayout {
    return this.#plan.layout;
  }

  get preprocessing(): unknown {
    return this.#plan.preprocessing;
  }

  /**
   * The batches of `samples`, in order; it is closed at the end. Every batch must be released. Leaving the loop early,
   * an abort or an error frees what was prepared.
   * @throws DataError with its place for a sample that cannot be used; the signal's reason; what `samples` throws.
   */
  batches(
    samples: AsyncGenerator<Samples, void, void>,
    options: BatchesOptions = {},
  ): AsyncGenerator<Batch, void, void> {
    const { signal, seed = 0, epoch = 0, augment = false } = options;
    const prepare = (one: Samples): Promise<Batch> => this.prepare(one, { seed, epoch, augment });
    return prefetch(samples, { count: this.batchesAhead, prepare, check: (batch) => this.check(batch), signal });
  }

  /**
   * Of a batch that is about to be handed out: reports its bad samples. @throws UsageError when closed; what is
   * reported throws
   */
  check(batch: Batch | undefined): void {
    this.#throwIfClosed();
    for (const sample of batch?.bad ?? []) this.#badSample?.(sample);
    for (const remark of batch?.remarks ?? []) this.#remark?.(remark);
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
    if (this.#closed) throw new UsageError('the loader is closed: its batches can no longer be read');
  }

  /** One batch, its slot filled. @throws as `batches` */
  async prepare(rows: Samples, key: EpochKey): Promise<Batch> {
    const { index, samples, slices, weights } = rows;
    const slot = this.#free.pop() ?? new Slot(this.layout);
    slot.to('filling');
    const release = (): void => {
      slot.to('free');
      this.#free.push(slot);
    };
    try {
      const request = { layout: this.layout, buffer: slot.buffer, samples, slices, weights, ...key };
      const result = unwrap(await this.#run(request, slot, rows));
      if ('row' in result) throw new DataError(`${rows.location(result.row)}: ${result.message}`);
      const bad = (result.bad ?? []).map(({ row, reason }) => {
        return { sample: samples[row]!, place: rows.location(row), reason };
      });
      const remarks = (result.remarks ?? []).map(({ row, ...remark }) => ({ ...remark, place: rows.location(row) }));
      const kept = without(rows, result.bad ?? []);
      return { ...result, index, inputs: slot.views(result.axes), ...kept, slot, release, bad, remarks };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** One batch on a worker; again on another when the worker dies with it. */
  async #run(request: EncodeRequest, slot: Slot, rows: Samples): Promise<EncodeResult> {
    for (let attempt = 1; ; attempt++) {
      this.#throwIfClosed();
      try {
        return await this.#pool.run<EncodeResult>(request);
      } catch (error) {
        this.#throwIfClosed();
        if (!(error instanceof ThreadError && error.started)) throw error;
        if (attempt === attempts) throw new DataError(diedWords(error, rows));
        slot.to('free');
        slot.to('filling');
      }
    }
  }
}

function diedWords({ reason, outOfMemory }: ThreadError, rows: Samples): string {
  const advice = outOfMemory ? '. Look for a sample of unusual size among them' : '';
  return `a worker died ${attempts} times on the batch of ${describeSamples(rows)}: ${reason}${advice}`;
}

/** What a batch has of its samples, those left out that are bad. */
function without(rows: Samples, bad: readonly BadRow[]): Pick<Batch, 'samples' | 'slices' | 'location'> {
  const { samples, slices } = rows;
  if (bad.length === 0) return { samples, slices, location: rows.location.bind(rows) };
  const left = new Set(bad.map(({ row }) => row));
  const kept = Array.from(samples.keys()).filter((row) => !left.has(row));
  return {
    samples: Uint32Array.from(kept, (row) => samples[row]!),
    slices: keptSlices(slices, kept),
    location: (row) => rows.location(kept[row]!),
  };
}
