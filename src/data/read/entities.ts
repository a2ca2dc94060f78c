// Texts with entities, in the forms that people have: words with a tag each, and texts with ranges of characters, as
// Label Studio, doccano, spaCy, Prodigy and Argilla export them. A range becomes a class for its first token and one
// for the others (B-, I-). Python counts characters by code points, Label Studio by UTF-16 units; here all are UTF-16.

import { DataError } from '../../errors.js';
import { isObject } from '../../files/json.js';
import { quote } from '../../quote.js';
import { unitsOf } from '../code-points.js';
import type { FormValues } from './forms.js';
import { labelOf, noClass } from './label-value.js';
import { describe, missingColumn, type Row } from './row.js';

/** A range as an export has it. */
interface Range {
  start: unknown;
  end: unknown;
  label: unknown;
  /** What it is said to hold, to be compared. */
  text?: unknown;
}

interface Spans {
  text: unknown;
  ranges: readonly Range[];
  said: string;
  /** How its characters are counted. */
  units: 'code points' | 'UTF-16';
}

/** @param names `words` and `tags`, or `text` and `spans` where the option names them */
export function entitiesOf(row: Row, names: Readonly<Record<string, string>>, place: string): FormValues {
  const { words, tags, text, spans } = names;
  if (words !== undefined && isWords(row[words])) return { values: ofWords(row, words, tags!, place) };
  const found = ofExport(row, { text: text ?? 'text', spans });
  if (!found) {
    const wanted = spans ?? words ?? 'text';
    const hint =
      '; expected a list of words and one of tags (wordsColumn, tagsColumn), or a text with ranges (textColumn, spansColumn)';
    if (spans !== undefined && row[spans] !== undefined)
      throw new DataError(
        `${place}: column ${quote(spans)} must be a list of ranges (start, end, label), found ${describe(row[spans])}`,
      );
    if (words === undefined || row[words] === undefined) throw missingColumn(place, wanted, Object.keys(row), hint);
    throw new DataError(`${place}: column ${quote(words)} must be a list of texts, found ${describeWords(row[words])}`);
  }
  const { said } = found;
  return { values: { words: [], tags: [], ...ofSpans(found, place) }, said: `texts with ranges are read as ${said}` };
}

const isWords = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

const describeWords = (value: unknown): string =>
  Array.isArray(value) ? `a list with ${describe(value.find((one) => typeof one !== 'string'))}` : describe(value);

function ofWords(row: Row, words: string, tags: string, place: string): FormValues['values'] {
  const values = { words: row[words] as string[], text: '', spans: [], spanTags: [] };
  const given = row[tags];
  // Of texts to predict there are none, and rows that have to have them are refused by the columns that want them.
  if (given === undefined) return { ...values };
  const isNone = (one: unknown): boolean => one === null || one === noClass;
  const wrong = Array.isArray(given) ? given.find((one) => !isNone(one) && labelOf(one) === undefined) : given;
  if (!Array.isArray(given) || wrong !== undefined)
    throw new DataError(
      `${place}: column ${quote(tags)} must be a list of labels (texts or numbers; ${noClass} or null for none), ` +
        `found ${Array.isArray(given) ? `a list with ${describe(wrong)}` : describe(given)}`,
    );
  return { ...values, tags: given.map((one) => (isNone(one) ? undefined : labelOf(one))) };
}

/** The ranges of a row, by its keys. */
function ofExport(row: Row, { text, spans }: { text: string; spans: string | undefined }): Spans | undefined {
  const { data, fields, annotations, responses } = row;
  const given = spans === undefined ? undefined : listOf(row[spans]);
  if (given)
    return { text: row[text], ranges: rangesOf(given), said: `${quote(text)} and ${quote(spans!)}`, units: points };
  if (isObject(data) && Array.isArray(annotations)) return ofLabelStudio(data, annotations, text);
  if (isObject(fields) && isObject(responses)) {
    const values = Object.values(responses).flatMap((given) => (Array.isArray(given) ? given.slice(0, 1) : []));
    const ranges = values.flatMap((given) => (isObject(given) && Array.isArray(given.value) ? given.value : []));
    return {
      text: fields[text],
      ranges: rangesOf(ranges),
      said: 'an export of Argilla (fields, responses)',
      units: points,
    };
  }
  const known = Object.keys(exports).find((key) => Array.isArray(row[key]) && row[text] !== undefined);
  if (known === undefined) return undefined;
  const list = row[known] as unknown[];
  // Label Studio's small form has lists of labels and what the ranges hold.
  const small = list.some((one) => isObject(one) && Array.isArray(one.labels));
  return {
    text: row[text],
    ranges: rangesOf(list),
    said: small ? `an export of Label Studio (${known})` : `an export of ${exports[known]} (${known})`,
    units: small ? 'UTF-16' : points,
  };
}

