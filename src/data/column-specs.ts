// The columns that texts and pictures are read for, from the names that options give them.

import { type ColumnSpec, targetsRole } from './columns.js';

/** Texts, with a second text and a label where columns of these are named. */
export const textColumns = (names: {
  textColumn: string;
  pairColumn?: string | undefined;
  labelColumn?: string | undefined;
}): ColumnSpec[] => [
  { role: 'text', kind: 'text', name: names.textColumn },
  ...(names.pairColumn === undefined ? [] : [{ role: 'pair', kind: 'text', name: names.pairColumn } as const]),
  ...(names.labelColumn === undefined ? [] : [labelSpec(names.labelColumn)]),
];

/** How the labels of a table are written, beside one in a column. */
export interface LabelForm {
  labelColumn: string;
  /** A column for each, in place of one. */
  labelColumns?: readonly string[] | undefined;
  /** The column has a number for each. */
  labelRows?: boolean | undefined;
  /** Between several in one text. */
  labelSeparator?: string | undefined;
  multiLabel?: boolean | undefined;
  /** They are scores. */
  regression?: boolean | undefined;
}

/** The column of the labels: one class, those that hold, or numbers for all of them. */
export function labelsSpec(form: LabelForm): ColumnSpec {
  const { labelColumn: name, labelColumns: parts, labelRows, labelSeparator, multiLabel, regression } = form;
  if (parts || labelRows || regression) {
    const range = regression ? undefined : multiLabel ? 'shares' : 'distribution';
    const named = parts ? { name: parts.join(', '), parts } : { name };
    return { role: targetsRole, kind: 'numbers', ...named, range, target: true };
  }
  if (!multiLabel) return labelSpec(name);
  return { role: 'label', kind: 'classes', name, target: true, set: { separator: labelSeparator } };
}

/** What columns of pictures are called elsewhere. */
const usual = ['file_name', 'filename', 'image_path', 'image_file', 'path', 'filepath', 'file', 'img'];

/** Pictures, and their labels where a column of these is named. */
export const imageColumns = (names: {
  imageColumn?: string | undefined;
  labelColumn?: string | undefined;
}): ColumnSpec[] => [
  names.imageColumn === undefined
    ? { role: 'image', kind: 'picture', name: 'image', others: usual }
    : { role: 'image', kind: 'picture', name: names.imageColumn },
  ...(names.labelColumn === undefined ? [] : [labelSpec(names.labelColumn)]),
];

const labelSpec = (name: string): ColumnSpec => ({ role: 'label', kind: 'class', name, target: true });
