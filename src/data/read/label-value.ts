// A value of a row as a label, which is a text.

import { plainForm } from '../label-forms.js';

/** In a list of classes: none. */
export const noClass = -100;

/** A label as text; undefined for what is none, such as a text that shows nothing. */
export function labelOf(value: unknown): string | undefined {
  const usable =
    typeof value === 'string'
      ? /[!-~]/.test(value) || plainForm(value) !== ''
      : typeof value === 'boolean' || typeof value === 'bigint' || (Number.isFinite(value) && !isRounded(value));
  return usable ? String(value) : undefined;
}

/** Whether several whole numbers may have become this one. */
export const isRounded = (value: unknown): boolean => Number.isInteger(value) && !Number.isSafeInteger(value);
