// What is odd about the classes of data and worth a word: none of it is wrong for certain, and each has been how a
// model was trained on something else than was meant.

import { isNumber, plainForm } from './label-forms.js';
import type { FileLabels } from './label-meaning.js';
import { type LabelSet, listed } from './labels.js';

/** As many classes, at least, may be values of a scale. */
const leastOfScale = 10;

export interface ClassesMet {
  classes: LabelSet;
  /** Samples of each; words, where these have the labels. */
  counts: readonly number[];
  /** In all. */
  samples: number;
  files: readonly FileLabels[];
  /** The column of the labels. */
  column: string;
}

/** Notes on the classes of training data. */
export function* oddClasses(met: ClassesMet): Generator<string> {
  yield* lookAlikes(met.classes.names);
  yield* headerAgain(met);
  yield* noLabel(met.classes.names);
  yield* scale(met);
  yield* joined(met.classes.names);
  yield* withoutSample(met, 'training data');
}

function* lookAlikes(names: readonly string[]): Generator<string> {
  const alike = new Map<string, string[]>();
  for (const name of names) {
    const form = plainForm(name);
    alike.set(form, [...(alike.get(form) ?? []), name]);
  }
  const groups = [...alike.values()].filter(({ length }) => length > 1);
  if (groups.length === 0) return;
  const shown = groups.slice(0, 5).map((group) => listed(group, 10));
  yield `classes that differ only in spaces, invisible characters, case, width or form of a number are trained as ` +
    `different ones: ${shown.join('; ')}${groups.length > 5 ? `; and ${groups.length - 5} more` : ''}. Write them alike if they are one`;
}

function* headerAgain({ files, column }: ClassesMet): Generator<string> {
  for (const { met } of files)
    for (const [label, place] of met)
      if (plainForm(label) === plainForm(column)) {
        yield `a class is called like its column, ${listed([label])} (${place}): if that is a header again within the data, remove the line`;
        return;
      }
}

function* noLabel(names: readonly string[]): Generator<string> {
  const forms = names.map(plainForm);
  if (!forms.includes('-1') || !forms.includes('0') || !forms.every((form) => /^-?\d+$/.test(form))) return;
  yield '-1 is a class among numbers from 0: leave its rows out if it means that there is no label';
}

/** Labels that are others with a sign between them. */
function* joined(names: readonly string[]): Generator<string> {
  const all = new Set(names);
  for (const sign of [',', ';', '|', '/', '+', ' ']) {
    const made = names.filter((name) => {
      const parts = name.split(sign).map((part) => part.trim());
      return parts.length > 1 && parts.every((part) => all.has(part));
    });
    if (made.length === 0) continue;
    yield `${made.length} of ${names.length} classes ${made.length > 1 ? 'are' : 'is'} others joined by '${sign}': ${listed(made, 5)}. ` +
      'Each is trained as a class of its own; if several labels of a text may hold at once, set multiLabel and labelSeparator';
    return;
  }
}

function* scale({ classes: { names }, samples }: ClassesMet): Generator<string> {
  const fractions = names.every(isNumber) && names.some((name) => plainForm(name).includes('.'));
  if (!fractions && (names.length < leastOfScale || 2 * names.length <= samples)) return;
  yield `${names.length} classes of ${samples} samples: ` +
    (fractions
      ? 'the labels are values of a scale (numbers with fractions), and each is trained as a class of its own; round them, or set regression to train texts by their values'
      : 'nearly every sample has a class of its own; is this the column of the labels?');
}

/** Classes that no sample has. @param of the data */
export function* withoutSample(
  { classes: { names }, counts }: Pick<ClassesMet, 'classes' | 'counts'>,
  of: string,
): Generator<string> {
  const empty = names.filter((_, id) => counts[id] === 0);
  if (empty.length > 0)
    yield `no sample of the ${of} has ${empty.length > 1 ? `${empty.length} of the classes` : 'the class'} ${listed(empty, 10)}`;
}
