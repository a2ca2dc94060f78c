// The decompressors of Parquet pages, each loaded when a file needs it: Snappy's WebAssembly reserves gigabytes of
// addresses, which a process with a limit on them (ulimit -v) does not have; it then runs as JavaScript. A page never
// takes more than its header says, and what that may be is for parquet-column.ts.

import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { CompressionCodec } from 'hyparquet';
import { snappyUncompress } from 'hyparquet/src/snappy.js';

/** Unpacks a page of `size` bytes. */
export type Unpack = (bytes: Uint8Array, size: number) => Uint8Array;

const codecs: Readonly<Record<string, () => Unpack | Promise<Unpack>>> = {
  UNCOMPRESSED: () => (bytes) => bytes,
  GZIP: () => (bytes, size) => gunzipSync(bytes, { maxOutputLength: Math.max(size, 1) }),
  BROTLI: () => (bytes, size) => brotliDecompressSync(bytes, { maxOutputLength: Math.max(size, 1) }),
  SNAPPY: snappy,
  async ZSTD() {
    const { decompress } = await import('fzstd');
    return (bytes, size) => decompress(bytes, new Uint8Array(size));
  },
  async LZ4() {
    const { decompressLz4 } = await import('hyparquet-compressors/src/lz4.js');
    return decompressLz4;
  },
  async LZ4_RAW() {
    const { decompressLz4Raw } = await import('hyparquet-compressors/src/lz4.js');
    return decompressLz4Raw;
  },
};

async function snappy(): Promise<Unpack> {
  try {
    const { snappyUncompressor } = await import('hysnappy');
    return snappyUncompressor();
  } catch {
    return (bytes, size) => {
      const page = new Uint8Array(size);
      snappyUncompress(bytes, page);
      return page;
    };
  }
}

const loaded = new Map<string, Unpack>();

/** @throws Error for a codec that is unknown */
export async function unpackerOf(codec: CompressionCodec): Promise<Unpack> {
  const known = loaded.get(codec);
  if (known) return known;
  const load = Object.hasOwn(codecs, codec) ? codecs[codec]! : undefined;
  if (!load) throw new Error(`unknown compression ${codec}`);
  const unpack = await load();
  const checked: Unpack = (bytes, size) => {
    const page = unpack(bytes, size);
    if (page.length !== size) throw new Error(`a page of ${page.length} bytes where its header says ${size}`);
    return page;
  };
  loaded.set(codec, checked);
  return checked;
}
