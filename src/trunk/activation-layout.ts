// What is kept of each sample: the values at the cut, as the batches of each length have them.

import type { InputShapes } from '../data/slots.js';
import { bytesPerElement } from '../onnx/dtype.js';
import { elementCount } from '../onnx/tensor.js';
import type { CutValue } from './cut.js';

export interface ActivationLayout {
  /** Names of the values. */
  readonly values: readonly string[];
  /** Samples of a batch. */
  readonly batchSize: number;
  /** By the length that rows are padded to, ascending. */
  readonly lengths: ReadonlyMap<number, { shapes: InputShapes; types: readonly CutValue[] }>;
}

/** Bytes of each value of a sample in rows of this length. */
export const bytesPerSample = ({ lengths, batchSize }: ActivationLayout, length: number): number[] =>
  lengths.get(length)!.types.map(({ dtype, shape }) => (elementCount(shape) / batchSize) * bytesPerElement(dtype));

/** The largest length where values are the same for all lengths: batches then mix rows of any. */
export function commonLength(kept: ActivationLayout): number | undefined {
  const types = [...kept.lengths.values()].map((of) => JSON.stringify(of.types));
  return new Set(types).size === 1 ? [...kept.lengths.keys()].at(-1) : undefined;
}
