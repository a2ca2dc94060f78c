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
    if (Number.isSafeInteger(number)) return names.idOf(String(number));
    throw new DataError(
      `${place(row)}: label ${number} is no whole number up to 2^53, as numbers of classes are; give labels of this kind as texts`,
    );
  });
  return { values, names: names.names };
}
