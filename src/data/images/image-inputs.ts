// What an option names as pictures, and who opens it: by its ending a file of tensors, a table or a picture, or a
// folder. A further kind is a row of `openSource`.

import { statSync } from 'node:fs';
import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';
import type { ColumnSpec } from '../columns.js';
import type { Reading } from '../found.js';
import type { DataInput } from '../protocol.js';
import { declaredNames } from '../read/class-names.js';
import { openFiles } from '../read/files.js';
import { isTable, tableEndings } from '../read/raw.js';
import { MissingColumn } from '../read/row.js';
import { fileSource, openFolder, openPlainFolder } from './folder.js';
import { openList } from './picture-list.js';
import { isPicture } from './picture-names.js';
import type { ImageSource } from './sources.js';
import { openImageFile } from './tensor-file.js';

export interface OpenSourceOptions {
  /** One of pictures, and where they have to have labels one of role 'label'. */
  columns: readonly ColumnSpec[];
  /** Column, or tensor, with the weights of the samples. */
  weights?: string | undefined;
  /** A folder for what has to be unpacked. */
  scratch: string;
  reading?: Reading | undefined;
  /** The option. */
  labelNames?: readonly string[] | undefined;
}

/**
 * The sources that an input names, in its order; pictures named one by one are one source.
 * @param notes what the user should know is added
 * @throws UsageError for a pattern without a file; DataError, with its place, for what cannot be used
 */
export async function openSources(
  input: Extract<DataInput, { files: unknown } | { source: unknown }>,
  options: OpenSourceOptions,
  notes: string[],
): Promise<ImageSource[]> {
  const { label } = namesOf(options.columns);
  if ('source' in input) {
    const { source } = input;
    if (label !== undefined && !source.labels) throw new DataError(`${source.name}: there are no labels`);
    return [source];
  }
  const sources: ImageSource[] = [];
  let single: string[] = [];
  const closeSingle = (): void => {
    if (single.length > 0) sources.push(fileSource('pictures', single));
    single = [];
  };
  for (const path of await openFiles(input.files, true)) {
    if (label === undefined && isPicture(path) && !isFolder(path)) single.push(path);
    else {
      closeSingle();
      sources.push(await openSource(path, options, notes));
    }
  }
  closeSingle();
  return sources;
}

/** What the columns of pictures and of their labels are called in tables. */
export function namesOf(columns: readonly ColumnSpec[]): { image: string; label: string | undefined } {
  const pictures = columns.filter(({ kind }) => kind === 'picture');
  const others = columns.find(({ kind, role }) => kind !== 'picture' && role !== 'label');
  if (pictures.length !== 1 || others)
    throw new Error('beside one column of pictures there may be one of labels, and no other');
  return { image: pictures[0]!.name, label: columns.find(({ role }) => role === 'label')?.name };
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** The only column of the table that pictures are in where none is named; undefined where that is not clear. */
function otherColumn(error: unknown, columns: readonly ColumnSpec[]): string | undefined {
  const { name, others = [] } = columns.find(({ kind }) => kind === 'picture')!;
  if (!(error instanceof MissingColumn) || error.column !== name) return undefined;
  const found = others.filter((other) => error.found.includes(other));
  return found.length === 1 ? found[0] : undefined;
}

async function openSource(path: string, options: OpenSourceOptions, notes: string[]): Promise<ImageSource> {
  const { columns, weights, scratch, reading, labelNames } = options;
  const { image, label } = namesOf(columns);
  const labelled = label !== undefined;
  const unweighted = (kind: string): void => {
    if (weights !== undefined)
      throw new DataError(`${path}: weightColumn ${quote(weights)} is of tables and tensors, ${kind} has no weights`);
  };
  if (isFolder(path)) {
    unweighted('a folder of pictures');
    if (!labelled) return openPlainFolder(path, notes);
    return { ...openFolder(path, notes, labelNames), declared: await declaredNames(path, label) };
  }
  if (path.endsWith('.safetensors')) return openImageFile(path, labelled, weights);
  if (isTable(path)) {
    const open = (column: string) => openList(path, { image: column, label, weight: weights }, scratch, reading);
    try {
      return await open(image);
    } catch (error) {
      const other = otherColumn(error, columns);
      if (other === undefined) throw error;
      notes.push(`${path}: pictures are those of column ${quote(other)}, since there is no column ${quote(image)}`);
      return open(other);
    }
  }
  throw new DataError(
    isPicture(path)
      ? `data file ${path} is a picture without a label: give a folder with one sub-folder for each class, or a table with a column of paths`
      : `data file ${path}: pictures are read from folders (one sub-folder for each class), tables of paths or pictures ` +
          `(${tableEndings.join(', ')}), picture files, and .safetensors files with the tensors pixel_values and labels`,
  );
}
