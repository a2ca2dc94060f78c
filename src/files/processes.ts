// Whether a process is there, and which one it is.

import { readFileSync } from 'node:fs';

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * When a process started, in the kernel's ticks: tells it from a later one with the same number. '' where that is not
 * known or there is no such process.
 */
export function startOf(pid: number): string {
  // pid (name) state ppid …: the 22nd field, and names may hold spaces and parentheses.
  const fields = readWord(`/proc/${pid}/stat`);
  return fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/** Names the kernel that is running, where it has a name; all containers of a machine have the same. */
export const bootOf = (): string => readWord('/proc/sys/kernel/random/boot_id');

function readWord(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
