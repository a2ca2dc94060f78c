// Axes that an export fixes: without dynamic axes a file takes batches of one size and, of texts, rows of one length,
// and nothing else. Both are used as they are. What fills a batch up weighs nothing, and what fills a row up is masked.

import { ModelError } from '../errors.js';
import type { ModelValue } from './task.js';

type Inputs = readonly Pick<ModelValue, 'name' | 'shape'>[];

/** The length that the inputs fix an axis to; undefined where none does. @throws ModelError where two differ */
function fixedAxis(inputs: Inputs, axis: number, what: string): number | undefined {
  const stated = inputs.flatMap(({ name, shape }) => {
    const length = shape?.[axis];
    return typeof length === 'number' && length > 0 ? [{ name, length }] : [];
  });
  const [first] = stated;
  const other = stated.find(({ length }) => length !== first!.length);
  if (other)
    throw new ModelError(
      `the model's inputs fix ${what} differently: '${first!.name}' to ${first!.length}, '${other.name}' to ${other.length}. ` +
        'Export it with dynamic axes, or with the same for all inputs.',
    );
  return first?.length;
}

/** Samples of every batch, where the model takes no other number. */
export const fixedBatch = (inputs: Inputs): number | undefined => fixedAxis(inputs, 0, 'the batch');

/** Tokens of every row, where a model of texts takes no other number. */
export const fixedLength = (inputs: Inputs): number | undefined => fixedAxis(inputs, 1, 'the length of texts');

/** The batch size to load with, and what is to be said of it. */
export function batchSizeFor(inputs: Inputs, wished: number): { batchSize: number; notes: string[] } {
  const batchSize = fixedBatch(inputs) ?? wished;
  if (batchSize === wished) return { batchSize, notes: [] };
  const note = `the model file takes batches of ${batchSize} alone: batchSize is ${batchSize} in place of ${wished}; export it with dynamic axes to choose`;
  return { batchSize, notes: [note] };
}
