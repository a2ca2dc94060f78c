// One owner for a place on the disk: a file that its owner keeps open and locked. The kernel gives the lock up when the
// owner is gone, however it went, so a killed run leaves none behind, and a container is as good as a process. The file
// says who the owner is, for the message, and for what a lock cannot tell: a network file system may lock for one
// machine alone, so its owner shows now and then that it is alive, and another machine believes it. Where a file
// system has no locks the file's word is all there is. The file goes with its owner's last word; one that is left
// behind stands in nobody's way.

import {
  closeSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../errors.js';
import { addon } from '../runtime/native.js';
import { bootOf, isRunning, startOf } from './processes.js';

/** What the file holds. */
export interface Owner {
  pid: number;
  host: string;
  /** Of the running kernel, where it has one. */
  boot: string;
  /** When the process started, in the kernel's ticks; tells it from a later one with its number. */
  started: string;
  /** ISO 8601. */
  since: string;
}

const heartbeatMs = 15_000;
/** Without a sign of life for so long an owner of another machine counts as gone. */
const silentMs = 120_000;

type LockFile = (fd: number) => 'locked' | 'held' | 'unsupported';

const kernelLock: LockFile = (fd) => addon().lockFile?.(fd) ?? 'unsupported';

export class Lock {
  readonly #path: string;
  readonly #fd: number;
  /** Directories that were made for the file, the innermost first. */
  readonly #made: readonly string[];
  readonly #heartbeat: NodeJS.Timeout;
  readonly #release = (): void => this.release();
  #released = false;

  private constructor(path: string, fd: number, made: readonly string[]) {
    this.#path = path;
    this.#fd = fd;
    this.#made = made;
    const owner = ownerIn(path)!;
    this.#heartbeat = setInterval(() => showLife(fd, owner), heartbeatMs).unref();
    process.once('exit', this.#release);
  }

  /**
   * Takes the lock file `path`; its directory is made, and goes again if it is empty in the end.
   * @param what is locked, for messages: 'output runs/a'
   * @param lockFile the kernel's, unless a test has another
   * @throws UsageError that names the owner, where there is one; for a place that cannot be written
   */
  static async take(path: string, what: string, lockFile: LockFile = kernelLock): Promise<Lock> {
    const place = resolve(path);
    for (let attempt = 1; ; attempt++) {
      let made: string[] = [];
      try {
        made = makeDirectory(dirname(place));
        return new Lock(place, await open(place, what, lockFile), made);
      } catch (error) {
        removeEmpty(made);
        if (error instanceof UsageError) throw error;
        // An owner that ends removes a directory that is empty.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT' && attempt < 10) continue;
        throw new UsageError(`${what} cannot be written: ${(error as Error).message}`);
      }
    }
  }

  /** Lets another have it; may be called again. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    clearInterval(this.#heartbeat);
    process.off('exit', this.#release);
    try {
      // Removed while it is locked: whoever has opened it by now finds that it is no longer there and opens another.
      if (isAt(this.#path, this.#fd)) rmSync(this.#path, { force: true });
    } catch {
      // A directory that is gone or cannot be written any more; closing is what counts.
    }
    closeSync(this.#fd);
    removeEmpty(this.#made);
  }

  async close(): Promise<void> {
    this.release();
  }
}

/** The locked file's descriptor. */
async function open(path: string, what: string, lockFile: LockFile): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const { fd, created } = openOrCreate(path);
    let kept = false;
    try {
      const state = lockFile(fd);
      if (state === 'held') throw refused(what, path, await ownerSoon(path));
      if (!isAt(path, fd)) continue;
      const owner = created ? undefined : state === 'locked' ? ownerIn(path) : await ownerSoon(path);
      if (owner && isAlive(owner, state, path)) throw refused(what, path, owner);
      if (state === 'locked' || created) {
        kept = true;
        ftruncateSync(fd);
        sign(fd, ownWords());
        return fd;
      }
      putAside(path, owner);
    } finally {
      if (!kept) closeSync(fd);
    }
  }
  throw new UsageError(`${what} is taken and given up all the time by other processes (${path}); start again`);
}

function openOrCreate(path: string): { fd: number; created: boolean } {
  for (;;) {
    for (const [flags, created] of [
      ['wx+', true],
      ['r+', false],
    ] as const) {
      try {
        return { fd: openSync(path, flags), created };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== (created ? 'EEXIST' : 'ENOENT')) throw error;
      }
    }
  }
}

