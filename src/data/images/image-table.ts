// Labelled pictures as columns over shared buffers: what each picture's target is and where its pixels lie. The pixels
// themselves stay in their files, or in the host's memory.

import type { LabelColumns } from '../protocol.js';
import type { ImageShape } from './pixels.js';
import type { PixelSource } from './tensor-file.js';

export interface ImageTable extends LabelColumns {
  sources: readonly PixelSource[];
  /** Of every picture. */
  shape: ImageShape;
  /** Index into `sources`, and the row there. */
  source: Uint32Array;
  row: Uint32Array;
  /** Undefined where all pictures weigh 1. */
  weight?: Float32Array | undefined;
}

/** 'file:row 17' of a picture; rows are counted from 0, as the tensor counts them. */
export const placeOf = ({ sources, source, row }: ImageTable, i: number): string =>
  `${sources[source[i]!]!.name}:row ${row[i]}`;

export const shared = {
  uint32: (length: number) => new Uint32Array(new SharedArrayBuffer(4 * length)),
  int32: (length: number) => new Int32Array(new SharedArrayBuffer(4 * length)),
  float32: (length: number) => new Float32Array(new SharedArrayBuffer(4 * length)),
};

/** The pictures at `indices` as a table of their own. */
export function subset(table: ImageTable, indices: Uint32Array): ImageTable {
  const { uint32, int32, float32 } = shared;
  const pick = <C extends Uint32Array | Int32Array | Float32Array>(column: C, out: C, width = 1): C => {
    for (let i = 0; i < indices.length; i++)
      for (let k = 0; k < width; k++) out[i * width + k] = column[indices[i]! * width + k]!;
    return out;
  };
  const { count, targets, weight } = table;
  const width = targets ? targets.length / count : 0;
  return {
    ...table,
    count: indices.length,
    source: pick(table.source, uint32(indices.length)),
    row: pick(table.row, uint32(indices.length)),
    label: pick(table.label, int32(indices.length)),
    targets: targets && pick(targets, float32(indices.length * width), width),
    weight: weight && pick(weight, float32(indices.length)),
  };
}
