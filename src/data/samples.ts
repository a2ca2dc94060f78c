// The samples of a batch before they are written into a slot: which they are, what they weigh, and slices of their
// columns. This is all that goes to the thread that fills the slot, whatever the samples come from.

import { columnKind } from './column-kinds.js';
import { type ColumnSpec, ofKind, type Slices } from './columns.js';
import { epochOrder, groupBatches } from './sampler.js';
import { locationOf, mapColumns, type Table } from './table.js';
import { TableBuilder } from './table-builder.js';

export interface Samples {
  /** Number of the batch within the epoch, from 0. */
  index: number;
  /** Number of each sample within its data. */
  samples: Uint32Array;
  /** What is known of them, by role. */
  slices: Slices;
  /** Weight of each sample in the loss. */
  weights: Float32Array;
  /** 'file:line' of a row, for messages. */
  location(row: number): string;
}

export interface SamplesOptions {
  index: number;
  /** What `samples` says; default the table's own numbers. */
  samples?: Uint32Array;
  /** Weight of each class; default 1. */
  classWeights?: readonly number[] | undefined;
  /** Samples do not weigh what the table says. Default false. */
  unweighted?: boolean;
}

/** Samples `members` of a table, which must not change while they are in use. */
export function samplesOf(table: Table, members: Uint32Array, options: SamplesOptions): Samples {
  const { index, samples = members, classWeights, unweighted = false } = options;
  const slices = mapColumns(table.columns, (column) => columnKind(column).take(column, members, {}));
  const classes = classWeights && ofKind(slices, 'label', 'class')?.values;
  const weights = new Float32Array(members.length);
  for (let row = 0; row < members.length; row++) {
    const own = unweighted ? 1 : (table.weight?.[members[row]!] ?? 1);
    weights[row] = own * (classes ? (classWeights[classes[row]!] ?? 1) : 1);
  }
  return { index, samples, slices, weights, location: (row) => locationOf(table, members[row]!) };
}

/** The same samples with memory of their own, for a table that will be filled again. */
export function detached(from: Samples): Samples {
  const locations = Array.from(from.samples, (_, row) => from.location(row));
  const slices = mapColumns(from.slices, (column) => columnKind(column).detach(column));
  return { ...from, slices, location: (row) => locations[row]! };
}

/** Class of each sample, all 0 where there are none; of several probable ones the likeliest. */
export const classesOf = ({ samples, slices }: Pick<Samples, 'samples' | 'slices'>): Int32Array =>
  ofKind(slices, 'label', 'class')?.values ?? new Int32Array(samples.length);

/** [samples, classes] where samples have more than a class: probabilities, or for each label how far it holds. */
export const targetsOf = ({ slices }: Pick<Samples, 'slices'>): Float32Array | undefined =>
  ofKind(slices, 'targets', 'numbers')?.values;

/** Samples, classes and targets of some of the rows. */
export function keptRows<R extends { samples: Uint32Array; labels: Int32Array; targets?: Float32Array | undefined }>(
  { samples, labels, targets }: R,
  kept: readonly number[],
): { samples: Uint32Array; labels: Int32Array; targets: Float32Array | undefined } {
  const size = targets ? targets.length / samples.length : 0;
  const some = new Float32Array(kept.length * size);
  for (const [i, row] of kept.entries()) some.set(targets?.subarray(row * size, (row + 1) * size) ?? [], i * size);
  return {
    samples: Uint32Array.from(kept, (row) => samples[row]!),
    labels: Int32Array.from(kept, (row) => labels[row]!),
    targets: targets && some,
  };
}

/** The rows in words: 'a.jsonl lines 3, 7; b.csv lines 12', 'c.safetensors rows 5', 'cat/1.jpg'. */
export function describeSamples({ samples, location }: Pick<Samples, 'samples' | 'location'>): string {
  const numbers = new Map<string, string[]>();
  for (const row of samples.keys()) {
    const place = location(row);
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
export type TextInput = string | { text: string; pair?: string | undefined };

/** The samples of a table; those of texts are grouped by length in windows. @param from number of the first */
export async function* tableSamples(table: Table, batchSize: number, from = 0): AsyncGenerator<Samples, void, void> {
  const windowSize = groupBatches * batchSize;
  for (let first = 0; first < table.count; first += windowSize) {
    const count = Math.min(windowSize, table.count - first);
    const lengths = table.length?.subarray(first, first + count);
    const order = epochOrder({ count, lengths, batchSize, seed: 0, epoch: 0, sampling: 'sequential' });
    for (let at = 0; at < order.length; at += batchSize) {
      const members = order.slice(at, at + batchSize).map((member) => first + member);
      const samples = members.map((member) => from + member);
      yield samplesOf(table, members, { index: (from + first + at) / batchSize, samples });
    }
  }
}

const textPair: readonly ColumnSpec[] = ['text', 'pair'].map((role) => ({ role, kind: 'text', name: role }));

/** All texts as one table. */
export function textTable(texts: readonly TextInput[]): Table {
  const builder = new TableBuilder(['text'], textPair, { weight: false });
  for (const [i, text] of texts.entries()) builder.add({ values: textValues(text), line: i + 1 }, 0);
  return builder.table;
}

const textValues = (text: TextInput): { text: string; pair: string } =>
  typeof text === 'string' ? { text, pair: '' } : { text: text.text, pair: text.pair ?? '' };

/** Samples for texts of the host's own, grouped by length in windows, so that many of them do not hold it up. */
export async function* textSamples(
  texts: readonly TextInput[],
  batchSize: number,
): AsyncGenerator<Samples, void, void> {
  const windowSize = groupBatches * batchSize;
  for (let first = 0; first < texts.length; first += windowSize) {
    const builder = new TableBuilder(['text'], textPair, { weight: false });
    for (const [i, text] of texts.slice(first, first + windowSize).entries()) {
      builder.add({ values: textValues(text), line: first + i + 1 }, 0);
    }
    yield* tableSamples(builder.table, batchSize, first);
  }
}
