// A model that a host program has as bytes: its .onnx file, or the files of its directory. They are written to a folder
// of their own for as long as the model is open, since threads, the runtime and saving read files.

import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { types } from 'node:util';
import { checkOptions, isObject, kindOfValue } from '../arguments.js';
import { ModelError, OrtuneError, UsageError } from '../errors.js';
import { pathOf } from '../files/path-of.js';
import { quote } from '../quote.js';
import { messageOf } from '../realm.js';
import { type Resolving, resolveModel } from './hub.js';
import { fetchRemote, isRemote } from './remote-file.js';

/** The files of a model directory by their paths in it: `config.json`, `tokenizer.json`, `onnx/model.onnx`. */
export interface ModelFiles {
  files: Readonly<Record<string, Uint8Array | string>>;
}

/** An .onnx file, or a model directory. */
export type GivenModel = Uint8Array | ModelFiles;

/** A path or hub name, a URL of a file or folder, or the bytes. */
export type ModelArgument = string | URL | GivenModel;

/** What stands for a model in memory where others have a path. */
export const memoryModel = 'bytes:model';

export const isGivenModel = (value: unknown): value is GivenModel =>
  types.isUint8Array(value) || (isObject(value) && 'files' in value);

/** A model on this machine. */
export interface ModelPlace {
  path: string;
  /** Removes what was written for it; the model must not be used any more. */
  close(): Promise<void>;
}

/**
 * The place of a model, by its name or as it was given. Close it after use.
 * @throws UsageError for bytes that are none; ModelError where they cannot be written; as resolveModel
 */
export async function placeModel(
  name: string,
  given: GivenModel | undefined,
  resolving: Resolving = {},
): Promise<ModelPlace> {
  if (!given && isRemote(name)) return fetchModel(name, resolving);
  if (!given) {
    if (name === memoryModel)
      throw new UsageError(`${name} stands for a model in memory, which is given to the library as it is`);
    return { path: await resolveModel(name, resolving), close: async () => {} };
  }
  const files = filesOf(given);
  const { folder, close } = await ownFolder();
  try {
    for (const [file, bytes] of files) {
      resolving.signal?.throwIfAborted();
      const path = join(folder, file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes);
    }
  } catch (error) {
    await close();
    resolving.signal?.throwIfAborted();
    unwritable(folder, error);
  }
  return { path: types.isUint8Array(given) ? join(folder, 'model.onnx') : folder, close };
}

/** A folder for one model, and what removes it. */
export async function ownFolder(): Promise<{ folder: string; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'ortune-model-')).catch((error) => unwritable(tmpdir(), error));
  const removeAtExit = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeAtExit);
  const close = (): Promise<void> => {
    process.off('exit', removeAtExit);
    return rm(folder, { recursive: true, force: true });
  };
  return { folder, close };
}

/** The .onnx file of a URL. Whole models are fetched from the hub, by their names. */
async function fetchModel(url: string, { signal, onDownload, maxDownloadBytes }: Resolving): Promise<ModelPlace> {
  const { folder, close } = await ownFolder();
  const onProgress = (file: string, loadedBytes: number, totalBytes?: number): void =>
    onDownload?.({ model: url, file, loadedBytes, ...(totalBytes !== undefined && { totalBytes }) });
  try {
    return {
      path: (await fetchRemote(url, { folder, endings: ['.onnx'], maxDownloadBytes, signal, onProgress })).path,
      close,
    };
  } catch (error) {
    await close();
    if (!(error instanceof OrtuneError) || error instanceof UsageError) throw error;
    throw new ModelError(error.message, { cause: error });
  }
}

/** What `work` makes of a model argument, which is on this machine until then. @throws as placeModel */
export async function withModel<T>(
  argument: ModelArgument,
  what: string,
  resolving: Resolving,
  work: (path: string) => T | Promise<T>,
): Promise<T> {
  const { name, given } = modelArgument(argument, what);
  const { path, close } = await placeModel(name, given, resolving);
  try {
    return await work(path);
  } finally {
    await close();
  }
}

/** The argument of a function as a name, or what was given. @throws UsageError for neither */
export function modelArgument(value: unknown, what: string): { name: string; given?: GivenModel } {
  if (isGivenModel(value)) return { name: memoryModel, given: value };
  const name = pathOf(value);
  if (typeof name === 'string' && name !== '') return { name };
  throw new UsageError(`${what} must be a path, a URL, or the bytes of a model, found ${kindOfValue(value)}`);
}

function unwritable(path: string, error: unknown): never {
  throw new ModelError(`the bytes of the model cannot be written to ${path}: ${messageOf(error)}`);
}

function filesOf(given: GivenModel): [string, Uint8Array | string][] {
  if (types.isUint8Array(given)) return [['model.onnx', given]];
  checkOptions(given, 'model', ['files']);
  checkOptions(given.files, 'model.files');
  const files = Object.entries(given.files);
  for (const [file, bytes] of files) {
    const path = normalize(file);
    if (file === '' || isAbsolute(path) || path.split(sep).includes('..') || file.includes('\0'))
      throw new UsageError(`model.files: ${quote(file)} is no path within a model directory`);
    if (typeof bytes !== 'string' && !types.isUint8Array(bytes))
      throw new UsageError(`model.files: ${quote(file)} must be a Uint8Array or a text, found ${kindOfValue(bytes)}`);
  }
  if (!files.some(([file]) => file.endsWith('.onnx')))
    throw new UsageError(
      `model.files holds no .onnx file; expected onnx/model.onnx beside config.json, found ${files.map(([file]) => quote(file)).join(', ') || 'nothing'}`,
    );
  return files;
}
