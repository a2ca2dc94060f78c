// Tensors that sessions are bound to: in the host's memory, or in a device's own.

import type { DataType, TypedArray } from '../onnx/dtype.js';
import type { NativeBuffer } from './native.js';

/** A tensor in shared memory, row-major. */
export interface TensorView {
  dtype: DataType;
  shape: readonly number[];
  /** Over a SharedArrayBuffer, because that cannot be transferred away under a run. */
  data: TypedArray;
}

/** A tensor in a device's own memory. */
export interface DeviceTensor {
  dtype: DataType;
  shape: readonly number[];
  buffer: NativeBuffer;
}

/** What a session can be bound to: on a device whose memory is the host's, views alone. */
export type BoundTensor = TensorView | DeviceTensor;

/** The tensors of an arena, where a device has them. */
export interface DeviceTensors {
  /** What sessions of the device are bound to. */
  tensor(name: string): BoundTensor;
  /** The arena's values become the device's. */
  upload(): Promise<void>;
  /** The device's values become the arena's. */
  download(): Promise<void>;
}
