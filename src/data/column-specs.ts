// The columns that texts and pictures are read for, from the names that options give them.

import type { ColumnSpec } from './columns.js';

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
