// A NumPy file of one float32 array: version 1.0 of the format, little-endian, rows one behind the other.

import { writeResult } from './atomic-file.js';

/** Where the data begin is a multiple of this. */
const alignment = 64;

/** @throws OrtuneError where the file cannot be written */
export function writeNpy(path: string, data: Float32Array, shape: readonly number[]): void {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  const preamble = 10;
  const length = Math.ceil((preamble + header.length + 1) / alignment) * alignment - preamble;
  const head = Buffer.alloc(preamble);
  head.write('\x93NUMPY', 'latin1');
  head.writeUInt8(1, 6);
  head.writeUInt16LE(length, 8);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  writeResult(path, Buffer.concat([head, Buffer.from(`${header.padEnd(length - 1)}\n`, 'latin1'), bytes]));
}
