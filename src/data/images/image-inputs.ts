// What an option names as pictures, and who opens it: by its ending a file of tensors, a table or a picture, or a folder. A
// further kind is a row of `openSource`.

import { statSync } from 'node:fs';
import { DataError } from '../../errors.js';
import { openFiles } from '../read/files.js';
import { isTable, tableEndings } from '../read/raw.js';
import { fileSource, openFolder, openPlainFolder } from './folder.js';
import { openList } from './picture-list.js';
import { isPicture } from './picture-names.js';
import type { ImageSource } from './sources.js';
import { openImageFile } from './tensor-file.js';

/** Files, folders and globs, or pictures in memory. */
export type ImageInput = { files: readonly string[] } | { source: ImageSource };

export interface OpenSourceOptions {
  /** Pictures have to have labels. */
  labelled: boolean;
  /** Columns of tables. */
  columns: { image: string; label: string };
  /** Column, or tensor, with the weights of the samples. */
  weights?: string | undefined;
  /** A folder for what has to be unpacked. */
  scratch: string;
}

/**
 * The sources that an input names, in its order; pictures named one by one are one source.
 * @param notes what the user should know is added
 * @throws UsageError for a pattern without a file; DataError, with its place, for what cannot be used
 */
export async function openSources(
  input: ImageInput,
  options: OpenSourceOptions,
  notes: string[],
): Promise<ImageSource[]> {
  if ('source' in input) {
    const { source } = input;
    if (options.labelled && !source.labels) throw new DataError(`${source.name}: there are no labels`);
    return [source];
  }
  const sources: ImageSource[] = [];
  let single: string[] = [];
  const closeSingle = (): void => {
    if (single.length > 0) sources.push(fileSource('pictures', single));
    single = [];
  };
  for (const path of await openFiles(input.files, true)) {
    if (!options.labelled && isPicture(path) && !isFolder(path)) single.push(path);
    else {
      closeSingle();
      sources.push(await openSource(path, options, notes));
    }
  }
  closeSingle();
  return sources;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

async function openSource(path: string, options: OpenSourceOptions, notes: string[]): Promise<ImageSource> {
  const { labelled, columns, weights, scratch } = options;
  const unweighted = (kind: string): void => {
    if (weights !== undefined)
      throw new DataError(`${path}: weightColumn '${weights}' is of tables and tensors, ${kind} has no weights`);
  };
  if (isFolder(path)) {
    unweighted('a folder of pictures');
    return labelled ? openFolder(path, notes) : openPlainFolder(path, notes);
  }
  if (path.endsWith('.safetensors')) return openImageFile(path, labelled, weights);
  if (isTable(path))
    return openList(
      path,
      { image: columns.image, label: labelled ? columns.label : undefined, weight: weights },
      scratch,
    );
  throw new DataError(
    isPicture(path)
      ? `data file ${path} is a picture without a label: give a folder with one sub-folder for each class, or a table with a column of paths`
      : `data file ${path}: pictures are read from folders (one sub-folder for each class), tables of paths or pictures ` +
          `(${tableEndings.join(', ')}), picture files, and .safetensors files with the tensors pixel_values and labels`,
  );
}
