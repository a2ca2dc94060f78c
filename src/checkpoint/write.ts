// Writes a checkpoint so that whoever ends the process, at whatever moment, leaves the old or the new one whole: into
// a directory beside its place, every file and the directory synced, then renamed and the parent synced. Only then are
// older checkpoints removed, renamed first so that nothing half-deleted looks like a checkpoint. Blocks; belongs in a
// thread.

import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { types } from 'node:util';
import { OrtuneError } from '../errors.js';
import { remainsName, sortNames, stateFile, stepName, summedFiles, sumsFile, type TensorFile } from './files.js';
import { isWhole, pieceBytes, renderSums, wholeBeside } from './verify.js';

export interface Keep {
  /** How many of the latest checkpoints stay, the new one included; at least 1. */
  readonly limit: number;
  /** Step of a checkpoint that stays besides. */
  readonly best?: number | undefined;
}

export interface WriteTask {
  /** The run's checkpoints. */
  readonly directory: string;
  readonly step: number;
  readonly keep: Keep;
  /** Content of state.json. */
  readonly state: string;
  /**
   * Header and tensors of each file, to be written one behind the other; large ones as whole buffers (see `posted`).
   */
  readonly tensors: Readonly<Record<TensorFile, readonly (Uint8Array | SharedArrayBuffer)[]>>;
}

/**
 * Writes `step-N` in `task.directory`, replacing one of the same step, and removes those that `keep` does not cover.
 * Checkpoints of later steps go as well: they belong to a course that the run has left by resuming from before them.
 * @throws OrtuneError when it cannot be written; earlier checkpoints are as they were then
 */
export function writeCheckpoint(task: WriteTask): void {
  const { directory, step } = task;
  const path = join(directory, stepName(step));
  const partial = join(directory, remainsName(step, 'partial'));
  try {
    makeDirectory(directory);
    clearRemains(directory);
    mkdirSync(partial);
    writeFiles(partial, task);
    moveIntoPlace(directory, step);
  } catch (error) {
    throw failure(path, partial, error);
  }
  try {
    clearRemains(directory);
    prune(directory, step, task.keep);
  } catch (error) {
    throw new OrtuneError(
      `${path} is written, but older checkpoints cannot be removed: ${causeOf(error)}. Remove them, or allow it`,
    );
  }
}

/** What the system said, or an error of ours as it is. */
function causeOf(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  return (error as Error).message;
}

function failure(path: string, partial: string, error: unknown): OrtuneError {
  const cause = causeOf(error);
  try {
    rmSync(partial, { recursive: true, force: true });
  } catch {
    // Left for the next write; what matters to the user is the first cause.
  }
  const good = isWhole(path) ? path : wholeBeside(path);
  return new OrtuneError(
    `checkpoint ${path} cannot be written: ${cause}. ` +
      (good ? `The last one that is whole is ${good}` : 'There is no earlier one that is whole'),
  );
}

function makeDirectory(directory: string): void {
  const first = mkdirSync(directory, { recursive: true });
  if (first === undefined) return;
  for (let made = resolve(directory); made.startsWith(resolve(first)); made = dirname(made))
    syncDirectory(dirname(made));
}

/** Finishes or takes back what an earlier process was in the middle of. */
function clearRemains(directory: string): void {
  for (const { name, step, kind } of sortNames(readdirSync(directory)).remains) {
    const place = join(directory, stepName(step));
    if (kind === 'replaced' && !existsSync(place)) renameSync(join(directory, name), place);
    else rmSync(join(directory, name), { recursive: true, force: true });
  }
}

function writeFiles(directory: string, { tensors, state }: WriteTask): void {
  const sums = summedFiles.map((file) => {
    const parts = file === stateFile ? [Buffer.from(state)] : tensors[file];
    return writeFile(join(directory, file), parts);
  });
  writeFile(join(directory, sumsFile), [Buffer.from(renderSums(sums))]);
  syncDirectory(directory);
}

/** Writes and syncs a new file; its SHA-256. */
function writeFile(path: string, parts: readonly (Uint8Array | SharedArrayBuffer)[]): string {
  const hash = createHash('sha256');
  const fd = openSync(path, 'wx');
  try {
    for (const part of parts) {
      for (let begin = 0; begin < part.byteLength; begin += pieceBytes) {
        const end = Math.min(begin + pieceBytes, part.byteLength);
        const piece = types.isSharedArrayBuffer(part)
          ? new Uint8Array(part, begin, end - begin)
          : part.subarray(begin, end);
        hash.update(piece);
        for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done, piece.length - done);
      }
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}

function moveIntoPlace(directory: string, step: number): void {
  const place = join(directory, stepName(step));
  const partial = join(directory, remainsName(step, 'partial'));
  const replaced = join(directory, remainsName(step, 'replaced'));
  // A directory cannot be renamed onto another. Between the two calls the old one counts under its other name.
  if (existsSync(place)) renameSync(place, replaced);
  renameSync(partial, place);
  syncDirectory(directory);
}

function prune(directory: string, step: number, { limit, best }: Keep): void {
  const { checkpoints } = sortNames(readdirSync(directory));
  const course = checkpoints.filter((other) => other.step <= step);
  const kept = new Set(course.slice(-Math.max(1, limit)).map((other) => other.step));
  for (const { name, step: other } of checkpoints) {
    if (kept.has(other) || other === best) continue;
    const removed = join(directory, remainsName(other, 'removed'));
    renameSync(join(directory, name), removed);
    rmSync(removed, { recursive: true, force: true });
  }
}

function syncDirectory(directory: string): void {
  // Windows does not open directories, and needs no sync of theirs.
  if (process.platform === 'win32') return;
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
