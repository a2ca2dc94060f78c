// What the labels of data mean, the one rule for every format, for texts, words and pictures, in training and in
// evaluation (docs/labels.md): a label is a name. It is the number of a class only where the data set names its classes
// by number, where labelNames does, or where the model's names are not numbers and every label of the file is the
// number of one, which is then said. Here classes and their order are decided, and how each file's labels become them.

import { DataError } from '../errors.js';
import { quote } from '../quote.js';
import { classNumber, plainForm } from './label-forms.js';
import {
  areNumbers,
  type FileLabels,
  type LabelMeaning,
  meaningOf,
  namesMet,
  numbersOf,
  ownNumbers,
  ownOrder,
  refuseNumbersBesideNames,
} from './label-meaning.js';
import {
  LabelReader,
  type LabelReading,
  LabelSet,
  listed,
  pairs,
  shownPairs,
  sortedNames,
  unknownLabel,
} from './labels.js';

/** What beside the files decides. */
export interface LabelRules {
  /** The option. */
  labelNames?: readonly string[] | undefined;
  /** How many classes there are, where nothing names them. */
  numLabels?: number | undefined;
  /** A single class, or label, will do. Default false. */
  oneSuffices?: boolean | undefined;
}

/** Classes, and how each file is read to have them. */
export interface Settled {
  classes: LabelSet;
  readings: readonly LabelReading[];
}

/**
 * The classes of training data.
 * @param model names of the classes of the model that is trained; none where it has none
 * @param notes what the user should know is added
 * @throws DataError, with its place, for labels that may mean one thing or the other; UsageError for labelNames that
 *   name a class twice
 */
export function settleTraining(
  files: readonly FileLabels[],
  model: readonly string[],
  { labelNames, numLabels, oneSuffices = false }: LabelRules,
  notes: string[],
): Settled {
  const own = model.length > 0 ? new LabelSet(model) : undefined;
  const meanings = files.map((file) => meaningOf(file, labelNames, notes));
  const order = labelNames ?? ownOrder(files, meanings);
  let classes = order;
  if (!classes) {
    const counted = ownNumbers(files);
    const byModel = own && numbersOf(files, own, numLabels ?? counted?.length, notes);
    for (const [i, is] of (byModel ?? []).entries()) if (is) meanings[i] = { of: model, numbers: true, by: 'model' };
    if (!byModel) refuseNumbersBesideNames(files);
    classes = byModel ? model : (counted ?? namesMet(files, numLabels));
  }
  if (classes.length < (oneSuffices ? 1 : 2))
    throw new DataError(
      `data file ${files.map(({ name }) => name).join(', ')} has one class only (${quote(classes[0] ?? '')}); ` +
        'training a classifier takes two or more',
    );
  const settled = new LabelSet(own ? reconciled(new LabelSet(classes), own, labelNames !== undefined, notes) : classes);
  return { classes: settled, readings: readingsOf(files, meanings, settled, notes) };
}

/**
 * Labels of data that are measured against classes.
 * @throws DataError, with its place, for a label that no class has
 */
export function settleOther(
  files: readonly FileLabels[],
  classes: LabelSet,
  { labelNames }: LabelRules,
  notes: string[],
): Settled {
  const meanings = files.map((file): LabelMeaning | undefined => {
    const meaning = meaningOf(file, labelNames, notes);
    if (meaning || !areNumbers(file, classes)) return meaning;
    return { of: classes.names, numbers: true, by: 'model' };
  });
  return { classes, readings: readingsOf(files, meanings, classes, notes) };
}

/**
 * The classes in the order of the model's where they are the model's, also by names that only look like its own;
 * where some are, these.
 */
function reconciled(names: LabelSet, own: LabelSet, named: boolean, notes: string[]): readonly string[] {
  if (names.size !== own.size) {
    const known = names.names.map((name) => own.find(name));
    if (names.size < own.size && !known.includes(undefined))
      notes.push(
        `no label of the training data is ${listed(
          own.names.filter((_, id) => !known.includes(id)),
          shownPairs,
        )}: the new model does not know ${own.size - names.size > 1 ? 'these classes of the old one' : 'this class of the old one'}`,
      );
    return names.names;
  }
  const matched = own.names.map((name) => names.find(name));
  const twice = matched.filter((id, i) => id !== undefined && matched.indexOf(id) !== i);
  if (twice.length > 0) return names.names;
  const left = names.names.filter((_, id) => !matched.includes(id));
  return own.names.map((name, i) => {
    const id = matched[i];
    if (id === undefined) return left.shift()!;
    return named ? names.names[id]! : name;
  });
}

/** How each file is read; what is not read by the very names is said. */
function readingsOf(
  files: readonly FileLabels[],
  meanings: readonly (LabelMeaning | undefined)[],
  classes: LabelSet,
  notes: string[],
): LabelReading[] {
  return files.map((file, i) => {
    const meaning = meanings[i] ?? { of: classes.names, numbers: false, by: 'model' };
    const { of, numbers, called = of } = meaning;
    const reading = { of, numbers, to: mapped(called, classes) };
    tell(file, reading, { ...meaning, called, classes }, notes);
    return reading;
  });
}

/** The class of each name; where the model's are only numbered (LABEL_0) that of the same number. */
function mapped(of: readonly string[], classes: LabelSet): number[] {
  const to = of.map((name) => classes.find(name) ?? -1);
  const placeholders = of.length === classes.size && classes.names.every((name, i) => name === `LABEL_${i}`);
  return placeholders && to.every((id) => id === -1) ? of.map((_, i) => i) : to;
}

/** @throws DataError, with its place, for the first label that has no class */
function tell(
  file: FileLabels,
  reading: LabelReading,
  { classes, of, called, numbers, by }: LabelMeaning & { called: readonly string[]; classes: LabelSet },
  notes: string[],
): void {
  const reader = new LabelReader(reading);
  const read = new Map<string, string>();
  for (const [label, place] of file.met) {
    const id = reader.classOf(label);
    // A label is known by the name that it stands for, but for numbers of the model's names.
    const at = numbers
      ? by === 'model'
        ? undefined
        : classNumber(label)
      : called === of
        ? undefined
        : of.indexOf(label);
    const name = (at === undefined ? undefined : called[at]) ?? label;
    if (id === -1) throw new DataError(`${place}: ${unknownLabel(name, classes.names)}`);
    if (name !== classes.names[id]) read.set(name, classes.names[id]!);
  }
  if (read.size === 0) return;
  const from = sortedNames([...read.keys()]);
  const to = from.map((name) => read.get(name)!);
  const same = from.every((name, i) => plainForm(name) === plainForm(to[i]!));
  const how = same
    ? 'differ from the classes in spaces, case, width or form of a number, and are taken for these'
    : "are numbers of the model's classes";
  const note = `the labels of ${file.name} ${how}: ${pairs(from, to)}`;
  if (!notes.includes(note)) notes.push(note);
}
