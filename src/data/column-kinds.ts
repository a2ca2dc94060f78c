// What is to be known of each kind of column to handle it without knowing what it is for: how the values of some
// samples are taken out, how they get memory of their own, and what of them is hashed. A further kind is a row of the
// table below.

import type { ByteHash } from './byte-hash.js';
import type { ColumnKind, ColumnSlice, Spans } from './columns.js';
import { hashPictures } from './images/picture-hash.js';
import { shared } from './shared-arrays.js';
import { TensorReader, tensorBytes } from './tensor-reader.js';

export interface TakeOptions {
  /**
   * For a table: arrays in shared memory, over all the chunks and sources of the column. Default: for a batch, small
   * arrays over no more of these than the samples need.
   */
  shared?: boolean;
}

type Indices = ArrayLike<number>;
type Numbers = Uint32Array | Int32Array | Float32Array;

/** Of one kind of column. */
interface Kind<C extends ColumnSlice> {
  /** The values of samples `samples`. */
  take(column: C, samples: Indices, options: TakeOptions): C;
  /** The same values, in memory of their own where the column's will be overwritten. */
  detach(column: C): C;
  /**
   * Adds the values of the first `count` samples; the same however samples were cut into tables, but for pictures.
   * @param names of the classes
   */
  hash(column: C, count: number, hash: ByteHash, names: readonly string[]): void;
}

type KindTable = { [K in ColumnKind]: Kind<Extract<ColumnSlice, { kind: K }>> };

const same = <C>(column: C): C => column;

const kinds: KindTable = {
  text: { take: takeSpans, detach: detachSpans, hash: hashSpans },
  tokens: { take: takeSpans, detach: detachSpans, hash: hashSpans },
  texts: {
    take(column, samples, options) {
      const { offsets, values } = takeRagged(column.offsets, samples, options);
      return { ...takeSpans(column, values, options), offsets };
    },
    detach: detachSpans,
    hash(column, count, hash) {
      const bytes = bytesOfSpans(column);
      for (let i = 0; i < count; i++) {
        const [from, to] = [column.offsets[i]!, column.offsets[i + 1]!];
        hash.number(to - from);
        for (let k = from; k < to; k++) hash.piece(bytes(k));
      }
    },
  },
  class: {
    take: ({ kind, values }, samples, options) => ({ kind, values: gather(values, samples, int32(options)) }),
    detach: same,
    hash({ values }, count, hash, names) {
      const bytes = names.map((name) => Buffer.from(name));
      for (let i = 0; i < count; i++) hash.piece(bytes[values[i]!] ?? nothing);
    },
  },
  classes: {
    take(column, samples, options) {
      const { offsets, values } = takeRagged(column.offsets, samples, options);
      return { kind: 'classes', values: gather(column.values, values, int32(options)), offsets };
    },
    detach: same,
    hash({ values, offsets }, count, hash, names) {
      const bytes = names.map((name) => Buffer.from(name));
      for (let i = 0; i < count; i++) {
        hash.number(offsets[i + 1]! - offsets[i]!);
        for (let k = offsets[i]!; k < offsets[i + 1]!; k++) {
          const name = bytes[values[k]!];
          if (name) hash.piece(name);
          else hash.number(values[k]!);
        }
      }
    },
  },
  ranges: {
    take(column, samples, options) {
      const { offsets, values } = takeRagged(column.offsets, samples, options);
      return { kind: 'ranges', values: gather(column.values, values, uint32(options), 2), offsets };
    },
    detach: same,
    hash({ values, offsets }, count, hash) {
      for (let i = 0; i < count; i++) {
        hash.number(offsets[i + 1]! - offsets[i]!);
        for (let k = 2 * offsets[i]!; k < 2 * offsets[i + 1]!; k++) hash.number(values[k]!);
      }
    },
  },
  numbers: {
    take: ({ kind, values, width }, samples, options) => ({
      kind,
      values: gather(values, samples, float32(options), width),
      width,
    }),
    detach: same,
    hash({ values, width }, count, hash) {
      for (let i = 0; i < count; i++)
        hash.piece(new Uint8Array(values.buffer, values.byteOffset + 4 * i * width, 4 * width));
    },
  },
  tensor: {
    take: takePlaces,
    detach(column) {
      const bytes = tensorBytes(column);
      const count = column.places.length / 2;
      const memory = new SharedArrayBuffer(bytes * count);
      const reader = new TensorReader();
      for (let i = 0; i < count; i++) new Uint8Array(memory).set(reader.bytes(column, i), i * bytes);
      reader.close();
      const places = Uint32Array.from({ length: 2 * count }, (_, k) => (k % 2 === 0 ? 0 : k >> 1));
      return { ...column, sources: [{ memory, begin: 0 }], places };
    },
    hash(column, count, hash) {
      const reader = new TensorReader();
      for (let i = 0; i < count; i++) hash.piece(reader.bytes(column, i));
      reader.close();
    },
  },
  picture: {
    take: takePlaces,
    detach: same,
    hash({ sources, places }, count, hash) {
      hashPictures(sources, hash);
      hash.piece(new Uint8Array(places.buffer, places.byteOffset, 8 * count));
    },
  },
};

