// The file of a model as protobuf reads it, and the raw data of large initializers each in memory of its own: shared
// memory, which sessions can read where it is, and which goes when nobody needs it, where views of the whole file would
// keep all of it. A protobuf message is the concatenation of its fields, so the file is read field by field and written
// again without that data.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { WireType } from '@bufbuild/protobuf/wire';
import { byteCount, concat, prefix } from './encode.js';
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from './onnx_pb.js';

/** Smaller tensors stay with the rest. */
const least = 64 * 1024;

export interface FileParts {
  /** Of a ModelProto, where data is left out. */
  message: Uint8Array<ArrayBuffer>;
  /** Raw data of initializers, by their place in the graph. */
  data: Map<number, Uint8Array>;
}

/** A field of a message in the file: from its tag to before the next one, and what it holds. */
interface Field {
  number: number;
  /** Of length-delimited fields; undefined for numbers. */
  content: number | undefined;
  end: number;
}

/** Undefined for a file that is laid out as none of the exporters do, or damaged: to be read as a whole. */
export function readApart(file: string): FileParts | undefined {
  const fd = openSync(file, 'r');
  try {
    return new Reader(fd).read(fstatSync(fd).size);
  } catch (error) {
    if (error instanceof Unusual) return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}

class Unusual extends Error {}

class Reader {
  readonly #fd: number;
  readonly #head = new Uint8Array(20);
  readonly #data = new Map<number, Uint8Array>();

  constructor(fd: number) {
    this.#fd = fd;
  }

  read(size: number): FileParts {
    let graphs = 0;
    const model = this.#without(0, size, (field, start, end) => {
      if (field !== ModelProtoSchema.field.graph.number) return undefined;
      if (graphs++ > 0) throw new Unusual();
      let count = 0;
      return this.#without(start, end, (inner, from, to) => {
        if (inner !== GraphProtoSchema.field.initializer.number) return undefined;
        return this.#tensor(count++, from, to);
      });
    });
    return { message: concat(model) as Uint8Array<ArrayBuffer>, data: this.#data };
  }

  /** An initializer without its data, where that is large. */
  #tensor(index: number, start: number, end: number): Uint8Array[] | undefined {
    if (end - start < least) return undefined;
    return this.#without(start, end, (field, from, to) => {
      if (field !== TensorProtoSchema.field.rawData.number || to - from < least) return undefined;
      if (this.#data.has(index)) throw new Unusual();
      this.#data.set(index, this.#bytes(from, new Uint8Array(new SharedArrayBuffer(to - from))));
      return 'left out';
    });
  }

  /**
   * A message from `start` to `end`, in pieces.
   * @param replace what stands for the content of a field; undefined: what is there
   */
  #without(
    start: number,
    end: number,
    replace: (field: number, start: number, end: number) => Uint8Array[] | 'left out' | undefined,
  ): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let kept = start;
    const keep = (to: number): void => {
      if (to > kept) pieces.push(this.#bytes(kept, new Uint8Array(to - kept)));
    };
    for (let at = start; at < end; ) {
      const { number, content, end: next } = this.#field(at, end);
      const replaced = content === undefined ? undefined : replace(number, content, next);
      if (replaced !== undefined) {
        keep(at);
        if (replaced !== 'left out') pieces.push(prefix(number, byteCount(replaced)), ...replaced);
        kept = next;
      }
      at = next;
    }
    keep(end);
    return pieces;
  }

  #field(at: number, limit: number): Field {
    const head = this.#bytes(at, this.#head.subarray(0, Math.min(this.#head.length, limit - at)));
    let place = 0;
    const varint = (): number => {
      let value = 0;
      for (let factor = 1; ; factor *= 128) {
        const byte = head[place++];
        if (byte === undefined || factor > 2 ** 63) throw new Unusual();
        value += (byte & 127) * factor;
        if (byte < 128) return value;
      }
    };
    const tag = varint();
    const type = tag % 8;
    const number = Math.floor(tag / 8);
    if (type === WireType.Varint) varint();
    else if (type === WireType.Bit64) place += 8;
    else if (type === WireType.Bit32) place += 4;
    else if (type !== WireType.LengthDelimited) throw new Unusual();
    const length = type === WireType.LengthDelimited ? varint() : undefined;
    const content = length === undefined ? undefined : at + place;
    const end = at + place + (length ?? 0);
    if (end > limit) throw new Unusual();
    return { number, content, end };
  }

  #bytes<T extends Uint8Array>(at: number, into: T): T {
    for (let done = 0; done < into.length; ) {
      const count = readSync(this.#fd, into, done, into.length - done, at + done);
      if (count === 0) throw new Unusual();
      done += count;
    }
    return into;
  }
}
