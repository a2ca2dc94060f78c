import { expect, test } from 'vitest';
import { SessionCache, sessionsToKeep } from '#ortune/runtime/cache.js';
import type { Device } from '#ortune/runtime/session.js';

/** A cache of strings that notes what was made and released, in order. */
function noting(limit: number) {
  const log: string[] = [];
  const cache = new SessionCache<string>(limit, async (item) => {
    log.push(`-${item}`);
  });
  const get = (key: string) =>
    cache.get(key, async () => {
      log.push(`+${key}`);
      return key;
    });
  return { cache, get, log };
}

test('the least recently used goes first, before the new one is made', async () => {
  const { cache, get, log } = noting(2);
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) expect(await get(key)).toBe(key);
  expect(log).toEqual(['+a', '+b', '-b', '+c', '-c', '+b']);
  expect(cache.size).toBe(2);
});

test('callers that ask at the same time share one', async () => {
  const { get, log } = noting(2);
  expect(await Promise.all([get('a'), get('a'), get('b')])).toEqual(['a', 'a', 'b']);
  expect(log).toEqual(['+a', '+b']);
});

test('what could not be made is asked for again', async () => {
  const { cache, get } = noting(1);
  const failing = cache.get('a', () => Promise.reject(new Error('no memory')));
  await expect(failing).rejects.toThrow('no memory');
  expect(cache.size).toBe(0);
  expect(await get('a')).toBe('a');
});

test('one that is still being made is released once it is there', async () => {
  const { cache, get, log } = noting(1);
  const first = get('a');
  const failing = cache.get('x', () => Promise.reject(new Error('no memory')));
  await expect(failing).rejects.toThrow('no memory');
  const second = get('b');
  await Promise.all([first, second]);
  await cache.clear();
  expect(log).toEqual(['+a', '-a', '+b', '-b']);
  expect(cache.size).toBe(0);
});

test('a limit below one is an error', () => {
  expect(() => noting(0)).toThrow('a session cache keeps at least one, not 0');
});

test('few sessions are kept where each has its own memory', () => {
  expect(sessionsToKeep({ sharedMemory: true } as Device)).toBe(8);
  expect(sessionsToKeep({ sharedMemory: false } as Device)).toBe(2);
});
