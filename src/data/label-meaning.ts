// What the labels of a file stand for: names, or numbers of names that the data set, labelNames or the model gives. A
// file's labels are all of one kind; what may be either is refused with its place. What becomes of them is for
// settle-labels.ts.

import { DataError } from '../errors.js';
import { quote } from '../quote.js';
import { classNumber, isBelow, isNumber, plainForm } from './label-forms.js';
import { LabelSet, listed, pairs, shownPairs, sortedNames } from './labels.js';

/** Names that a data set gives its classes, which labels may be numbers of. */
export interface DeclaredNames {
  names: readonly string[];
  /** The file that says so. */
  source: string;
  /** The labels are stored as numbers of them, not as texts. */
  numeric: boolean;
}

/** The labels of a file, or of data in memory. */
export interface FileLabels {
  name: string;
  /** Each label that was met, and the place where it was first. */
  met: Map<string, string>;
  declared?: DeclaredNames | undefined;
  /** The file's own names in their order: its labels have been read as these. */
  named?: readonly string[] | undefined;
  /** The labels are stored as numbers. */
  numeric?: boolean | undefined;
  /** How many numbers each sample has in place of labels; `named` are then their names. */
  width?: number | undefined;
}

/** Names that labels are, or are numbers of. */
export interface LabelMeaning {
  of: readonly string[];
  numbers: boolean;
  /** What the names are called as classes, where that is otherwise. */
  called?: readonly string[];
  /** Who says so. */
  by: 'data' | 'labelNames' | 'model';
}

/** What a file's labels are by the data set or by labelNames; undefined: names, or numbers of the model's classes. */
export function meaningOf(
  file: FileLabels,
  labelNames: readonly string[] | undefined,
  notes: string[],
): LabelMeaning | undefined {
  const declared = file.declared && declaredMeaning(file, file.declared, notes);
  if (!labelNames) return declared;
  return declared ? wins(declared, labelNames, file.name, notes) : meaningAmong(file, labelNames, notes);
}

/** With the names of labelNames, where as many are called otherwise. */
function wins(meaning: LabelMeaning, labelNames: readonly string[], file: string, notes: string[]): LabelMeaning {
  const { of } = meaning;
  const names = new LabelSet(labelNames);
  if (of.length !== names.size || of.some((name) => names.find(name) !== undefined)) return meaning;
  notes.push(`labelNames wins over the names that ${file} has: ${pairs(of, labelNames)}`);
  return { ...meaning, called: labelNames };
}

function declaredMeaning(file: FileLabels, declared: DeclaredNames, notes: string[]): LabelMeaning | undefined {
  const { names: of, source, numeric } = declared;
  const names = new LabelSet(of);
  const labels = [...file.met.keys()];
  const isId = (label: string): boolean => isBelow(label, of.length);
  if (labels.every(isId)) {
    if (!numeric) noteBoth(file, names, source, notes);
    return { of, numbers: true, by: 'data' };
  }
  const [other] = labels.filter((label) => !isId(label)) as [string];
  if (!numeric && labels.every((label) => names.find(label) !== undefined)) return { of, numbers: false, by: 'data' };
  if (plainForm(other) === '-1' && labels.every((label) => isId(label) || label === other))
    throw new DataError(
      `${file.met.get(other)}: label -1 means that there is none where ${source} numbers the classes from 0; leave such rows out`,
    );
  if (numeric)
    throw new DataError(
      `${file.met.get(other)}: label ${quote(other)} is out of range: ${source} names ${of.length} classes (${listed(of)}), numbered from 0`,
    );
  refuseMixed(file, names);
  notes.push(
    `${source} names the classes ${listed(of, shownPairs)}, and ${file.name} has others, such as ${quote(other)}: its labels are taken as they are`,
  );
  return undefined;
}

function meaningAmong(file: FileLabels, of: readonly string[], notes: string[]): LabelMeaning | undefined {
  const names = new LabelSet(of);
  const labels = [...file.met.keys()];
  const named = labels.every((label) => names.find(label) !== undefined);
  const numbered = labels.every((label) => isBelow(label, of.length));
  const own = namesOf(file);
  if (own) {
    const meaning = wins({ of: own, numbers: false, by: 'labelNames' }, of, file.name, notes);
    if (meaning.called) return meaning;
  }
  // What is stored as a number is one.
  if (numbered && !own && (file.numeric || !named)) return { of, numbers: true, by: 'labelNames' };
  if (named && numbered && !own) noteBoth(file, names, 'labelNames', notes);
  if (!named && !own) refuseMixed(file, names);
  return { of, numbers: false, by: 'labelNames' };
}

/** Labels that are names and numbers of them at once, such as 1 to 4 of five classes called 1 to 5. */
function noteBoth({ name, met }: FileLabels, names: LabelSet, source: string, notes: string[]): void {
  const numbers = source !== 'labelNames';
  const other = [...met.keys()].find((label) => ![undefined, classNumber(label)].includes(names.find(label)));
  if (other === undefined || [...met.keys()].some((label) => names.find(label) === undefined)) return;
  notes.push(
    `the labels of ${name} are names of ${source} as well as numbers of these: they are read as ${numbers ? 'numbers' : 'names'}, ` +
      `${quote(other)} as ${quote(numbers ? names.names[classNumber(other)!]! : other)}`,
  );
}