/** What is to be known of a column's kind. */
export const columnKind = <C extends ColumnSlice>({ kind }: C): Kind<C> => kinds[kind] as unknown as Kind<C>;

const nothing = new Uint8Array(0);
const uint32 = (options: TakeOptions) => (length: number) =>
  options.shared ? shared.uint32(length) : new Uint32Array(length);
const int32 = (options: TakeOptions) => (length: number) =>
  options.shared ? shared.int32(length) : new Int32Array(length);
const float32 = (options: TakeOptions) => (length: number) =>
  options.shared ? shared.float32(length) : new Float32Array(length);

function gather<A extends Numbers>(values: A, samples: Indices, make: (length: number) => A, width = 1): A {
  const out = make(samples.length * width);
  for (let i = 0; i < samples.length; i++)
    for (let k = 0; k < width; k++) out[i * width + k] = values[samples[i]! * width + k]!;
  return out;
}

/** Where the values of samples of several values lie, and the offsets to them once they are taken out. */
function takeRagged(
  offsets: Uint32Array,
  samples: Indices,
  options: TakeOptions,
): { offsets: Uint32Array; values: Uint32Array } {
  const taken = uint32(options)(samples.length + 1);
  for (let i = 0; i < samples.length; i++) taken[i + 1] = taken[i]! + offsets[samples[i]! + 1]! - offsets[samples[i]!]!;
  const values = new Uint32Array(taken[samples.length]!);
  for (let i = 0, at = 0; i < samples.length; i++)
    for (let k = offsets[samples[i]!]!; k < offsets[samples[i]! + 1]!; k++) values[at++] = k;
  return { offsets: taken, values };
}

/** Numbers anew, in the order in which they are met, the chunks or sources that are needed. */
class Needed<T> {
  readonly all: T[] = [];
  readonly #numbers = new Map<number, number>();
  readonly #from: readonly T[];

  constructor(from: readonly T[]) {
    this.#from = from;
  }

  number(of: number): number {
    const known = this.#numbers.get(of);
    if (known !== undefined) return known;
    this.#numbers.set(of, this.all.length);
    return this.all.push(this.#from[of]!) - 1;
  }
}

function takeSpans<C extends Spans>(column: C, samples: Indices, options: TakeOptions): C {
  const { chunks, spans } = column;
  const taken = uint32(options)(3 * samples.length);
  const needed = options.shared ? undefined : new Needed(chunks);
  for (let i = 0; i < samples.length; i++) {
    const at = 3 * samples[i]!;
    taken[3 * i] = needed ? needed.number(spans[at]!) : spans[at]!;
    taken[3 * i + 1] = spans[at + 1]!;
    taken[3 * i + 2] = spans[at + 2]!;
  }
  return { ...column, chunks: needed?.all ?? chunks, spans: taken };
}

function takePlaces<C extends { sources: readonly unknown[]; places: Uint32Array }>(
  column: C,
  samples: Indices,
  options: TakeOptions,
): C {
  const { sources, places } = column;
  const taken = uint32(options)(2 * samples.length);
  const needed = options.shared ? undefined : new Needed(sources);
  for (let i = 0; i < samples.length; i++) {
    const source = places[2 * samples[i]!]!;
    taken[2 * i] = needed ? needed.number(source) : source;
    taken[2 * i + 1] = places[2 * samples[i]! + 1]!;
  }
  return { ...column, sources: needed?.all ?? sources, places: taken };
}

function detachSpans<C extends Spans>(column: C): C {
  const { spans } = column;
  let total = 0;
  for (let at = 0; at < spans.length; at += 3) total += spans[at + 2]!;
  const memory = new SharedArrayBuffer(total);
  const bytes = new Uint8Array(memory);
  const moved = new Uint32Array(spans.length);
  const of = bytesOfSpans(column);
  for (let at = 0, used = 0; at < spans.length; at += 3) {
    bytes.set(of(at / 3), used);
    moved.set([0, used, spans[at + 2]!], at);
    used += spans[at + 2]!;
  }
  return { ...column, chunks: [memory], spans: moved };
}

/** Views of the bytes by value; `bytesAt` for many of them. */
export function bytesOfSpans({ chunks, spans }: Spans): (i: number) => Uint8Array {
  const bytes = chunks.map((chunk) => new Uint8Array(chunk));
  return (i) => bytes[spans[3 * i]!]!.subarray(spans[3 * i + 1]!, spans[3 * i + 1]! + spans[3 * i + 2]!);
}

function hashSpans(column: Spans, count: number, hash: ByteHash): void {
  const bytes = bytesOfSpans(column);
  for (let i = 0; i < count; i++) hash.piece(bytes(i));
}
