// Names that a data set gives its classes, as the datasets library notes them (ClassLabel): in a Parquet file, in
// dataset_info.json beside a file, or in the YAML that README.md of the data set's folder begins with. The numbers of
// the column are then numbers of these names. https://huggingface.co/docs/datasets/about_dataset_features

import { readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { readYaml } from '../../config/yaml.js';
import { DataError } from '../../errors.js';
import type { DeclaredNames } from '../label-meaning.js';
import { listed } from '../labels.js';
import { classNote } from './parquet.js';

/** A larger card or note is not read. */
const mostBytes = 16 * 2 ** 20;
/** A longer front matter is not parsed. */
const mostYaml = 2 * 2 ** 20;
/** Folders above a file's that may have the data set's README.md. */
const foldersAbove = 2;

/**
 * @param file table, or folder of pictures
 * @param column of the labels
 * @throws DataError for a Parquet file that cannot be read, and names that cannot be those of classes
 */
export async function declaredNames(file: string, column: string): Promise<DeclaredNames | undefined> {
  const isFolder = statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const note = file.toLowerCase().endsWith('.parquet') ? await classNote(file, column) : undefined;
  const numeric = note?.numeric ?? false;
  const own = note && namesOfFeature(objectOf(note.features)[column]);
  if (own) return checked({ names: own, source: file, numeric });
  const folder = isFolder ? resolve(file) : dirname(resolve(file));
  const beside = ofInfo(join(folder, 'dataset_info.json'), column) ?? ofCards(folder, resolve(file), column);
  return beside && checked({ ...beside, numeric });
}

function checked(declared: DeclaredNames): DeclaredNames {
  const { names, source } = declared;
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return declared;
  throw new DataError(`${source}: a class is named twice among ${listed(names)}; name each once`);
}

type Named = Pick<DeclaredNames, 'names' | 'source'>;

function ofInfo(path: string, column: string): Named | undefined {
  const text = textOf(path);
  if (text === undefined) return undefined;
  try {
    const names = namesOfFeature(objectOf(objectOf(JSON.parse(text)).features)[column]);
    return names && { names, source: path };
  } catch {
    return undefined; // something else of this name
  }
}

function ofCards(folder: string, file: string, column: string): Named | undefined {
  let at = folder;
  for (let above = 0; above <= foldersAbove; above++, at = dirname(at)) {
    const path = join(at, 'README.md');
    const yaml = /^\ufeff?---\r?\n([\s\S]*?)\r?\n---/.exec(textOf(path) ?? '')?.[1];
    const info = yaml === undefined ? undefined : infoOf(yaml);
    if (info !== undefined) return ofCard(info, path, file, column);
  }
  return undefined;
}

/** The card that was read last: shards have one in common. */
let last: { yaml: string; info: unknown } | undefined;

function infoOf(yaml: string): unknown {
  if (last?.yaml === yaml) return last.info;
  let info: unknown;
  try {
    info = yaml.length > mostYaml ? undefined : objectOf(readYaml(yaml)).dataset_info;
  } catch {
    // a page of something else
  }
  last = { yaml, info };
  return info;
}

/** Of several configurations with other names that of the file's path. */
function ofCard(info: unknown, source: string, file: string, column: string): Named | undefined {
  const found = (Array.isArray(info) ? info : [info]).flatMap((one) => {
    const { features, config_name: config } = objectOf(one);
    const all = Array.isArray(features) ? features : [];
    const names = namesOfFeature(all.find((feature) => objectOf(feature).name === column));
    return names ? [{ names, config }] : [];
  });
  const different = new Set(found.map(({ names }) => JSON.stringify(names)));
  const folders = file.split(sep);
  const [first] = different.size > 1 ? found.filter(({ config }) => folders.includes(String(config))) : found;
  if (first) return { names: first.names, source };
  if (found.length === 0) return undefined;
  throw new DataError(
    `${source} has ${found.length} configurations that name the classes of '${column}' differently, and ${file} is in the folder of none; ` +
      'say with labelNames which names the numbers stand for',
  );
}

/** The names of a ClassLabel, or of a list of them, in any of the forms that features are written in. */
function namesOfFeature(feature: unknown): readonly string[] | undefined {
  for (let at = objectOf(feature), depth = 0; depth < 4; depth++) {
    const { names } = 'class_label' in at ? objectOf(at.class_label) : at;
    const list = Array.isArray(names)
      ? names
      : Object.entries(objectOf(names))
          .sort(byNumber)
          .map(([, name]) => name);
    if (list.length > 0) return list.every(isName) ? list.map(String) : undefined;
    at = objectOf(at.dtype ?? at.sequence ?? at.list ?? at.feature);
  }
  return undefined;
}

const byNumber = ([a]: [string, unknown], [b]: [string, unknown]): number => Number(a) - Number(b);
const isName = (name: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof name);
const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

function textOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile() || found.size > mostBytes) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
