// Questions with a text that holds their answers: rows of SQuAD (question, context, answers), whose answers are checked
// against the text. An answer becomes the range of the text that it is.

import { DataError } from '../../errors.js';
import { isObject } from '../../files/json.js';
import { quote } from '../../quote.js';
import { unitsOf } from '../code-points.js';
import type { FormValues } from './forms.js';
import { describe, missingColumn, type Row } from './row.js';

/**
 * @param names by role: `text` of the question, `pair` of the text with its answers, `answers`
 * @param wanted roles that are read; without answers these may be missing or wrong
 */
export function answersOf(
  row: Row,
  names: Readonly<Record<string, string>>,
  place: string,
  wanted: readonly string[],
): FormValues {
  const text = (role: string): string => {
    const column = names[role]!;
    const value = row[column];
    if (typeof value === 'string') return value;
    if (value === undefined) throw missingColumn(place, column, Object.keys(row));
    throw new DataError(`${place}: column ${quote(column)} must be a text, found ${describe(value)}`);
  };
  const id = row.id === undefined ? place : `${place} (${quote(String(row.id), 60)})`;
  const [question, context] = [text('text').trimStart(), text('pair')];
  if (!wanted.includes('answers')) return { values: { text: question, pair: context } };
  if (question === '') throw new DataError(`${id}: the question is empty`);
  if (context.trim() === '') throw new DataError(`${id}: the text that holds the answers is empty`);
  const answers = row[names.answers!];
  const impossible = row.is_impossible === true;
  if (answers === undefined && !impossible)
    throw missingColumn(place, names.answers!, Object.keys(row), '; a question without an answer has an empty list');
  return { values: { text: question, pair: context, answers: impossible ? [] : rangesOf(answers, context, id) } };
}

/** Of a list of {text, answer_start}, or one object with lists of these; none where the question has no answer. */
function rangesOf(value: unknown, context: string, place: string): [number, number][] {
  const list = isObject(value) ? listOf(value, place) : value;
  if (!Array.isArray(list))
    throw new DataError(`${place}: answers must be a list of { text, answer_start }, found ${describe(value)}`);
  return list.map((one: unknown): [number, number] => {
    const { text, answer_start: start } = isObject(one) ? one : {};
    const at = typeof start === 'bigint' ? Number(start) : start;
    if (typeof text !== 'string' || text.trim() === '' || !Number.isSafeInteger(at) || (at as number) < 0)
      throw new DataError(
        `${place}: an answer must have a text and answer_start, a whole number from 0; found ` +
          `${typeof text === 'string' ? quote(text, 60) : describe(text)} and ${describe(start)}`,
      );
    return placeOf(text, at as number, context, place);
  });
}

function listOf(value: Row, place: string): unknown[] {
  const { text, answer_start: starts } = value;
  if (!Array.isArray(text)) return [value];
  const found = Array.isArray(starts) ? starts.length : 0;
  if (found !== text.length)
    throw new DataError(`${place}: answers has ${text.length} texts and ${found} numbers in answer_start`);
  return text.map((one: unknown, i) => ({ text: one, answer_start: (starts as unknown[])[i] }));
}

/**
 * SQuAD counts code points, other data UTF-16 units: the text itself says which. @throws DataError where the text is
 * not there
 */
function placeOf(answer: string, start: number, context: string, place: string): [number, number] {
  const units = unitsOf(context)(start);
  const at = [units, start].find((one) => context.startsWith(answer, one));
  if (at !== undefined) return [at, at + answer.length];
  const elsewhere = context.indexOf(answer);
  const found = context.slice(units, units + answer.length);
  throw new DataError(
    `${place}: answer ${quote(answer, 60)} is not in the context at ${start}, where it has ${quote(found, 60)}` +
      `${elsewhere < 0 ? ', nor anywhere else in it' : `; it is at ${elsewhere}: correct answer_start`}`,
  );
}
