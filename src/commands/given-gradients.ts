// The file that `ortune gradcheck --against` takes: gradients by the names of their tensors in the model's file (or the
// readable names that `inspect` shows), and beside them what they were computed of: the batch by the names of the
// inputs, and projection.OUTPUT, the derivative of the loss by an output.

import { existsSync } from 'node:fs';
import type { Given } from '../check/against.js';
import { numbersOf, StoredTensors } from '../data/stored-tensors.js';
import { DataError, UsageError } from '../errors.js';
import { isFloat } from '../onnx/dtype.js';
import type { Graph, Value } from '../onnx/graph.js';
import { elementCount, Tensor } from '../onnx/tensor.js';
import { quote } from '../quote.js';

const projected = 'projection.';

export interface GivenGradients {
  inputs: Map<Value, Tensor>;
  projections: Map<Value, Given>;
  gradients: Map<Value, Given>;
  /** Tensors of the file that are none of these. */
  unknown: string[];
}

/**
 * Reads such a file.
 * @param names tensors of parameters by their readable names
 * @throws UsageError for a file that there is not; DataError for one that is damaged or does not fit an input
 */
export function readGradients(path: string, graph: Graph, names: ReadonlyMap<string, Value>): GivenGradients {
  if (!existsSync(path))
    throw new UsageError(`option 'against': there is no file ${path}; expected gradients as .safetensors`);
  return StoredTensors.with(path, 'gradients by the names of their tensors', (stored) => {
    const found: GivenGradients = { inputs: new Map(), projections: new Map(), gradients: new Map(), unknown: [] };
    const tensors = new Set(names.values());
    for (const name of stored.tensorNames) {
      const { shape, dtype, begin, end } = stored.place(name);
      const given = { shape, numbers: numbersOf(stored.read(stored.start + begin, end - begin), dtype, path, name) };
      const input = graph.inputs.find((info) => info.name === name);
      const output = graph.outputs.find((info) => `${projected}${info.name}` === name && isFloat(info.dtype));
      const tensor = tensors.has(name) ? name : names.get(name);
      if (input) found.inputs.set(name, Tensor.of(input.dtype, given.numbers, shape));
      else if (output) found.projections.set(output.name, given);
      else if (tensor !== undefined) found.gradients.set(tensor, given);
      else found.unknown.push(name);
    }
    return found;
  });
}

/** @throws DataError for a projection of another shape than its output's in the static graph */
export function checkProjections(path: string, graph: Graph, { projections }: GivenGradients): void {
  for (const [output, { shape }] of projections) {
    const expected = graph.shape(output);
    if (`${shape}` !== `${expected}` || elementCount(shape) === 0)
      throw new DataError(
        `${path}: ${quote(`${projected}${output}`)} has the shape [${shape}], but the output is [${expected}] for these inputs`,
      );
  }
}
