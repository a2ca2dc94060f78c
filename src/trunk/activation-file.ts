// The file that holds what a frozen trunk computed, a record for each sample: the bytes of the cut's values, one after
// the other. Records come in the order they were computed in, then an index (offset and form of every sample), then a
// description as JSON, and last the JSON's length and a mark. Written beside its place, hashed on the way, synced and
// renamed, so that it is there whole or not at all; what is opened is hashed again, so that a file that was cut or
// altered since is not used. Nothing here blocks: the main thread writes while the trunk runs.

import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DataError } from '../errors.js';
import { syncDirectory } from '../files/sync-directory.js';

/** The part of a file's description that must match the run, or the file is another's. */
export interface ActivationContent {
  /** SHA-256 of everything the activations follow from. */
  key: string;
  /** Samples there are; every one that can be used has a record. */
  samples: number;
  /** Bytes of each value of a record, by the form of the batches it was computed in. */
  layout: readonly { axes: Readonly<Record<string, number>>; bytes: readonly number[] }[];
}

/** Facts about the samples, stored beside their activations. */
export interface Notes {
  /** Texts that were cut to the maximum length. */
  truncated: number;
}

interface Description extends ActivationContent {
  format: number;
  recordBytes: number;
  notes: Notes;
  /** Of records, index and notes. */
  sha256: string;
}

const format = 2;
const mark = Buffer.from('ortuneAC');
const tailBytes = 8 + mark.length;
/** Of the index for each sample: offset as float64, form as uint32. */
const indexBytes = 12;
const pieceBytes = 1 << 20;
/** Offset of a sample without a record. */
const leftOut = -1;

let partials = 0;

export class ActivationWriter {
  readonly #path: string;
  readonly #content: ActivationContent;
  readonly #partial: string;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  readonly #offsets: Float64Array;
  readonly #forms: Uint32Array;
  #piece = Buffer.allocUnsafe(pieceBytes);
  #used = 0;
  /** Bytes of the records so far. */
  bytes = 0;
  #written = 0;

  private constructor(path: string, content: ActivationContent, partial: string, file: FileHandle) {
    this.#path = path;
    this.#content = content;
    this.#partial = partial;
    this.#file = file;
    this.#offsets = new Float64Array(content.samples).fill(Number.NaN);
    this.#forms = new Uint32Array(content.samples);
  }

  /** @throws the system's error */
  static async create(path: string, content: ActivationContent): Promise<ActivationWriter> {
    const partial = `${path}.${process.pid}-${partials++}.partial`;
    return new ActivationWriter(path, content, partial, await open(partial, 'w'));
  }

