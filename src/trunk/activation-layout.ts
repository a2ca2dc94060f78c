// What is kept of each sample: the values at the cut, as the batches of each form have them. A form is one combination
// of the lengths that the batches' axes can have.

import type { AxisLengths, InputShapes } from '../data/slots.js';
import { bytesPerElement } from '../onnx/dtype.js';
import { elementCount } from '../onnx/tensor.js';
import type { CutValue } from './cut.js';

export interface ActivationForm {
  axes: AxisLengths;
  /** Shapes of the model's inputs. */
  shapes: InputShapes;
  types: readonly CutValue[];
}

export interface ActivationLayout {
  /** Names of the values. */
  readonly values: readonly string[];
  /** Samples of a batch. */
  readonly batchSize: number;
  /** Ascending by the axes' lengths. */
  readonly forms: readonly ActivationForm[];
}

/** Bytes of each value of a sample in batches of a form. */
export const bytesPerSample = ({ forms, batchSize }: ActivationLayout, form: number): number[] =>
  forms[form]!.types.map(({ dtype, shape }) => (elementCount(shape) / batchSize) * bytesPerElement(dtype));

/** The largest form where values are the same in all: batches then mix samples of any. */
export function commonForm({ forms }: ActivationLayout): number | undefined {
  return new Set(forms.map(({ types }) => JSON.stringify(types))).size === 1 ? forms.length - 1 : undefined;
}
