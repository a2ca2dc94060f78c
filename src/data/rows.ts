// A batch's samples before they are written into a slot: what class and weight they have and, of texts, where their bytes
// lie in shared memory. This is all that goes to the thread that fills the slot, whatever the samples come from.

import { epochOrder, groupBatches } from './sampler.js';
import { locationOf, TableBuilder, type TextTable } from './table.js';

export interface Samples {
  /** Number of the batch within the epoch, from 0. */
  index: number;
  /** Number of each sample within its data. */
  samples: Uint32Array;
  /** Class of each sample, all 0 for prediction; of several probable ones the likeliest. */
  labels: Int32Array;
  /** [samples, classes] where samples have more than a class: probabilities, or for each label how far it holds. */
  targets?: Float32Array | undefined;
  /** Weight of each sample in the loss. */
  weights: Float32Array;
  /** 'file:line' of a row, for messages. */
  where(row: number): string;
}

export interface TextSamples extends Samples {
  chunks: readonly SharedArrayBuffer[];
  /** Four numbers a sample: index into `chunks`, first byte, bytes of the text and of the pair behind it. */
  places: Uint32Array;
  /** The bytes are tokens already: see pack/tokens.ts. */
  packed: boolean;
}

export interface RowsOptions {
  index: number;
  /** What `samples` says; default the table's own numbers. */
  samples?: Uint32Array;
  /** Weight of each class; default 1. */
  classWeights?: readonly number[] | undefined;
  /** Samples do not weigh what the table says. Default false. */
  unweighted?: boolean;
}

/** The rows for records `members` of a table, which must not change while they are in use. */
export function rowsOf(table: TextTable, members: Uint32Array, options: RowsOptions): TextSamples {
  const { classWeights, unweighted = false } = options;
  const count = members.length;
  const chunks: SharedArrayBuffer[] = [];
  const numbers = new Map<number, number>();
  const places = new Uint32Array(4 * count);
  const labels = new Int32Array(count);
  const weights = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    const i = members[row]!;
    const chunk = table.chunk[i]!;
    if (!numbers.has(chunk)) numbers.set(chunk, chunks.push(table.chunks[chunk]!) - 1);
    places.set([numbers.get(chunk)!, table.start[i]!, table.textBytes[i]!, table.pairBytes?.[i] ?? 0], 4 * row);
    labels[row] = table.label[i]!;
    const own = unweighted ? 1 : (table.weight?.[i] ?? 1);
    weights[row] = own * (classWeights?.[labels[row]!] ?? 1);
  }
  const samples = options.samples ?? members;
  return {
    index: options.index,
    samples,
    chunks,
    places,
    labels,
    weights,
    packed: table.tokens !== undefined,
    where: (row) => locationOf(table, members[row]!),
  };
}

/** Samples, classes and targets of some of the rows. */
export function keptRows<R extends Pick<Samples, 'samples' | 'labels' | 'targets'>>(
  { samples, labels, targets }: R,
  kept: readonly number[],
): Pick<Samples, 'samples' | 'labels'> & { targets: Float32Array | undefined } {
  const size = targets ? targets.length / samples.length : 0;
  const some = new Float32Array(kept.length * size);
  for (const [i, row] of kept.entries()) some.set(targets?.subarray(row * size, (row + 1) * size) ?? [], i * size);
  return {
    samples: Uint32Array.from(kept, (row) => samples[row]!),
    labels: Int32Array.from(kept, (row) => labels[row]!),
    targets: targets && some,
  };
}

/** The same rows with bytes and places of their own, for a table that will be filled again. */
export function detached(rows: TextSamples): TextSamples {
  const { places, samples } = rows;
  let total = 0;
  for (let at = 0; at < places.length; at += 4) total += places[at + 2]! + places[at + 3]!;
  const own = new SharedArrayBuffer(total);
  const bytes = new Uint8Array(own);
  const moved = new Uint32Array(places.length);
  let used = 0;
  for (let at = 0; at < places.length; at += 4) {
    const [chunk, start, text, pair] = places.subarray(at, at + 4) as unknown as [number, number, number, number];
    bytes.set(new Uint8Array(rows.chunks[chunk]!, start, text + pair), used);
    moved.set([0, used, text, pair], at);
    used += text + pair;
  }
  const where = Array.from(samples, (_, row) => rows.where(row));
  return { ...rows, chunks: [own], places: moved, where: (row) => where[row]! };
}

/** The rows in words: 'a.jsonl lines 3, 7; b.csv lines 12', 'c.safetensors rows 5', 'cat/1.jpg'. */
export function describeRows({ samples, where }: Pick<Samples, 'samples' | 'where'>): string {
  const numbers = new Map<string, string[]>();
  for (const row of samples.keys()) {
    const place = where(row);
    const [, file, unit, number] = /^(.*):(row )?(\d+)$/.exec(place) ?? [];
    if (number === undefined) numbers.set(place, []);
    else {
      const key = `${file} ${unit ? 'rows' : 'lines'}`;
      numbers.set(key, [...(numbers.get(key) ?? []), number]);
    }
  }
  return [...numbers].map(([place, all]) => [place, all.join(', ')].join(' ').trim()).join('; ');
}

/** A text, or a pair of texts. */
export type TextInput = string | { text: string; pair: string };

/** The rows of a table, grouped by length in windows. */
export async function* tableRows(table: TextTable, batchSize: number): AsyncGenerator<TextSamples, void, void> {
  const windowSize = groupBatches * batchSize;
  for (let first = 0; first < table.count; first += windowSize) {
    const lengths = table.length.subarray(first, Math.min(first + windowSize, table.count));
    const order = epochOrder({ lengths, batchSize, seed: 0, epoch: 0, sampling: 'sequential' });
    for (let at = 0; at < order.length; at += batchSize) {
      const members = order.slice(at, at + batchSize).map((member) => first + member);
      yield rowsOf(table, members, { index: (first + at) / batchSize });
    }
  }
}

/** Rows for texts of the host's own, grouped by length in windows, so that many of them do not hold it up. */
export async function* textRows(
  texts: readonly TextInput[],
  batchSize: number,
): AsyncGenerator<TextSamples, void, void> {
  const windowSize = groupBatches * batchSize;
  for (let first = 0; first < texts.length; first += windowSize) {
    const window = texts.slice(first, first + windowSize);
    const builder = new TableBuilder(['text'], { pair: true, weight: false });
    for (const [i, text] of window.entries())
      builder.add({ ...(typeof text === 'string' ? { text } : text), line: first + i + 1 }, 0);
    const { table } = builder;
    const lengths = table.length.subarray(0, table.count);
    const order = epochOrder({ lengths, batchSize, seed: 0, epoch: 0, sampling: 'sequential' });
    for (let at = 0; at < order.length; at += batchSize) {
      const members = order.slice(at, at + batchSize);
      const samples = members.map((member) => first + member);
      yield rowsOf(table, members, { index: (first + at) / batchSize, samples });
    }
  }
}