  /** Adds the record of a sample, computed in batches of a form; the bytes are copied before this returns a promise. */
  async add(sample: number, form: number, values: readonly Uint8Array[]): Promise<void> {
    this.#offsets[sample] = this.bytes;
    this.#forms[sample] = form;
    for (const value of values) {
      this.bytes += value.length;
      for (let done = 0; done < value.length; ) {
        const count = Math.min(value.length - done, pieceBytes - this.#used);
        this.#piece.set(value.subarray(done, done + count), this.#used);
        done += count;
        this.#used += count;
        if (this.#used === pieceBytes) await this.#flush();
      }
    }
  }

  /** A sample that cannot be used has no record. */
  leaveOut(sample: number): void {
    this.#offsets[sample] = leftOut;
  }

  /** Puts the file in its place. @throws the system's error; Error when a sample has no record */
  async finish(notes: Notes): Promise<void> {
    const missing = this.#offsets.findIndex(Number.isNaN);
    if (missing >= 0) throw new Error(`sample ${missing} of ${this.#content.samples} has no record`);
    const recordBytes = this.bytes;
    await this.#append(Buffer.from(this.#offsets.buffer));
    await this.#append(Buffer.from(this.#forms.buffer));
    await this.#flush();
    const sha256 = this.#hash.update(JSON.stringify(notes)).digest('hex');
    const description: Description = { format, ...this.#content, recordBytes, notes, sha256 };
    const json = Buffer.from(JSON.stringify(description));
    const tail = Buffer.alloc(tailBytes);
    tail.writeBigUInt64LE(BigInt(json.length));
    mark.copy(tail, 8);
    await this.#write(Buffer.concat([json, tail]));
    await this.#file.sync();
    await this.#file.close();
    await rename(this.#partial, this.#path);
    await syncDirectory(dirname(this.#path));
  }

  /** Removes what has been written; never fails. */
  async discard(): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(this.#partial, { force: true }).catch(() => {});
  }

  async #append(bytes: Buffer): Promise<void> {
    await this.#flush();
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const part = bytes.subarray(at, at + pieceBytes);
      this.#hash.update(part);
      await this.#write(part);
    }
  }

  async #flush(): Promise<void> {
    const part = this.#piece.subarray(0, this.#used);
    this.#used = 0;
    this.#hash.update(part);
    await this.#write(part);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#written);
      done += bytesWritten;
      this.#written += bytesWritten;
    }
  }
}

/** A file that is whole, open for reading. */
export class ActivationFile {
  readonly bytes: number;
  readonly notes: Notes;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #offsets: Float64Array;
  readonly #forms: Uint32Array;

  private constructor(path: string, file: FileHandle, { recordBytes, notes }: Description, index: Buffer) {
    this.#path = path;
    this.#file = file;
    this.bytes = recordBytes;
    this.notes = notes;
    const samples = index.length / indexBytes;
    this.#offsets = new Float64Array(index.buffer, index.byteOffset, samples);
    this.#forms = new Uint32Array(index.buffer, index.byteOffset + 8 * samples, samples);
  }

  /**
   * @throws DataError for a file that is damaged or holds something else than `content`; the system's error, ENOENT
   * where
   *   there is none
   */
  static async open(path: string, content: ActivationContent, signal?: AbortSignal): Promise<ActivationFile> {
    const file = await open(path, 'r');
    try {
      const description = await describe(path, file, content);
      return new ActivationFile(path, file, description, await verified(path, file, description, signal));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Whether a sample has a record. */
  has(sample: number): boolean {
    return this.#offsets[sample] !== leftOut;
  }

  /** In which form of batches a sample's record was computed: an index into the layout. */
  formOf(sample: number): number {
    return this.#forms[sample]!;
  }

  /** Reads a sample's record into memory, value after value. @throws DataError when it is no longer there */
  async read(sample: number, into: readonly Uint8Array[]): Promise<void> {
    let at = this.#offsets[sample]!;
    for (const value of into) {
      if ((await fill(this.#file, value, at)) < value.length)
        throw new DataError(`${this.#path} was cut while it was in use; remove it and start again`);
      at += value.length;
    }
  }

  /** May be called again. */
  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Reads until `into` is full or the file ends; how many bytes. */
async function fill(file: FileHandle, into: Uint8Array, at: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, at + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

async function describe(path: string, file: FileHandle, content: ActivationContent): Promise<Description> {
  const { size } = await file.stat();
  const tail = Buffer.alloc(tailBytes);
  await fill(file, tail, Math.max(0, size - tailBytes));
  const jsonBytes = Number(tail.readBigUInt64LE());
  if (!tail.subarray(8).equals(mark) || jsonBytes > size - tailBytes) throw damaged(path, 'its end is missing');
  const json = Buffer.alloc(jsonBytes);
  await fill(file, json, size - tailBytes - jsonBytes);
  let found: Partial<Description>;
  try {
    found = JSON.parse(json.toString());
  } catch {
    throw damaged(path, 'its description is no JSON');
  }
  if (found.format !== format) throw damaged(path, `its format is ${found.format}, expected ${format}`);
  const { key, samples, layout } = found;
  if (JSON.stringify({ key, samples, layout }) !== JSON.stringify(content))
    throw damaged(path, 'it was made of another model or other data');
  if (found.recordBytes! + indexBytes * content.samples + jsonBytes + tailBytes !== size)
    throw damaged(path, `it has ${size} bytes, which is not what it says`);
  return found as Description;
}

const damaged = (path: string, problem: string): DataError => new DataError(`${path} cannot be used: ${problem}`);

/** The index, after records and index have been found to be what they were when they were written. */
async function verified(
  path: string,
  file: FileHandle,
  { recordBytes, samples, notes, sha256 }: Description,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(pieceBytes);
  for (let at = 0; at < recordBytes; at += pieceBytes) {
    signal?.throwIfAborted();
    const part = piece.subarray(0, Math.min(pieceBytes, recordBytes - at));
    await fill(file, part, at);
    hash.update(part);
  }
  const index = Buffer.from(new ArrayBuffer(indexBytes * samples));
  await fill(file, index, recordBytes);
  for (let at = 0; at < index.length; at += pieceBytes) hash.update(index.subarray(at, at + pieceBytes));
  hash.update(JSON.stringify(notes));
  if (hash.digest('hex') !== sha256) throw damaged(path, 'its content is not what was written');
  return index;
}
