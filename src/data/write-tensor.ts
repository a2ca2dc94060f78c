// Writes a column of tensors into a slot: byte by byte where the types are equal, else number by number.

import { convertFloat } from '../onnx/convert.js';
import { bytesPerElement, type DataType, isFloat, isInt64, typedArrayOf } from '../onnx/dtype.js';
import { elementCount, Tensor } from '../onnx/tensor.js';
import { quote } from '../quote.js';
import type { TensorSlice } from './columns.js';
import { SampleError } from './encode.js';
import type { Slot } from './slots.js';
import type { TensorReader } from './tensor-reader.js';

/** What whole numbers may be, where they are classes: from 0 up to but not including this; -100 is no class. */
export interface TensorLimits {
  classes?: number | undefined;
}

/**
 * Writes the rows of a batch; those behind the last sample repeat it.
 * @param what the column, for messages
 * @throws SampleError for a number that the field cannot hold, and for a class that is none
 */
export function writeTensor(
  slot: Slot,
  { name, what, column, reader }: { name: string; what: string; column: TensorSlice; reader: TensorReader },
  { classes }: TensorLimits = {},
): void {
  const field = slot.layout.fields.find((one) => one.name === name)!;
  const out = slot.field(name)!;
  const count = column.places.length / 2;
  const rowBytes = out.byteLength / slot.batchSize;
  const bytes = new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
  const numbers = out as unknown as { [i: number]: number | bigint };
  const width = rowBytes / bytesPerElement(field.dtype);
  const element = isInt64(field.dtype) ? BigInt : Number;
  if (elementCount(column.shape) !== width)
    throw new SampleError(
      0,
      `${quote(what)} has the shape [${column.shape.join(', ')}], expected [${field.shape.slice(1).join(', ')}] as in the data before`,
    );
  if (field.dtype !== column.dtype && isHalf(field.dtype))
    throw new SampleError(0, `${quote(what)} is ${column.dtype}, and the model takes ${field.dtype}: store it so`);
  for (let row = 0; row < count; row++) {
    const from = reader.bytes(column, row);
    if (field.dtype === column.dtype) bytes.set(from, row * rowBytes);
    else {
      const values = numbersOf(column, from);
      for (let i = 0; i < width; i++) {
        const value = Number(values[i]);
        if (!isFloat(field.dtype) && !Number.isInteger(value))
          throw new SampleError(row, `${quote(what)} is ${value}, expected whole numbers (${field.dtype})`);
        numbers[row * width + i] = element(value);
      }
    }
    if (classes === undefined) continue;
    for (let i = row * width; i < (row + 1) * width; i++) {
      const value = Number(numbers[i]);
      if (value !== -100 && (value < 0 || value >= classes))
        throw new SampleError(
          row,
          `${quote(what)} is ${value}, expected a class from 0 to ${classes - 1}, or -100 for none`,
        );
    }
  }
  for (let row = count; row < slot.batchSize; row++)
    bytes.copyWithin(row * rowBytes, Math.max(0, count - 1) * rowBytes, Math.max(1, count) * rowBytes);
}

/** Kept as bits, which no number can be assigned to. */
const isHalf = (dtype: DataType): boolean => dtype === 'float16' || dtype === 'bfloat16';

/** The numbers of a row, whatever they are stored as. */
function numbersOf({ dtype, shape }: TensorSlice, bytes: Uint8Array): ArrayLike<number | bigint> {
  const aligned = bytes.slice().buffer as ArrayBuffer;
  const data = new (typedArrayOf(dtype))(aligned);
  return dtype === 'float16' ? convertFloat(Tensor.view(dtype, shape, data), 'float32').data() : data;
}
