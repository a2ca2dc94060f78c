// Labels that are stored as numbers of a tensor, as the names that labels are: only those that occur, however large
// they are.

import { DataError } from '../errors.js';
import { ClassNames } from './column-builders.js';

/** @throws DataError, with its place, for what is no whole number, or one of several that a double stands for */
export function labelsOfNumbers(
  numbers: ArrayLike<number>,
  place: (row: number) => string,
): { values: Float64Array; names: readonly string[] } {
  const names = new ClassNames();
  const values = Float64Array.from(numbers, (number, row) => {
    if (Number.isSafeInteger(number) && number >= 0) return names.idOf(String(number));
    throw new DataError(
      `${place(row)}: label ${number} is ${number < 0 ? 'out of range' : 'no whole number up to 2^53'}: ` +
        'labels that are stored as numbers are whole ones from 0; leave out rows without a label',
    );
  });
  return { values, names: names.names };
}
