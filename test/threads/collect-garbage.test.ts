// Shared memory that nothing refers to is let go of when it is asked for.

import { expect, it } from 'vitest';
import { collectGarbage } from '#ortune/threads/collect-garbage.js';

it('collects what is unreachable, and leaves no name behind', () => {
  const gone = new WeakRef(new SharedArrayBuffer(8));
  return new Promise<void>((resolve) => {
    // A weak reference holds its target until the end of the turn.
    setImmediate(() => {
      collectGarbage();
      expect(gone.deref()).toBeUndefined();
      expect('gc' in globalThis).toBe(false);
      resolve();
    });
  });
});
