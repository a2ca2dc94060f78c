// Pictures in a folder: one sub-folder for each class, however deep the pictures lie in it. Or, without labels, all the
// pictures of a folder. What has no name of a picture is left out and reported; hidden files are left out.

import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';
import { partNamed } from './parts.js';
import { isPicture, pictureEndings } from './picture-names.js';
import { type ImageSource, shareTexts } from './sources.js';

/**
 * The pictures of a folder with their classes, in the order of their names.
 * @param notes what the user should know is added
 * @param labelNames classes that are called so for certain
 * @throws DataError for a folder that cannot be read, has no sub-folder, or has one without pictures; and where the
 *   sub-folders are the parts of a data set
 */
export function openFolder(path: string, notes: string[], labelNames: readonly string[] = []): ImageSource {
  const classes = entriesOf(path).filter(({ folder }) => folder);
  refuseParts(
    path,
    classes.map(({ name }) => name).filter((name) => !labelNames.includes(name)),
  );
  if (classes.length === 0)
    throw new DataError(
      `data folder ${path} has no sub-folders; expected one for each class with its pictures in it, such as ${join(path, 'cat', '1.jpg')}`,
    );
  const paths: string[] = [];
  const values: number[] = [];
  const others: string[] = entriesOf(path).flatMap((entry) => (entry.folder ? [] : [join(path, entry.name)]));
  for (const [id, { name }] of classes.entries()) {
    const found = picturesIn(join(path, name), others);
    if (found.length === 0)
      throw new DataError(
        `data folder ${join(path, name)} holds no picture, so class ${quote(name)} has none; put some in, or remove the folder`,
      );
    for (const file of found) {
      paths.push(file);
      values.push(id);
    }
  }
  tellOthers(path, others, notes);
  return {
    ...fileSource(path, paths),
    labels: { values: Float64Array.from(values), width: undefined },
    names: classes.map(({ name }) => name),
    open: true,
  };
}

function refuseParts(path: string, names: readonly string[]): void {
  const train = names.find((name) => partNamed(name) === 'train');
  const other = names.find((name) => ['eval', 'test'].includes(partNamed(name) ?? ''));
  const all = names.length > 0 && names.every((name) => partNamed(name) !== undefined);
  if (!(all || (train && other))) return;
  const parts = [train, other].filter((name) => name !== undefined).map((name) => quote(name));
  const give = [...(train ? [`train: ${join(path, train)}`] : []), ...(other ? [`eval: ${join(path, other)}`] : [])];
  throw new DataError(
    `data folder ${path} has ${parts.length > 1 ? 'the sub-folders' : 'the sub-folder'} ${parts.join(' and ')}: parts of a data set, not classes. ` +
      `Name the folders of classes (${give.join(', ')}), or list the names in labelNames if they are classes`,
  );
}

/** All the pictures of a folder, without labels. @throws DataError for a folder that cannot be read or has none */
export function openPlainFolder(path: string, notes: string[]): ImageSource {
  const others: string[] = [];
  const paths = picturesIn(path, others);
  if (paths.length === 0) throw new DataError(`data folder ${path} holds no picture (${pictureEndings.join(', ')})`);
  tellOthers(path, others, notes);
  return fileSource(path, paths);
}

export const fileSource = (name: string, paths: readonly string[]): ImageSource => ({
  kind: 'files',
  name,
  rows: paths.length,
  paths: shareTexts(paths),
});

function tellOthers(path: string, others: readonly string[], notes: string[]): void {
  if (others.length === 0) return;
  const [are, names] = others.length === 1 ? ['1 file', 'name'] : [`${others.length} files`, 'names'];
  notes.push(
    `${are} in ${path} left out, by the ${names} no picture of a class: ${others.slice(0, 3).join(', ')}${others.length > 3 ? ', …' : ''}`,
  );
}

/** The pictures in a folder and those below it, in the order of their names; other files are added to `others`. */
function picturesIn(path: string, others: string[], above: readonly string[] = []): string[] {
  const real = realpathSync(path);
  // A link to a folder above would lead round in a circle.
  if (above.includes(real)) return [];
  return entriesOf(path).flatMap(({ name, folder }) => {
    const file = join(path, name);
    if (folder) return picturesIn(file, others, [...above, real]);
    if (isPicture(name)) return [file];
    others.push(file);
    return [];
  });
}

/** What a folder has, sorted by the code units of the names, without what is hidden. */
function entriesOf(path: string): { name: string; folder: boolean }[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter(({ name }) => !name.startsWith('.'))
      .map((entry) => {
        const folder = entry.isSymbolicLink()
          ? statSync(join(path, entry.name), { throwIfNoEntry: false })?.isDirectory()
          : entry.isDirectory();
        return { name: entry.name, folder: folder ?? false };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw new DataError(`data folder ${path} cannot be read: ${(error as Error).message}`);
  }
}
