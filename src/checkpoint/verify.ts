// Whether a checkpoint is exactly what was written: these files and no others, SHA256SUMS byte for byte as it must
// read, every sum right, every header true. Reads everything, so it belongs in a worker thread. SHA256SUMS has the
// format of sha256sum, which can check a checkpoint too.

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DataError, OrtuneError } from '../errors.js';
import { CutFile, decodeHeader, headerLength, prefixBytes, type TensorPlace } from '../files/safetensors.js';
import { type Checkpoint, sortNames, stateFile, stateFormat, summedFiles, sumsFile, type TensorFile } from './files.js';

/** Bytes read, hashed or written at a time. */
export const pieceBytes = 4 * 2 ** 20;

export interface TensorsFile {
  readonly path: string;
  readonly places: ReadonlyMap<string, TensorPlace>;
  /** Where the tensors start, in bytes from the start of the file. */
  readonly dataStart: number;
}

export interface VerifiedCheckpoint {
  readonly tensors: Readonly<Record<TensorFile, TensorsFile>>;
  readonly step: number;
  readonly state: object;
}

/** SHA256SUMS of these sums, which are in the order of `summedFiles`. */
export const renderSums = (sums: readonly string[]): string =>
  summedFiles.map((file, i) => `${sums[i]}  ${file}\n`).join('');

/** Reads the whole checkpoint. @throws DataError that starts with the damaged file's name and says what is wrong */
export function verifyCheckpoint(path: string): VerifiedCheckpoint {
  checkFiles(path);
  const sums = readSums(join(path, sumsFile));
  const tensors = {} as Record<TensorFile, TensorsFile>;
  for (const [i, file] of summedFiles.entries()) {
    const layout = file === stateFile ? undefined : layoutOf(join(path, file), file);
    if (layout instanceof CutFile) throw layout;
    // Before anything else that is wrong with the header: it may be the header that was altered.
    const sum = withFile(join(path, file), sumOf);
    if (sum !== sums[i])
      throw new DataError(`${file} is altered or cut: its SHA-256 is ${sum}, ${sumsFile} says ${sums[i]}`);
    if (layout instanceof DataError) throw layout;
    if (layout) tensors[file as TensorFile] = layout;
  }
  return { tensors, ...readState(path) };
}

/**
 * A whole checkpoint beside `path`: the last one before it, or else the first one behind it. What is found damaged on
 * the way is passed over.
 */
export function wholeBeside(path: string): string | undefined {
  const directory = dirname(path);
  const own = sortNames([basename(path)]).checkpoints[0]?.step ?? Number.POSITIVE_INFINITY;
  const others = checkpointsIn(directory).filter((other) => basename(other.path) !== basename(path));
  const before = others.filter(({ step }) => step < own).reverse();
  return [...before, ...others.filter(({ step }) => step > own)].find((other) => isWhole(other.path))?.path;
}

/** Same as `listCheckpoints`, for threads that may block; none where the directory cannot be read. */
function checkpointsIn(directory: string): Checkpoint[] {
  try {
    const { checkpoints } = sortNames(readdirSync(directory));
    return checkpoints.map(({ name, step }) => ({ path: join(directory, name), step }));
  } catch {
    return [];
  }
}

export function isWhole(path: string): boolean {
  try {
    verifyCheckpoint(path);
    return true;
  } catch (error) {
    if (error instanceof OrtuneError) return false;
    throw error;
  }
}

/** Reads `bytes.length` bytes at `position`. @throws DataError when the file ends before */
export function readFully(fd: number, bytes: Uint8Array, position: number, file: string): void {
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(fd, bytes, done, Math.min(pieceBytes, bytes.length - done), position + done);
    if (count === 0) throw new DataError(`${file} ends at byte ${position + done}`);
    done += count;
  }
}

/** Opens a file for `use`, turning what the system says about it into a DataError. */
export function withFile<T>(path: string, use: (fd: number, bytes: number) => T): T {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    return use(fd, fstatSync(fd).size);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new DataError(`${basename(path)} cannot be read: ${(error as Error).message}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function checkFiles(path: string): void {
  let found: string[];
  try {
    found = readdirSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new DataError(code === 'ENOENT' ? 'there is no such directory' : `it cannot be read: ${message}`);
  }
  const expected: readonly string[] = [...summedFiles, sumsFile];
  const missing = expected.filter((file) => !found.includes(file));
  if (missing.length > 0) throw new DataError(`${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} missing`);
  const other = found.find((file) => !expected.includes(file));
  if (other !== undefined) throw new DataError(`${other} is no part of it; move it elsewhere`);
}

/** The sums of `summedFiles`; anything but their exact rendering is refused. */
function readSums(path: string): string[] {
  const length = renderSums(summedFiles.map(() => '0'.repeat(64))).length;
  const text = withFile(path, (fd, bytes) => {
    if (bytes !== length)
      throw new DataError(
        `${sumsFile} is ${bytes < length ? 'cut' : 'altered'}: ${length} bytes expected, ${bytes} found`,
      );
    const content = Buffer.alloc(length);
    readFully(fd, content, 0, sumsFile);
    return content.toString('latin1');
  });
  const lines = text.split('\n');
  const sums = summedFiles.map((_, i) => lines[i]?.slice(0, 64) ?? '');
  const wrong = summedFiles.findIndex(
    (file, i) => !/^[0-9a-f]{64}$/.test(sums[i]!) || lines[i] !== `${sums[i]}  ${file}`,
  );
  if (wrong >= 0 || renderSums(sums) !== text)
    throw new DataError(
      `${sumsFile} is altered: line ${wrong >= 0 ? wrong + 1 : summedFiles.length} is not a sum and its file`,
    );
  return sums;
}

function sumOf(fd: number): string {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(pieceBytes);
  for (;;) {
    const count = readSync(fd, piece, 0, pieceBytes, null);
    if (count === 0) return hash.digest('hex');
    hash.update(piece.subarray(0, count));
  }
}

/** Where the tensors of a file are, or what is wrong with it. */
function layoutOf(path: string, file: string): TensorsFile | DataError {
  try {
    return withFile(path, (fd, bytes) => {
      const prefix = Buffer.alloc(Math.min(prefixBytes, bytes));
      readFully(fd, prefix, 0, file);
      const header = Buffer.alloc(headerLength(prefix, file, bytes));
      readFully(fd, header, prefixBytes, file);
      const dataStart = prefixBytes + header.length;
      return { path, places: decodeHeader(header, file, bytes - dataStart), dataStart };
    });
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
}

function readState(directory: string): { step: number; state: object } {
  let parsed: { format?: unknown; step?: unknown; state?: unknown } | null;
  try {
    parsed = JSON.parse(readFileSync(join(directory, stateFile), 'utf8'));
  } catch (error) {
    throw new DataError(`${stateFile} is not JSON: ${(error as Error).message}`);
  }
  const { format, step, state } = parsed ?? {};
  if (format !== stateFormat)
    throw new DataError(
      `${stateFile} has format ${JSON.stringify(format)}, this version of ortune reads format ${stateFormat}`,
    );
  if (!Number.isSafeInteger(step) || typeof state !== 'object' || state === null)
    throw new DataError(`${stateFile} must have a number 'step' and an object 'state'`);
  return { step: step as number, state };
}
