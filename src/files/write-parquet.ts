// A Parquet file of texts with a vector each: columns `text` (UTF-8) and `embedding` (a list of float32), in row
// groups.

import type { SchemaElement } from 'hyparquet';
import { ByteWriter, parquetWrite } from 'hyparquet-writer';
import { writeResult } from './atomic-file.js';

/** Rows of a group: vectors of 768 numbers then take 25 MB of it. */
const rowGroupSize = 8192;

/** No value is missing, and a vector is a list as Arrow and pandas read one. */
const schema: SchemaElement[] = [
  { name: 'schema', num_children: 2 },
  { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
  { name: 'embedding', num_children: 1, converted_type: 'LIST', repetition_type: 'REQUIRED' },
  { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
  { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
];

/**
 * @param data [texts, size]
 * @throws OrtuneError where the file cannot be written
 */
export function writeParquet(path: string, texts: readonly string[], data: Float32Array, size: number): void {
  const vectors = texts.map((_, i) => Array.from(data.subarray(i * size, (i + 1) * size)));
  const writer = new ByteWriter();
  parquetWrite({
    writer,
    schema,
    columnData: [
      { name: 'text', data: [...texts] },
      // Floats of vectors repeat nowhere and have no order that a reader could use.
      { name: 'embedding', data: vectors, encoding: 'PLAIN', codec: 'UNCOMPRESSED', statistics: false },
    ],
    rowGroupSize,
  });
  writeResult(path, writer.getBytes());
}
