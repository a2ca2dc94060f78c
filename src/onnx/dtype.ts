// Element types of tensors: name, ONNX TensorProto.DataType number, bytes per element and typed array.

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

type TypedArrayConstructor = {
  new (length: number): TypedArray;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray;
  readonly BYTES_PER_ELEMENT: number;
};

// float16 and bfloat16 are kept as their bit patterns in a Uint16Array, bool as a Uint8Array of 0 and 1, elements of 4
// bits two in a byte, the low half first.
const table = {
  float32: { onnx: 1, bytes: 4, array: Float32Array },
  uint8: { onnx: 2, bytes: 1, array: Uint8Array },
  int8: { onnx: 3, bytes: 1, array: Int8Array },
  uint16: { onnx: 4, bytes: 2, array: Uint16Array },
  int16: { onnx: 5, bytes: 2, array: Int16Array },
  int32: { onnx: 6, bytes: 4, array: Int32Array },
  int64: { onnx: 7, bytes: 8, array: BigInt64Array },
  bool: { onnx: 9, bytes: 1, array: Uint8Array },
  float16: { onnx: 10, bytes: 2, array: Uint16Array },
  float64: { onnx: 11, bytes: 8, array: Float64Array },
  uint32: { onnx: 12, bytes: 4, array: Uint32Array },
  uint64: { onnx: 13, bytes: 8, array: BigUint64Array },
  bfloat16: { onnx: 16, bytes: 2, array: Uint16Array },
  uint4: { onnx: 21, bytes: 0.5, array: Uint8Array },
  int4: { onnx: 22, bytes: 0.5, array: Uint8Array },
} as const satisfies Record<string, { onnx: number; bytes: number; array: TypedArrayConstructor }>;

export type DataType = keyof typeof table;

const byNumber = new Map<number, DataType>(
  (Object.keys(table) as DataType[]).map((dtype) => [table[dtype].onnx, dtype]),
);

/** Types that a file stores numbers in, and no value of a graph has once they are read. */
export const isPacked = (dtype: DataType): boolean => table[dtype].bytes < 1;
/** The element type with this TensorProto.DataType number, or undefined (string, complex, 4- and 8-bit floats). */
export const storedTypeFromOnnx = (onnx: number): DataType | undefined => byNumber.get(onnx);
/** The same of a value in a graph, whose elements are addressed: undefined for those of 4 bits too. */
export function dataTypeFromOnnx(onnx: number): DataType | undefined {
  const dtype = byNumber.get(onnx);
  return dtype && !isPacked(dtype) ? dtype : undefined;
}
export const onnxDataType = (dtype: DataType): number => table[dtype].onnx;
export const bytesPerElement = (dtype: DataType): number => table[dtype].bytes;
/** Of a tensor of so many elements. */
export const bytesOfElements = (dtype: DataType, count: number): number => Math.ceil(count * table[dtype].bytes);
export const typedArrayOf = (dtype: DataType): TypedArrayConstructor => table[dtype].array;
export const isFloat = (dtype: DataType): boolean =>
  dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
export const isInt64 = (dtype: DataType): boolean => dtype === 'int64' || dtype === 'uint64';
