// A data file that a host program has as bytes, with the format that a file's name would say. It is written to the
// folder of the data's thread, which is removed when the data are closed, and read as any file.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { types } from 'node:util';
import { checkOptions, kindOfValue } from '../../arguments.js';
import { DataError, UsageError } from '../../errors.js';
import { messageOf } from '../../realm.js';

const formats = ['jsonl', 'ndjson', 'csv', 'tsv', 'parquet', 'safetensors'] as const;
type Format = (typeof formats)[number];

/** A data file in memory. */
export interface DataBytes {
  /** What the file would hold; a text is UTF-8. */
  bytes: Uint8Array | ArrayBuffer | string;
  /** What its name would end in; texts may be compressed. */
  format: Format | `${'jsonl' | 'ndjson' | 'csv' | 'tsv'}.gz`;
}

/** A data file in memory, and the option that it was given as. */
export interface BytesInput {
  name: string;
  file: DataBytes;
}

export const isDataBytes = (value: unknown): value is DataBytes =>
  typeof value === 'object' && value !== null && 'bytes' in value;

/** The file as those behind the option name see it. @throws UsageError for what is none */
export function checkDataBytes(file: DataBytes, name: string): DataBytes {
  checkOptions(file, name, ['bytes', 'format']);
  const { bytes, format } = file;
  if (typeof bytes !== 'string' && !types.isUint8Array(bytes) && !types.isAnyArrayBuffer(bytes))
    throw new UsageError(`${name}: bytes must be a Uint8Array, an ArrayBuffer or a text, found ${kindOfValue(bytes)}`);
  const known = typeof format === 'string' && formats.includes(format.replace(/(?<=l|n|v)\.gz$/, '') as Format);
  if (!known)
    throw new UsageError(
      `${name}: format must be one of ${formats.join(', ')}, or of texts as jsonl.gz, found ${kindOfValue(format)}`,
    );
  return file;
}

/** Writes the file into a folder, as a path. @throws DataError where it cannot be written */
export async function writeBytes({ name, file }: BytesInput, scratch: string): Promise<string> {
  const path = join(scratch, `${name}.${file.format}`);
  const { bytes } = file;
  try {
    await mkdir(scratch, { recursive: true, mode: 0o700 });
    await writeFile(path, types.isAnyArrayBuffer(bytes) ? new Uint8Array(bytes) : (bytes as Uint8Array | string));
  } catch (error) {
    throw new DataError(`${name}: the bytes cannot be written to ${path} to be read: ${messageOf(error)}`);
  }
  return path;
}
