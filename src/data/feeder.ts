// Turns rows into batches ahead of the trainer: Piscina workers tokenise into shared slots, and an async iterator
// hands the batches out in order. What a batch holds depends on its rows alone, not on the workers. A worker that dies
// is replaced and its batch done again. A feeder serves training and evaluation at once; each iteration holds at most
// `batchesAhead` filled slots.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { DataError, ModelError, UsageError } from '../errors.js';
import type { DataType } from '../onnx/dtype.js';
import type { TensorView } from '../runtime/session.js';
import type { Masking } from './masking.js';
import { describeRows, type Rows } from './rows.js';
import { type Field, Slot, type SlotLayout, slotLayout } from './slots.js';
import type { TextResult, TextTask, TextWorkerData } from './text-worker.js';

export interface FeederOptions {
  /** Holds tokenizer.json and, where there is one, tokenizer_config.json. */
  directory: string;
  /** The model's inputs; input_ids, attention_mask and token_type_ids can be fed. */
  inputs: readonly { name: string; dtype: DataType }[];
  batchSize: number;
  /** Most tokens of a row; longer texts are cut and counted. */
  maxLength: number;
  /** Row lengths to pad to; default: bucketsUpTo(maxLength). */
  buckets?: readonly number[] | undefined;
  /** Worker threads; default 1. */
  workers?: number | undefined;
  /** Batches prepared while one is in use; default 4. */
  batchesAhead?: number | undefined;
  /** Masked-LM; undefined: classification. */
  masking?: Masking | undefined;
}

/** Which masks the rows get; only masked-LM asks. */
export interface Draw {
  seed: number;
  epoch: number;
}

export interface Batch {
  /** Number within the epoch, from 0. */
  index: number;
  /**
   * The model's inputs, `labels` int64 and `sample_weights` float32: [B] for classification (weight 0 for rows that only
   * fill up). For masked-LM [M], one for each of the `masked_positions` int64 [M] (weight 0 for places not needed); with
   * next sentences also `pair_labels` and `pair_weights` [B].
   */
  inputs: Map<string, TensorView>;
  /** Which samples these are; fewer than the batch size in the last batch. */
  samples: Uint32Array;
  /** Class of each sample. */
  labels: Int32Array;
  /** What the sums of losses over the batch are to be divided by for their means: Σ of weights, by the graph's input. */
  weights: Readonly<Record<string, number>>;
  /** Tokens per row with padding. */
  length: number;
  /** Tokens without padding. */
  tokens: number;
  /** Texts cut to the maximum length. */
  truncated: number;
  /** In state 'bound'; the loop marks runs with to('running') and to('bound'). */
  slot: Slot;
  /** 'file:line' of a row, for messages. */
  where(row: number): string;
  /** Gives the slot back; the tensors of `inputs` must not be used any more. */
  release(): void;
}

const textInputs = ['input_ids', 'attention_mask', 'token_type_ids'];
const pairFields: readonly Field[] = [
  { name: 'pair_labels', dtype: 'int64', per: 'sample' },
  { name: 'pair_weights', dtype: 'float32', per: 'sample' },
];
const attempts = 3;

/** 32, 64, 128, … and `maxLength` itself, or the multiples of `multiple` where that is given. */
export function bucketsUpTo(maxLength: number, multiple?: number): number[] {
  const buckets: number[] = [];
  const first = multiple ?? 32;
  for (let length = first; length < maxLength; length = multiple ? length + multiple : length * 2) buckets.push(length);
  return [...buckets, maxLength];
}

export class TextFeeder {
  readonly layout: SlotLayout;
  #pool: Piscina<TextTask, TextResult>;
  #tokenizerFile: string;
  #batchesAhead: number;
  #free: Slot[] = [];
  #closed = false;

  /** Starts the workers. @throws ModelError without a tokenizer; UsageError for an input that text cannot feed. */
  constructor(options: FeederOptions) {
    const { directory, inputs, batchSize, maxLength, workers = 1, batchesAhead = 4, masking } = options;
    this.#batchesAhead = Math.max(1, batchesAhead);
    this.#tokenizerFile = join(directory, 'tokenizer.json');
    if (!existsSync(this.#tokenizerFile))
      throw new ModelError(`no ${this.#tokenizerFile}: texts need the model's tokenizer.json beside config.json`);
    const config = join(directory, 'tokenizer_config.json');
    this.layout = slotLayout(fieldsOf(inputs, masking), batchSize, maxLength, masking?.probability);
    const buckets = [...(options.buckets ?? bucketsUpTo(maxLength))].sort((a, b) => a - b).filter((b) => b < maxLength);
    const data: TextWorkerData = {
      tokenizerFile: this.#tokenizerFile,
      tokenizerConfigFile: existsSync(config) ? config : undefined,
      maxLength,
      buckets: [...buckets, maxLength],
      masking,
    };
    this.#pool = new Piscina<TextTask, TextResult>({
      filename: new URL('./text-worker.js', import.meta.url).href,
      minThreads: workers,
      maxThreads: workers,
      workerData: data,
    });
    // A worker that breaks between two batches is replaced; there is nothing to report to anyone.
    this.#pool.on('error', () => {});
  }

