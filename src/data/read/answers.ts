// Questions with a text that holds their answers: rows of SQuAD (question, context, answers), whose answers are checked
// against the text. An answer becomes the range of the text that it is.

import { DataError } from '../../errors.js';
import { isObject } from '../../files/json.js';
import { quote } from '../../quote.js';
import type { FormValues } from './forms.js';
import { describe, missingColumn, type Row } from './row.js';

/** @param names `question`, `context` and `answers` */
export function answersOf(row: Row, names: Readonly<Record<string, string>>, place: string): FormValues {
  const text = (role: string): string => {
    const column = names[role]!;
    const value = row[column];
    if (typeof value === 'string') return value;
    if (value === undefined) throw missingColumn(place, column, Object.keys(row));
    throw new DataError(`${place}: column ${quote(column)} must be a text, found ${describe(value)}`);
  };
  const id = row.id === undefined ? place : `${place} (${quote(String(row.id), 60)})`;
  const [question, context] = [text('question').trimStart(), text('context')];
  if (question === '') throw new DataError(`${id}: the question is empty`);
  const { answers } = names;
  if (answers === undefined) return { values: { text: question, pair: context } };
  if (row[answers] === undefined) throw missingColumn(place, answers, Object.keys(row));
  return {
    values: { text: question, pair: context, answers: rangesOf(row[answers], row.is_impossible === true, context, id) },
  };
}

/** Of a list of {text, answer_start}, or one of lists of these; none where the question has no answer. */
function rangesOf(value: unknown, impossible: boolean, context: string, place: string): [number, number][] {
  const list = isObject(value)
    ? Array.isArray(value.text)
      ? value.text.map((text: unknown, i: number) => ({ text, answer_start: (value.answer_start as unknown[])?.[i] }))
      : [value]
    : value;
  if (!Array.isArray(list))
    throw new DataError(`${place}: answers must be a list of { text, answer_start }, found ${describe(value)}`);
  if (impossible) return [];
  return list.map((one: unknown): [number, number] => {
    const { text, answer_start: start } = isObject(one) ? one : {};
    if (typeof text !== 'string' || text === '' || !Number.isSafeInteger(start) || (start as number) < 0)
      throw new DataError(`${place}: an answer must have a text and answer_start, a whole number from 0`);
    return placeOf(text, start as number, context, place);
  });
}

/** SQuAD counts code points. @throws DataError where the text is not there */
function placeOf(answer: string, start: number, context: string, place: string): [number, number] {
  const units = [...context].slice(0, start).join('').length;
  const at = [units, start].find((one) => context.startsWith(answer, one));
  if (at !== undefined) return [at, at + answer.length];
  const elsewhere = context.indexOf(answer);
  const found = context.slice(units, units + answer.length);
  throw new DataError(
    `${place}: answer ${quote(answer, 60)} is not in the context at ${start}, where it has ${quote(found, 60)}` +
      `${elsewhere < 0 ? ', nor anywhere else in it' : `; it is at ${elsewhere}: correct answer_start`}`,
  );
}
