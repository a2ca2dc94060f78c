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

/** Pictures, and their labels where a column of these is named. */
export const imageColumns = (names: {
  imageColumn?: string | undefined;
  labelColumn?: string | undefined;
}): ColumnSpec[] => [
  { role: 'image', kind: 'picture', name: names.imageColumn ?? 'image' },
  ...(names.labelColumn === undefined ? [] : [labelSpec(names.labelColumn)]),
];

const labelSpec = (name: string): ColumnSpec => ({ role: 'label', kind: 'class', name, target: true });
