// Whether the tensors of the data fit a model: the shape of one sample against what an input takes or an output gives.

import { DataError, ModelError } from '../../errors.js';
import type { Dim } from '../../onnx/graph.js';

/** A tensor of the data, and what it stands before. */
export interface Fitting {
  /** 'train.safetensors: column 'x''. */
  column: string;
  /** Of one sample; undefined where no sample has been read yet. */
  found: readonly number[] | undefined;
  /** `input 'x' of the model`, and what the verb is: takes, gives. */
  what: string;
  /** As the model states it, the batch first; undefined: it does not. */
  stated: readonly Dim[] | undefined;
}

const show = (dims: readonly Dim[]): string => `[${dims.map((dim) => dim ?? '?').join(', ')}]`;
const isOne = (dim: Dim): boolean => dim === 1;

/**
 * Shape of one sample in the slot. Axes of length 1 need not be in the data, or may be there without being stated.
 * @throws DataError for a shape that does not fit, with both; ModelError for one that must be known and is not
 */
export function sampleShape({ column, found, what, stated }: Fitting): readonly number[] {
  if (stated?.length === 0)
    throw new ModelError(
      `${what} ${show(stated)}: a tensor without a batch axis is the same for all samples; make it part of the model`,
    );
  const wanted = stated?.slice(1);
  if (!found) {
    if (wanted?.every((dim) => typeof dim === 'number')) return wanted as number[];
    throw new ModelError(
      `${what} ${stated ? show(stated) : 'a tensor of any shape'}, and the data are read as they come; ` +
        'export the model with fixed axes behind the first, or give data in files or in memory',
    );
  }
  if (!wanted) return found;
  const fits = (a: readonly Dim[], b: readonly number[]): boolean =>
    a.length === b.length && a.every((dim, i) => typeof dim !== 'number' || dim === b[i]);
  if (fits(wanted, found)) return found;
  const lengths = found.filter((d) => d !== 1);
  if (
    !fits(
      wanted.filter((dim) => !isOne(dim)),
      lengths,
    )
  )
    throw new DataError(`${column} has the shape ${show(['N', ...found])}, and ${what} ${show(stated!)}`);
  let at = 0;
  return wanted.map((dim) => (isOne(dim) ? 1 : lengths[at++]!));
}
