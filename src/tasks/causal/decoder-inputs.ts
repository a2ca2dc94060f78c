// The inputs of a decoder's file beside its tokens: positions, and the cache of the tokens that were read before, which
// is empty when whole texts are read. Rows are padded on the right: under a causal mask no token sees what follows it,
// so padding changes nothing of the tokens before it, and positions are simply counted.

import { writerOf } from '../../data/encode.js';
import type { AxisLengths, Dim, Field, Slot } from '../../data/slots.js';
import { tokenAxis, tokenFields } from '../../data/text/encode.js';
import { UsageError } from '../../errors.js';
import { isCache } from '../../onnx/cache-inputs.js';
import { quote } from '../../quote.js';
import type { ModelValue } from '../task.js';

export const positionInput = 'position_ids';
/** How many logits are computed, from the last token on; 0: all. */
const countInput = /^num_logits_to_keep$|^logits_to_keep$/;

/** Inputs that texts are written to; the others are known beforehand. */
export const textInputs = (inputs: readonly ModelValue[]): ModelValue[] =>
  inputs.filter(({ name }) => name !== positionInput && !isCache(name) && !countInput.test(name));

/** Whether the file takes a cache: it is a decoder's that writes token by token. */
export const takesCache = (inputs: readonly ModelValue[]): boolean => inputs.some(({ name }) => isCache(name));

/**
 * A field for each input: [batch, tokens] of tokens and positions, no elements of a cache.
 * @throws UsageError for an input that is none of a decoder's
 */
export function decoderFields(inputs: readonly ModelValue[]): Field[] {
  const ofTexts = tokenFields(textInputs(inputs));
  return inputs.map(({ name, dtype, shape }): Field => {
    if (isCache(name)) return { name, dtype, shape: emptyCache(name, shape) };
    if (countInput.test(name)) return { name, dtype, shape: shape?.map(() => 1) ?? [] };
    if (name === positionInput) return { name, dtype, shape: ['batch', tokenAxis] };
    return ofTexts.find((field) => field.name === name)!;
  });
}

/** Axes that the file leaves open: the batch, and the length, which is 0. */
function emptyCache(name: string, shape: ModelValue['shape']): Dim[] {
  const open = shape?.filter((d) => typeof d !== 'number').length ?? 0;
  if (!shape || shape.length < 3 || open < 2 || typeof shape[0] === 'number' || /[ *]/.test(String(shape[0])))
    throw new UsageError(
      `model input ${quote(name)} has the shape [${shape?.map((d) => d ?? '?') ?? ''}]; expected a cache of [batch, heads, length, size] ` +
        'whose batch and length are open: export the model with past key values as optimum does',
    );
  return shape.map((d, axis) => (axis === 0 ? 'batch' : typeof d === 'number' ? d : 0));
}

/** Writes the places of tokens in their samples; those of padding go on with the last one's. */
export function writePositions(slot: Slot, axes: AxisLengths, places: readonly (readonly number[])[]): void {
  const out = writerOf(slot, positionInput, axes);
  if (!out) return;
  const length = axes[tokenAxis]!;
  for (let b = 0; b < slot.batchSize; b++) {
    const of = places[b] ?? [];
    const beyond = (of.at(-1) ?? -1) + 1 - of.length;
    for (let i = 0; i < length; i++) out.set(b * length + i, of[i] ?? i + beyond);
  }
}