/** The names that a file's labels have been read as; none where these may be numbers all the same. */
const namesOf = ({ named }: FileLabels): readonly string[] | undefined =>
  named?.every(isNumber) === true ? undefined : named;

const sorted = (names: readonly string[]): string => JSON.stringify(sortedNames(names));

/** Numbers that all files list for names, in their order. */
export function ownNumbers(files: readonly FileLabels[]): readonly string[] | undefined {
  const given = files.map(({ named }) => (named?.every(isNumber) ? named : undefined));
  const [first] = given;
  return given.every((names) => names && first && sorted(names) === sorted(first)) ? first : undefined;
}

/** The names that the files give in their order. @throws DataError for files that give different ones */
export function ownOrder(
  files: readonly FileLabels[],
  meanings: readonly (LabelMeaning | undefined)[],
): readonly string[] | undefined {
  const given = files.flatMap((file, i) => {
    const names = meanings[i]?.of ?? namesOf(file);
    return names ? [{ file, names }] : [];
  });
  const [first] = given;
  if (!first) return undefined;
  const other = given.find(({ names }) => sorted(names) !== sorted(first.names));
  if (other)
    throw new DataError(
      `${other.file.name} names other classes than ${first.file.name}: give all files of the data the same label_names, or set labelNames`,
    );
  for (const file of files) {
    const [label, place] = [...file.met].find(([label]) => classNumber(label) !== undefined) ?? [];
    if (given.some((one) => one.file === file) || label === undefined || first.names.includes(label)) continue;
    throw new DataError(
      `${place}: label ${quote(label)} is a number, and ${first.file.name} has names of classes (${listed(first.names, shownPairs)}); ` +
        'say with labelNames which names the numbers stand for',
    );
  }
  return first.names;
}

/** @throws DataError where one file has names and another numbers that may be those of the names */
export function refuseNumbersBesideNames(files: readonly FileLabels[]): void {
  const hasNumber = ({ met }: FileLabels): boolean => [...met.keys()].some(isNumber);
  const names = files.filter((file) => file.met.size > 0 && !hasNumber(file));
  const size = new Set(names.flatMap(({ met }) => [...met.keys()])).size;
  const numbers = files.find(
    ({ met }) => met.size > 0 && [...met.keys()].every((label) => isBelow(label, Math.max(size, met.size))),
  );
  if (!numbers || names.length === 0) return;
  const [[label, place]] = [...numbers.met] as [[string, string]];
  throw new DataError(
    `${place}: label ${quote(label)} is a number, and ${names[0]!.name} has names of classes; ` +
      'say with labelNames which names the numbers stand for',
  );
}

/**
 * Whether all labels of a file are numbers of classes that are not called by numbers. @throws DataError where some are
 */
export function areNumbers(file: FileLabels, classes: LabelSet): boolean {
  if (namesOf(file)) return false;
  if (classes.names.some(isNumber)) return false;
  if ([...file.met.keys()].every((label) => isBelow(label, classes.size))) return true;
  refuseMixed(file, classes);
  return false;
}

/**
 * Which files have numbers of the model's classes, where that makes all classes of the model classes of the data;
 * undefined: none.
 */
export function numbersOf(
  files: readonly FileLabels[],
  own: LabelSet,
  numLabels: number | undefined,
  notes: string[],
): boolean[] | undefined {
  const numbers = files.map((file) => areNumbers(file, own));
  if (!numbers.includes(true)) return undefined;
  const met = new Set<number | undefined>(
    files.flatMap((file, i) =>
      [...file.met.keys()].map((label) => (numbers[i] ? classNumber(label) : own.find(label))),
    ),
  );
  if (!met.has(undefined) && (met.size === own.size || numLabels === own.size)) return numbers;
  if (!numbers.includes(false))
    notes.push(
      `the labels ${listed(namesMet(files, undefined), shownPairs)} are taken for names: as numbers of the model's ${own.size} classes, ` +
        `${listed(own.names, 3)}, they would leave some without a sample. Set labelNames if they are numbers`,
    );
  return undefined;
}

/** @throws DataError for a file whose labels are partly names and partly numbers of the same */
function refuseMixed({ met }: FileLabels, names: LabelSet): void {
  const labels = [...met.keys()];
  const isId = (label: string): boolean => names.find(label) === undefined && isBelow(label, names.size);
  const [number, name] = [labels.find(isId), labels.find((label) => names.find(label) !== undefined)];
  if (number === undefined || name === undefined) return;
  if (!labels.every((label) => isId(label) || names.find(label) !== undefined)) return;
  throw new DataError(
    `${met.get(number)}: label ${quote(number)} is a number, and ${quote(name)} (${met.get(name)}) the name of a class; ` +
      `the labels of a file are either: write them alike, as the names ${listed(names.names, shownPairs)}`,
  );
}

/** The labels as classes; as many as there have to be where numbers alone were met. */
export function namesMet(files: readonly FileLabels[], numLabels: number | undefined): readonly string[] {
  const met = [...new Set(files.flatMap(({ met }) => [...met.keys()]))];
  const count = numLabels ?? 0;
  const counts = met.length < count && met.every((label) => isBelow(label, count));
  return counts ? Array.from({ length: count }, (_, i) => String(i)) : sortedNames(met);
}
