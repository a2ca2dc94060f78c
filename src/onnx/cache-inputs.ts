// Inputs of a decoder's file that hold what was computed of tokens read before, as exporters name them: past.0,
// past_key_values.0.key. Where whole sequences are read they have no elements.

import type { Dim, Value } from './graph.js';

const names = /^past(_key_values)?[._]/;

export const isCache = (input: Value): boolean => names.test(input);

/** The axis along which a cache grows, the last that its file leaves open; −1: none but the first. */
export const cacheAxis = (shape: readonly Dim[]): number => {
  const axis = shape.findLastIndex((d) => typeof d !== 'number');
  return axis > 0 ? axis : -1;
};
