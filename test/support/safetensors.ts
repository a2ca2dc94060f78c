// Writes small .safetensors files of any types, right or wrong on purpose.

import { writeFileSync } from 'node:fs';

export interface Stored {
  dtype: string;
  shape: number[];
  data: Uint8Array | Float32Array | BigInt64Array | Uint16Array | Int32Array;
}

export function safetensors(tensors: Record<string, Stored>, metadata?: Record<string, string>): Buffer {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    const begin = end;
    end += data.byteLength;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const header = Buffer.from(
    JSON.stringify({ ...(metadata && { __metadata__: metadata }), ...Object.fromEntries(entries) }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const parts = Object.values(tensors).map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return Buffer.concat([length, header, ...parts]);
}

export function writeSafetensors(
  file: string,
  tensors: Record<string, Stored>,
  metadata?: Record<string, string>,
): string {
  writeFileSync(file, safetensors(tensors, metadata));
  return file;
}

export const uint8 = (shape: number[], data: ArrayLike<number>): Stored => ({
  dtype: 'U8',
  shape,
  data: Uint8Array.from(data),
});
export const float32 = (shape: number[], data: ArrayLike<number>): Stored => ({
  dtype: 'F32',
  shape,
  data: Float32Array.from(data),
});
export const int64 = (shape: number[], data: readonly number[]): Stored => ({
  dtype: 'I64',
  shape,
  data: BigInt64Array.from(data, BigInt),
});
