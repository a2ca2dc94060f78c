// Writes a packed file so that whoever ends the process, at whatever moment, loses the block under way at most: blocks
// go to OUTPUT.partial behind room for the header, and a line for each to OUTPUT.partial.jsonl, with its length,
// checksum and what is to be known of its samples. Started again with the same key, it goes on behind the last block
// that is whole. The end adds the remaining tensors and the header, syncs, and renames the file into its place.

import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rm, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { encodeHeader, type StoredType } from '../../files/safetensors.js';
import { syncDirectory } from '../../files/sync-directory.js';
import { type PackKind, packMetadata, withSum } from './pack-format.js';

/** A tensor that is written at the end. */
export interface PackedTensor {
  name: string;
  dtype: StoredType;
  shape: readonly number[];
  data: Uint8Array;
}

const bytesOf = ({ buffer }: Int32Array | BigInt64Array | Float32Array): Uint8Array => new Uint8Array(buffer);

export const int32 = (name: string, values: ArrayLike<number>): PackedTensor => ({
  ...{ name, dtype: 'I32', shape: [values.length] },
  data: bytesOf(Int32Array.from(values)),
});

export const int64 = (name: string, values: ArrayLike<number>): PackedTensor => ({
  ...{ name, dtype: 'I64', shape: [values.length] },
  data: bytesOf(BigInt64Array.from(values, BigInt)),
});

/** `value` of each of the places. */
export const float32 = (
  name: string,
  shape: readonly number[],
  places: ArrayLike<number>,
  value: (place: number) => number,
): PackedTensor => ({
  ...{ name, dtype: 'F32', shape },
  data: bytesOf(Float32Array.from(places, value)),
});

/** A line of the journal: a block that is in the file. */
interface Block<Info> {
  bytes: number;
  crc32: number;
  info: Info;
}

/** Enough for the entries of all tensors; the metadata come on top. */
const entriesBytes = 4096;
const alignment = 8;

export class PackWriter<Info> {
  /** Of the blocks that are in the file. */
  readonly blocks: Info[];
  /** Bytes of these. */
  bytes: number;
  /** Of the whole file, once it is finished. */
  size = 0;
  readonly #path: string;
  readonly #metadata: Record<string, string>;
  readonly #room: number;
  readonly #hash: Hash;
  readonly #file: FileHandle;
  readonly #journal: FileHandle;

  private constructor(
    path: string,
    { metadata, room, kept }: { metadata: Record<string, string>; room: number; kept: ActivationLayout<Info> },
    [file, journal]: [FileHandle, FileHandle],
  ) {
    this.#path = path;
    this.#metadata = metadata;
    this.#room = room;
    this.blocks = kept.blocks;
    this.bytes = kept.bytes;
    this.#hash = kept.hash;
    this.#file = file;
    this.#journal = journal;
  }

  /**
   * Begins `path`, or goes on with it.
   * @param more metadata beside those that every packed file has
   * @param key what the blocks follow from: those of another key are given up
   * @throws the system's error
   */
  static async open<Info>(
    path: string,
    { kind, more, key }: { kind: PackKind; more: Readonly<Record<string, string>>; key: object },
  ): Promise<PackWriter<Info>> {
    const metadata = packMetadata(kind, more);
    const room = entriesBytes + alignment * Math.ceil(Buffer.byteLength(JSON.stringify(metadata)) / alignment);
    const first = `${JSON.stringify({ ...key, metadata })}\n`;
    const kept = await readBlocks<Info>(path, first, room);
    const goesOn = kept.bytes > 0;
    if (goesOn) await truncate(partial(path), room + kept.bytes);
    const file = await open(partial(path), goesOn ? 'r+' : 'w');
    if (goesOn) await truncate(journalOf(path), kept.journalBytes);
    const journal = await open(journalOf(path), goesOn ? 'a' : 'w');
    if (!goesOn) await journal.write(first);
    return new PackWriter(path, { metadata, room, kept }, [file, journal]);
  }

  /** Adds a block to the first tensor. @throws the system's error */
  async add(bytes: Uint8Array, info: Info): Promise<void> {
    await writeAt(this.#file, bytes, this.#room + this.bytes);
    this.#hash.update(bytes);
    const line: Block<Info> = { bytes: bytes.length, crc32: crc32(bytes), info };
    await this.#journal.write(`${JSON.stringify(line)}\n`);
    this.bytes += bytes.length;
    this.blocks.push(info);
  }

  /**
   * Adds what comes behind the blocks and puts the file in its place; its SHA-256.
   * @param first what the blocks are
   * @throws the system's error
   */
  async finish(first: Omit<PackedTensor, 'data'>, tensors: readonly PackedTensor[]): Promise<string> {
    // Readers of other programs want numbers on multiples of their size.
    const gap = (alignment - (this.bytes % alignment)) % alignment;
    const padding: PackedTensor[] =
      gap > 0 ? [{ name: 'padding', dtype: 'U8', shape: [gap], data: new Uint8Array(gap) }] : [];
    let at = this.#room + this.bytes;
    for (const { data } of [...padding, ...tensors]) {
      await writeAt(this.#file, data, at);
      this.#hash.update(data);
      at += data.length;
    }
    this.size = at;
    const head = encodeHeader([first, ...padding, ...tensors], this.#metadata, this.#room);
    if (head.length !== this.#room) throw new Error(`the header takes ${head.length} bytes of ${this.#room}`);
    const sum = this.#hash.update(head).digest('hex');
    await writeAt(this.#file, withSum(head, sum), 0);
    await this.#file.sync();
    await this.close();
    await rename(partial(this.#path), this.#path);
    await syncDirectory(dirname(this.#path));
    await rm(journalOf(this.#path), { force: true });
    return sum;
  }

  /** Leaves what has been written for another time. */
  async close(): Promise<void> {
    await this.#file.close();
    await this.#journal.close();
  }
}

interface ActivationLayout<Info> {
  blocks: Info[];
  bytes: number;
  hash: Hash;
  /** Of the journal, up to the last line of these. */
  journalBytes: number;
}

/** The blocks of an earlier attempt that are as they were written, up to the first that is not. */
async function readBlocks<Info>(path: string, key: string, room: number): Promise<ActivationLayout<Info>> {
  const kept: ActivationLayout<Info> = {
    blocks: [],
    bytes: 0,
    hash: createHash('sha256'),
    journalBytes: Buffer.byteLength(key),
  };
  const journal = await readFile(journalOf(path), 'utf8').catch(() => '');
  if (!journal.startsWith(key)) return kept;
  const file = await open(partial(path), 'r').catch(() => undefined);
  if (!file) return kept;
  try {
    for (const line of journal.slice(key.length).split('\n')) {
      const block = parse<Info>(line);
      if (!block) break;
      const bytes = Buffer.allocUnsafe(block.bytes);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, room + kept.bytes);
      if (bytesRead < bytes.length || crc32(bytes) !== block.crc32) break;
      kept.hash.update(bytes);
      kept.bytes += bytes.length;
      kept.blocks.push(block.info);
      kept.journalBytes += Buffer.byteLength(line) + 1;
    }
  } finally {
    await file.close();
  }
  // Blocks of nothing but bad samples leave no trace in the file.
  return kept.bytes > 0 ? kept : { ...kept, blocks: [], hash: createHash('sha256') };
}

/** Undefined for a line that was not finished. */
function parse<Info>(line: string): Block<Info> | undefined {
  try {
    return JSON.parse(line) as Block<Info>;
  } catch {
    return undefined;
  }
}

async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}

const partial = (path: string): string => `${path}.partial`;
const journalOf = (path: string): string => `${path}.partial.jsonl`;