/** A list, or as the datasets library keeps a list of objects, an object of lists. */
function listOf(value: unknown): unknown[] | undefined {
  if (!isObject(value)) return Array.isArray(value) ? value : undefined;
  const lists = Object.entries(value).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
  if (lists.length === 0) return undefined;
  const length = Math.max(...lists.map(([, list]) => list.length));
  return Array.from({ length }, (_, k) => Object.fromEntries(lists.map(([key, list]) => [key, list[k]])));
}

const points = 'code points';

/** Programs by the key that their ranges have. */
const exports: Readonly<Record<string, string>> = {
  entities: 'doccano or spaCy',
  ents: 'spaCy',
  spans: 'Prodigy',
  label: 'doccano',
  labels: 'doccano',
  annotation: 'Argilla',
};

function ofLabelStudio(data: Row, annotations: readonly unknown[], text: string): Spans {
  const results = annotations.flatMap((one) =>
    isObject(one) && Array.isArray(one.result) && one.was_cancelled !== true ? [one.result] : [],
  );
  const ranges = (results[0] ?? []).flatMap((one: unknown) =>
    isObject(one) && isObject(one.value) && 'start' in one.value ? [one.value] : [],
  );
  const texts = Object.values(data).filter((value) => typeof value === 'string');
  const said = 'an export of Label Studio (data, annotations; the first annotation of each text)';
  return {
    text: data[text] ?? (texts.length === 1 ? texts[0] : undefined),
    ranges: rangesOf(ranges),
    said,
    units: 'UTF-16',
  };
}

/** [start, end, label], [label, start, end], or an object of these under usual names. */
const rangesOf = (list: readonly unknown[]): Range[] =>
  list.map((one) => {
    if (Array.isArray(one))
      return typeof one[0] === 'number'
        ? { start: one[0], end: one[1], label: one[2] }
        : { label: one[0], start: one[1], end: one[2] };
    const { start, start_offset, begin, end, end_offset, label, labels, type, tag, entity, text } = isObject(one)
      ? one
      : {};
    const several = Array.isArray(labels) ? labels[0] : labels;
    return {
      start: start ?? start_offset ?? begin,
      end: end ?? end_offset,
      label: label ?? several ?? type ?? tag ?? entity,
      text,
    };
  });

/** @throws DataError for ranges outside the text, without a label or over each other */
function ofSpans({ text, ranges, units }: Spans, place: string): FormValues['values'] {
  if (typeof text !== 'string') throw new DataError(`${place}: the text must be a text, found ${describe(text)}`);
  const at = units === points ? unitsOf(text) : (place: number): number => place;
  const length = units === points ? [...text].length : text.length;
  const spans = ranges.map(({ start, end, label, text: held }, k) => {
    const what = `${place}: range ${k + 1} (${String(start)} to ${String(end)}, ${quote(String(label))})`;
    const isPlace = (one: unknown): one is number => Number.isSafeInteger(one) && (one as number) >= 0;
    if (!isPlace(start) || !isPlace(end) || start >= end)
      throw new DataError(`${what} is no range; expected two whole numbers from 0, the second greater`);
    if (end > length) throw new DataError(`${what} ends behind the text, which has ${length} characters`);
    const name = labelOf(label);
    if (name === undefined) throw new DataError(`${what} has no label, found ${describe(label)}`);
    const range: [number, number] = [at(start), at(end)];
    if (typeof held === 'string' && held !== text.slice(...range))
      throw new DataError(
        `${what} holds ${quote(text.slice(...range), 60)} and is said to hold ${quote(held, 60)}: are its numbers of another text?`,
      );
    return { range, name, what };
  });
  spans.sort((a, b) => a.range[0] - b.range[0]);
  for (const [k, { range, what }] of spans.entries())
    if (k > 0 && spans[k - 1]!.range[1] > range[0])
      throw new DataError(`${what} overlaps another one, and a token has one label: leave one of them out`);
  return {
    text,
    spans: spans.map(({ range }) => range),
    // The class of tokens outside, then two for each range.
    spanTags: ['O', ...spans.flatMap(({ name }) => [`B-${name}`, `I-${name}`])],
  };
}
