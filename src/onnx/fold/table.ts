// What an evaluator of constants is: it gets the node, its constant inputs and the types of its outputs.

import type { StaticType } from '../graph.js';
import type { TypeContext } from '../shapes/context.js';
import type { Tensor } from '../tensor.js';

/**
 * Values of the outputs; undefined (the whole or one) where it declines and the node stays. Omitted inputs are
 * undefined.
 */
export type Evaluator = (
  c: TypeContext,
  inputs: readonly Tensor[],
  types: readonly StaticType[],
) => readonly (Tensor | undefined)[] | undefined;
