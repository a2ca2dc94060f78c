// The budget for samples in memory: what the option says, else half of what the process may use. Data that go beyond it
// are refused by name while they are read, long before the machine is out of memory: a small compressed file may hold
// texts of terabytes.

import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { DataError } from '../errors.js';
import { formatBytes } from '../format.js';

/** What the process may use: the machine's memory, a container's, or addresses that ulimit -v leaves. */
function usableMemory(): number {
  const limits = [totalmem(), process.constrainedMemory(), addressSpace()];
  return Math.min(...limits.filter((bytes) => bytes > 0));
}

/** Bytes of addresses; infinite where there is no limit, or none that can be known. */
function addressSpace(): number {
  try {
    const [, soft] = /^Max address space\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Most bytes that the samples of a table may take. @param option maxDataMemory */
export const dataMemory = (option: number | undefined): number => option ?? Math.floor(usableMemory() / 2);

/** @param place where the data go beyond it @param what would take how much */
export const overBudget = (place: string, what: string, limit: number): DataError =>
  new DataError(
    `${place}: ${what}, and maxDataMemory is ${formatBytes(limit)}; raise it if the memory is there and the file is ` +
      'what it should be, use fewer or shorter samples, or set streaming for training data',
  );
