// Labelled pictures as columns over shared buffers: what each picture's target is and where it lies. The pictures
// themselves stay in their files, or in the host's memory.

import type { LabelColumns } from '../protocol.js';
import type { ImageShape } from './pixels.js';
import { type PictureSource, placeInSource, shared } from './sources.js';

export interface ImageTable extends LabelColumns {
  sources: readonly PictureSource[];
  /** Index into `sources`, and the row there. */
  source: Uint32Array;
  row: Uint32Array;
  /** Undefined where all pictures weigh 1. */
  weight?: Float32Array | undefined;
}

/** Where a picture is, for messages: see placeInSource. */
export const locationOf = ({ sources, source, row }: ImageTable, i: number): string =>
  placeInSource(sources[source[i]!]!, row[i]!);

/** What of a table's stored tensors decides how they become a model's input: shape and whether they are floats. */
export interface StoredShape {
  name: string;
  shape: ImageShape;
  floats: boolean;
}

/** Of each source of stored tensors; pictures that have to be decoded have a size each. */
export const storedShapes = ({ sources }: Pick<ImageTable, 'sources'>): StoredShape[] =>
  sources.flatMap((source) =>
    source.kind === 'pixels' ? [{ name: source.name, shape: source.shape, floats: source.type !== 'uint8' }] : [],
  );

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
