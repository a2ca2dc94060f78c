// A whole .safetensors file written at once: for results, which lie in memory.

import { OrtuneError } from '../errors.js';
import type { DataType, TypedArray } from '../onnx/dtype.js';
import { quote } from '../quote.js';
import { writeResult } from './atomic-file.js';
import { encodeHeader, type StoredType } from './safetensors.js';

const stored: Partial<Record<DataType, StoredType>> = {
  float32: 'F32',
  float64: 'F64',
  float16: 'F16',
  int64: 'I64',
  int32: 'I32',
  uint8: 'U8',
  int8: 'I8',
  bool: 'BOOL',
};

export interface NamedTensor {
  name: string;
  dtype: DataType;
  shape: readonly number[];
  data: TypedArray;
}

/**
 * @param metadata for other programs. @throws OrtuneError where the file cannot be written, or the format has no such
 * type
 */
export function writeSafetensors(
  path: string,
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): void {
  const header = encodeHeader(
    tensors.map(({ name, dtype, shape }) => {
      const type = stored[dtype];
      if (!type)
        throw new OrtuneError(`${path}: ${quote(name)} is ${dtype}, which a .safetensors file does not hold here`);
      return { name, shape, dtype: type };
    }),
    { writer: 'ortune', ...metadata },
  );
  const bytes = tensors.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  writeResult(path, Buffer.concat([header, ...bytes]));
}