  /**
   * The batches of `rows`, in order; it is closed at the end. Every batch must be released. Leaving the loop early, an
   * abort or an error frees what was prepared.
   * @throws DataError with file and line for a text that cannot be tokenised; the signal's reason; what `rows` throws.
   */
  async *batches(
    rows: AsyncGenerator<Rows, void, void>,
    { signal, seed = 0, epoch = 0 }: { signal?: AbortSignal | undefined } & Partial<Draw> = {},
  ): AsyncGenerator<Batch, void, void> {
    const ahead: Promise<Batch | undefined>[] = [];
    try {
      for (;;) {
        signal?.throwIfAborted();
        while (ahead.length <= this.#batchesAhead) {
          // A generator answers its calls one after the other, so the batches stay in order.
          const batch = rows.next().then(({ value }) => (value ? this.#prepare(value, { seed, epoch }) : undefined));
          batch.catch(() => {}); // reported when its turn comes
          ahead.push(batch);
        }
        const batch = await ahead[0]!;
        signal?.throwIfAborted();
        this.#throwIfClosed();
        if (!batch) return;
        ahead.shift();
        batch.slot.to('bound');
        yield batch;
      }
    } finally {
      for (const result of await Promise.allSettled(ahead)) if (result.status === 'fulfilled') result.value?.release();
      await rows.return();
    }
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

  async #prepare(rows: Rows, draw: Draw): Promise<Batch> {
    const { index, samples, labels, chunks, places, weights } = rows;
    const slot = this.#free.pop() ?? new Slot(this.layout);
    slot.to('filling');
    const release = (): void => {
      slot.to('free');
      this.#free.push(slot);
    };
    try {
      const task = { layout: this.layout, buffer: slot.buffer, chunks, places, labels, weights, samples, ...draw };
      const result = await this.#run(task, slot, rows);
      if ('failed' in result) throw this.#failure(result, rows);
      const where = rows.where.bind(rows);
      return { index, inputs: slot.views(result.length), samples, labels, where, slot, release, ...result };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** One batch on a worker; again on another when the worker dies with it. */
  async #run(task: TextTask, slot: Slot, rows: Rows): Promise<TextResult> {
    for (let attempt = 1; ; attempt++) {
      this.#throwIfClosed();
      try {
        return await this.#pool.run(task);
      } catch (error) {
        this.#throwIfClosed();
        if (attempt === attempts)
          throw new DataError(
            `a worker died ${attempts} times on the batch of ${describeRows(rows)}: ` +
              `${(error as Error).message}. Look for a text of unusual size among them`,
          );
        slot.to('free');
        slot.to('filling');
      }
    }
  }

  #failure(result: Extract<TextResult, { failed: unknown }>, rows: Rows): Error {
    if (result.failed === 'tokenizer')
      return new ModelError(`${this.#tokenizerFile} cannot be used: ${result.message}`);
    return new DataError(`${rows.where(result.failed)}: the text cannot be tokenised: ${result.message}`);
  }
}

function fieldsOf(inputs: FeederOptions['inputs'], masking: Masking | undefined): Field[] {
  for (const { name, dtype } of inputs) {
    if (!textInputs.includes(name))
      throw new UsageError(`model input '${name}' cannot be fed from text; known inputs are ${textInputs.join(', ')}`);
    if (dtype !== 'int64' && dtype !== 'int32')
      throw new UsageError(`model input '${name}' must be int64 or int32 to be fed from text, found ${dtype}`);
  }
  const per = masking ? 'target' : 'sample';
  return [
    ...inputs.map(({ name, dtype }): Field => ({ name, dtype, per: 'token' })),
    ...(masking ? [{ name: 'masked_positions', dtype: 'int64', per } as const] : []),
    { name: 'labels', dtype: 'int64', per },
    { name: 'sample_weights', dtype: 'float32', per },
    ...(masking?.nextSentence ? pairFields : []),
  ];
}
