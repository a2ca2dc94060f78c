// A constant tensor. The bytes are a view of the model file where possible and are read on first use when they
// lie in an external data file, so opening a model costs no copy of its weights.

import { bytesOfElements, type DataType, isInt64, isPacked, type TypedArray, typedArrayOf } from './dtype.js';
import { roundTo } from './half-bits.js';

export const elementCount = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

export class Tensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly #held: boolean;
  #bytes: Uint8Array | (() => Uint8Array);

  /** `bytes`: little-endian elements in row-major order, or a function that reads them on first use. */
  constructor(dtype: DataType, shape: readonly number[], bytes: Uint8Array | (() => Uint8Array), held = false) {
    this.dtype = dtype;
    this.shape = shape;
    this.#held = held;
    this.#bytes = bytes;
  }

  /**
   * From numbers; int64 elements go through BigInt, and those of 16-bit floats are rounded. `shape` defaults to one
   * axis.
   */
  static of(dtype: DataType, values: ArrayLike<number | bigint>, shape: readonly number[] = [values.length]): Tensor {
    const data = new (typedArrayOf(dtype))(values.length);
    const round = dtype === 'float16' || dtype === 'bfloat16' ? roundTo(dtype) : Number;
    for (let i = 0; i < values.length; i++) {
      const v = values[i]!;
      data[i] = isInt64(dtype) ? BigInt(v) : round(Number(v));
    }
    return Tensor.view(dtype, shape, data);
  }

  /** Over an existing typed array, without a copy. */
  static view(dtype: DataType, shape: readonly number[], data: TypedArray): Tensor {
    return new Tensor(dtype, shape, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  static scalar(dtype: DataType, value: number | bigint): Tensor {
    return Tensor.of(dtype, [value], []);
  }

  /** Whether sessions read it where it is: its bytes lie in shared memory and do not change. */
  get held(): boolean {
    return this.#held;
  }

  /** Its bytes from `offset` on as another tensor, in the same memory. */
  part(dtype: DataType, shape: readonly number[], offset = 0): Tensor {
    const length = bytesOfElements(dtype, elementCount(shape));
    return new Tensor(dtype, shape, this.bytes().subarray(offset, offset + length), this.#held);
  }

  get size(): number {
    return elementCount(this.shape);
  }

  get byteLength(): number {
    return bytesOfElements(this.dtype, this.size);
  }

  bytes(): Uint8Array {
    if (typeof this.#bytes === 'function') this.#bytes = this.#bytes();
    return this.#bytes;
  }

  /** The elements; a view where the bytes are aligned for the type, else a copy. Those of 4 bits stay packed. */
  data(): TypedArray {
    const bytes = this.bytes();
    if (isPacked(this.dtype)) return bytes;
    const array = typedArrayOf(this.dtype);
    const aligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
    return new array(aligned.buffer, aligned.byteOffset, this.size);
  }

  /** The elements as numbers (int64 beyond 2^53 loses precision; INT64_MAX stays larger than any dimension). */
  numbers(): number[] {
    if (isPacked(this.dtype)) return unpacked(this);
    return Array.from(this.data() as ArrayLike<number | bigint>, Number);
  }
}

/** Elements of 4 bits, two in a byte, the low half first. */
function unpacked(tensor: Tensor): number[] {
  const { dtype, size } = tensor;
  const packed = tensor.bytes();
  return Array.from({ length: size }, (_, i) => {
    const half = (packed[i >> 1]! >> (4 * (i & 1))) & 15;
    return dtype === 'int4' && half > 7 ? half - 16 : half;
  });
}
