// Tests that need what not every machine has: where it is missing, one test says that they were not run, and why.

import { describe, expect, it } from 'vitest';

/** describe(), where nothing is `missing`. */
export function describeWhere(missing: string | undefined, name: string, tests: () => void): void {
  if (missing === undefined) return void describe(name, tests);
  describe(name, () => {
    it('is NOT TESTED on this machine', () => {
      console.warn(`${name}: NOT TESTED, since ${missing}`);
      expect(missing).not.toBe('');
    });
  });
}