/**
 * Removes the file of an owner that is gone. Without locks another may do so at this moment: its new file goes back.
 */
function putAside(path: string, gone: Owner | undefined): void {
  const aside = `${path}.${process.pid}.partial`;
  try {
    renameSync(path, aside);
    if (JSON.stringify(ownerIn(aside)) !== JSON.stringify(gone)) linkSync(aside, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  rmSync(aside, { force: true });
}

/** Whether the open file is the one that lies at `path`. */
function isAt(path: string, fd: number): boolean {
  const [there, here] = [statSync(path, { throwIfNoEntry: false }), fstatSync(fd)];
  return there !== undefined && there.ino === here.ino && there.dev === here.dev;
}

/** The owner, which writes its name a moment after it has locked the file. */
async function ownerSoon(path: string): Promise<Owner | undefined> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const owner = ownerIn(path);
    if (owner) return owner;
    await sleep(10);
  }
  return undefined;
}

function ownerIn(path: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(path, 'utf8')) as Owner;
    return typeof owner?.pid === 'number' && typeof owner.host === 'string' ? owner : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an owner goes on whose lock, if there are any, is not to be seen from here. */
function isAlive(owner: Owner, state: 'locked' | 'unsupported', path: string): boolean {
  const { boot, host } = ownWords();
  if (boot !== '' && owner.boot === boot) return state === 'unsupported' && startOf(owner.pid) === owner.started;
  // The machine was started anew, or has no such name for that.
  if (owner.host === host) return boot === '' && state === 'unsupported' && isRunning(owner.pid);
  // By the file server's clock, not by ours or the owner's.
  const probe = `${path}.${process.pid}.partial`;
  writeFileSync(probe, '');
  const [heard, now] = [statSync(path).mtimeMs, statSync(probe).mtimeMs];
  rmSync(probe, { force: true });
  return now - heard < silentMs;
}

function refused(what: string, path: string, owner: Owner | undefined): UsageError {
  const here = hostname();
  const who = owner
    ? `process ${owner.pid} on ${owner.host} since ${owner.since}`
    : 'another process, which has not said its name';
  const advice =
    owner && owner.host !== here
      ? `If that process is gone, ${path} counts no more two minutes after its last sign of life; or remove it`
      : 'Wait for it, end it, or choose another output';
  return new UsageError(`${what} is in use by ${who}: two runs in one place would destroy each other. ${advice}.`);
}

/** Always the same bytes, so that no reader finds half of them; the file server notes the time. */
function sign(fd: number, owner: Owner): void {
  writeSync(fd, `${JSON.stringify(owner)}\n`, 0);
}

const ownWords = (): Owner => ({
  pid: process.pid,
  host: hostname(),
  boot: bootOf(),
  started: startOf(process.pid),
  since: new Date().toISOString(),
});

/** Makes a directory with its parents; those that were not there, the innermost first. */
function makeDirectory(directory: string): string[] {
  const first = mkdirSync(directory, { recursive: true });
  const made: string[] = [];
  for (let path = directory; first !== undefined && path.length >= first.length; path = dirname(path)) made.push(path);
  return made;
}

function showLife(fd: number, owner: Owner): void {
  try {
    sign(fd, owner);
  } catch {
    // A full disk, say; the next may go well.
  }
}

function removeEmpty(directories: readonly string[]): void {
  for (const directory of directories) {
    try {
      rmdirSync(directory);
    } catch (error) {
      // It holds something, and so do those that it lies in.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return;
    }
  }
}
