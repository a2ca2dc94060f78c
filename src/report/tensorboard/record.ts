// The framing of TFRecord files, which TensorBoard's event files are: each record stands between its length and its
// checksum, so that a reader notices where a killed writer stopped. Writing only.
// Source: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details

import crc32c from 'crc-32/crc32c.js';

const MASK_DELTA = 0xa282ead8;

/** CRC-32C, rotated right by 15 bits plus a constant: a checksum of data that itself holds checksums. Unsigned. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c.buf(bytes);
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

/** One record: length (uint64), its masked CRC (uint32), the data, its masked CRC (uint32); little-endian. */
export function frame(data: Uint8Array): Buffer {
  const record = Buffer.alloc(8 + 4 + data.length + 4);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return record;
}
