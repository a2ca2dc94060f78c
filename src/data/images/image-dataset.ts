// What trainer and evaluation see of labelled pictures, and the rows of an epoch batch by batch.

import type { DataClient } from '../data-client.js';
import { permuted, type RowsRequest, type Split } from '../dataset.js';
import { batchCount, EpochOrders } from '../orders.js';
import type { Samples } from '../rows.js';
import type { Sampling } from '../sampler.js';
import { type ImageTable, locationOf } from './image-table.js';
import type { OpenedImagePart } from './open-images.js';
import type { PictureSource } from './sources.js';

/** A batch's pictures before they are written into a slot. */
export interface ImageSamples extends Samples {
  /** Of these pictures alone. */
  sources: readonly PictureSource[];
  /** Two numbers a picture: index into `sources`, row there. */
  places: Uint32Array;
}

/** The rows of pictures `members` of a table. */
export function imageRows(
  table: ImageTable,
  members: Uint32Array,
  {
    index,
    classWeights,
    unweighted = false,
  }: { index: number; classWeights?: readonly number[] | undefined; unweighted?: boolean },
): ImageSamples {
  const { source, row, label, targets, weight } = table;
  const sources: PictureSource[] = [];
  const numbers = new Map<number, number>();
  const size = targets ? targets.length / table.count : 0;
  const count = members.length;
  const rows = {
    places: new Uint32Array(2 * count),
    labels: new Int32Array(count),
    weights: new Float32Array(count),
    targets: targets && new Float32Array(count * size),
  };
  for (const [b, i] of members.entries()) {
    const from = source[i]!;
    if (!numbers.has(from)) numbers.set(from, sources.push(table.sources[from]!) - 1);
    rows.places.set([numbers.get(from)!, row[i]!], 2 * b);
    rows.labels[b] = label[i]!;
    rows.weights[b] = (unweighted ? 1 : (weight?.[i] ?? 1)) * (classWeights?.[label[i]!] ?? 1);
    rows.targets?.set(targets!.subarray(i * size, (i + 1) * size), b * size);
  }
  return { index, samples: members, sources, ...rows, where: (b) => locationOf(table, members[b]!) };
}

export class ImageDataset implements Split {
  readonly files: readonly string[];
  readonly samples: number;
  readonly hash: string;
  readonly table: ImageTable;
  /** Weights of the classes in the loss; all 1 where undefined. */
  classWeights: readonly number[] | undefined;
  classCounts: readonly number[];
  readonly #sampling: Sampling;
  readonly #orders: EpochOrders;

  constructor(client: DataClient, { files, hash, classCounts, table }: OpenedImagePart, sampling: Sampling) {
    this.files = files;
    this.hash = hash;
    this.classCounts = classCounts;
    this.table = table;
    this.samples = table.count;
    this.#sampling = sampling;
    this.#orders = new EpochOrders(client, sampling);
  }

  where(sample: number): string {
    return locationOf(this.table, sample);
  }

  batches(batchSize: number, whole?: boolean): number {
    return batchCount(this.samples, batchSize, whole);
  }

  /** @throws OrtuneError when the data thread dies; the signal's reason */
  async *rows(request: RowsRequest): AsyncGenerator<ImageSamples, void, void> {
    const { table, classWeights } = this;
    const columns = { lengths: table.row, labels: table.label, weights: table.weight, groupByLength: false };
    const unweighted = this.#sampling === 'weighted';
    for await (const { index, members } of this.#orders.batches(request, columns))
      yield imageRows(table, members, { index, classWeights, unweighted });
  }

  relabelled(_: readonly string[], classes: readonly number[]): void {
    this.classCounts = permuted(this.classCounts, classes);
    this.classWeights = this.classWeights && permuted(this.classWeights, classes);
    this.#orders.clear();
  }
}

/** The pictures of a table in its order. */
export async function* pictureRows(table: ImageTable, batchSize: number): AsyncGenerator<ImageSamples, void, void> {
  for (let at = 0; at < table.count; at += batchSize) {
    const members = Uint32Array.from({ length: Math.min(batchSize, table.count - at) }, (_, i) => at + i);
    yield imageRows(table, members, { index: at / batchSize });
  }
}
