// What of the machine this process may use: processors and memory, as the system and the control groups around the
// process allow. Node sees the processors that a process is pinned to (docker --cpuset-cpus, taskset), but not a quota
// of their time (docker --cpus, Kubernetes limits): threads beyond it are paused for most of each period, and the
// others, which spin, use the quota up waiting for them. A limit counts that is set on the process's group or any above
// it, in either version of control groups, which may be mounted side by side.

import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join, relative } from 'node:path';

/** What control groups allow; undefined where nothing is set. */
export interface GroupLimits {
  /** Processor time, in processors; may be a fraction. */
  cores?: number | undefined;
  /** Bytes. */
  memory?: number | undefined;
}

/** @param root where /proc and the mounts begin, for tests */
export function groupLimits(root = '/'): GroupLimits {
  const cores: number[] = [];
  const memory: number[] = [];
  for (const folder of groupFolders(root)) {
    const numbers = (file: string): number[] => textOf(join(folder, file)).trim().split(/\s+/).map(Number);
    const [quota = Number.NaN, period = Number.NaN] = numbers('cpu.max'); // 'max 100000' where there is none
    const older = numbers('cpu.cfs_quota_us')[0]! / numbers('cpu.cfs_period_us')[0]!; // -1 where there is none
    cores.push(quota / period, older);
    memory.push(numbers('memory.max')[0]!, numbers('memory.limit_in_bytes')[0]!);
  }
  return { cores: smallest(cores), memory: smallest(memory) };
}

/** Undefined where none is a limit: of what is not there, or 'max', a number is NaN; version 1 has 2^63 for none. */
function smallest(values: readonly number[]): number | undefined {
  const limits = values.filter((value) => value > 0 && value < 2 ** 60);
  return limits.length > 0 ? Math.min(...limits) : undefined;
}

/** The folders of the process's groups, and of those above them, as far as they are mounted. */
function groupFolders(root: string): string[] {
  const mounts = textOf(join(root, 'proc/self/mountinfo')).split('\n').flatMap(groupMount);
  return textOf(join(root, 'proc/self/cgroup'))
    .split('\n')
    .flatMap((line) => {
      const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      if (controllers === undefined || path === undefined) return [];
      const mounted = mounts.filter(({ of }) =>
        controllers === '' ? !of : controllers.split(',').some((one) => of?.includes(one)),
      );
      return mounted.flatMap((mount) => foldersUp(mount, path).map((folder) => join(root, mount.at, folder)));
    });
}

interface Mount {
  /** The folder of the hierarchy that is mounted. */
  from: string;
  /** Where. */
  at: string;
  /** Its options, among them the controllers of version 1; undefined for version 2. */
  of: readonly string[] | undefined;
}

/** A line of mountinfo: 'ID PARENT DEVICE FROM AT OPTIONS … - TYPE SOURCE OPTIONS', with spaces as \040. */
function groupMount(line: string): Mount[] {
  const [before = '', after = ''] = line.split(' - ');
  const [, , , from, at] = before.split(' ').map((part) => part.replace(/\\040/g, ' '));
  const [type, , options = ''] = after.split(' ');
  if (from === undefined || at === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
  return [{ from, at, of: type === 'cgroup2' ? undefined : options.split(',') }];
}

/**
 * From the group's folder up to that of the mount, relative to the latter. In a container the group's path may be that
 * of the host, of which nothing is mounted but the group itself.
 */
function foldersUp({ from }: Mount, path: string): string[] {
  const below = relative(from, path);
  const parts = below.startsWith('..') ? [] : below.split('/').filter((part) => part !== '');
  return [...parts.keys(), parts.length].map((count) => parts.slice(0, count).join('/'));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Another system, an older one, or no controller of this kind.
    return '';
  }
}

/** Processors whose time this process may use: those it may run on, or the quota where that is less, such as 0.5. */
export const usableCores = (limits = groupLimits()): number =>
  Math.min(availableParallelism(), limits.cores ?? Number.POSITIVE_INFINITY);

/**
 * Threads that have a processor each. Part of one gets no thread: with a quota of 1.5 of two, two threads took as long
 * a step as one (47 ms both; with 0.5 of two 184 ms and 95 ms: models/tiny-en, batches of 8), and used half as much
 * again.
 */
export const coreThreads = (cores = usableCores()): number => Math.max(1, Math.floor(cores));

/** What to say of more threads than have a processor each; undefined where there is nothing to say. */
export function threadsNote(threads: number, cores = usableCores()): string | undefined {
  if (threads <= Math.ceil(cores)) return undefined;
  const most = coreThreads(cores);
  const found = Number.isInteger(cores) ? `${cores} of the processors` : `the time of ${+cores.toFixed(2)} processors`;
  return (
    `threads is ${threads}, and this process may use ${found}: threads that have none are waited for by the others, ` +
    `which makes steps much slower; leave threads out, or set at most ${most}`
  );
}

/** Bytes that this process may have, with what it has: what the system has left, within its group's limit. */
export function usableMemory(limits = groupLimits()): number {
  const usedBytes = process.memoryUsage.rss();
  return Math.min(totalmem(), process.availableMemory() + usedBytes, limits.memory ?? Number.POSITIVE_INFINITY);
}
