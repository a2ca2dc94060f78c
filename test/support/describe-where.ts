// Tests that need what not every machine has: where it is missing, one test says that they were not run, and why.

import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** A test that says what was not tested. */
function sayNotTested(missing: string, title: string, name: string): void {
  it(title, () => {
    console.warn(`${name}: NOT TESTED, since ${missing}`);
    expect(missing).not.toBe('');
  });
}

/** describe(), where nothing is `missing`. */
export function describeWhere(missing: string | undefined, name: string, tests: () => void): void {
  if (missing === undefined) return void describe(name, tests);
  describe(name, () => sayNotTested(missing, 'is NOT TESTED on this machine', name));
}

/** it(), where nothing is `missing`. */
export function itWhere(missing: string | undefined, name: string, test: () => void | Promise<void>): void {
  if (missing === undefined) return void it(name, test);
  sayNotTested(missing, `is NOT TESTED on this machine: ${name}`, name);
}

/** Why open files and threads of this process cannot be counted here; undefined where they can. */
export const noProc = existsSync('/proc/self/task') ? undefined : 'this system does not list threads in /proc/self';

/** Why no disk is full here; undefined where /dev/full is one. */
export const noFullDevice = existsSync('/dev/full') ? undefined : 'this system has no /dev/full, which is always full';
