// What a task adds to a graph around the model's outputs before its loss: inputs beside the model's own.

import { ModelError } from '../errors.js';
import type { Builder } from '../onnx/builder.js';
import type { DataType } from '../onnx/dtype.js';
import type { Value } from '../onnx/graph.js';

/** @throws ModelError where the model has a value of that name */
export function taskInput(b: Builder, name: string, dtype: DataType, shape: number[]): Value {
  if (b.graph.types.has(name))
    throw new ModelError(
      `The model has a value named '${name}', which ortune needs for the task. Rename it in the export.`,
    );
  return b.input(name, dtype, shape);
}

/** An output as a loss takes it: of 16 bits as float32. */
export const inFloat32 = (b: Builder, output: Value): Value =>
  b.type(output).dtype === 'float32' ? output : b.op('Cast', [output], { to: 1 });
