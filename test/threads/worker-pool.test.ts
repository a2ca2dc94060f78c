// Pools of threads: every task settles, whatever becomes of the threads, and the next call starts over.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { ThreadError } from '#ortune/threads/causes.js';
import { type PoolOptions, WorkerPool } from '#ortune/threads/worker-pool.js';
import { itWhere, noProc } from '../support/describe-where.js';

const moduleOf = (name: string): URL => new URL(`./modules/${name}.mjs`, import.meta.url);

const pools: WorkerPool[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.destroy();
});

function poolOf(name: string, options: Partial<PoolOptions> = {}): WorkerPool {
  const pool = new WorkerPool({ url: moduleOf(name), role: 'that answers', ...options });
  pools.push(pool);
  return pool;
}

/** Takes note of the failure at once, however late it is asked for. */
const failureOf = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => new Error('nothing failed'),
    (error: Error) => error,
  );

describe('tasks', () => {
  test('are answered, each by its function, also more of them than threads', async () => {
    const pool = poolOf('answers', { workers: 2 });
    expect(await Promise.all([1, 2, 3, 4, 5].map((task) => pool.run(task)))).toEqual([2, 3, 4, 5, 6]);
    expect(pool.threads).toHaveLength(2);
  });

  test('fail with what their function throws, and the thread goes on', async () => {
    const pool = poolOf('answers');
    await pool.run(1);
    const [thread] = pool.threads;
    const failure = await failureOf(pool.run('no such range', 'fail'));
    expect([failure.name, failure.message]).toEqual(['RangeError', 'no such range']);
    expect(await failureOf(pool.run(0, 'failOddly'))).toHaveProperty('message', '[object Object]');
    expect((await failureOf(pool.run(0, 'answerOddly'))).message).toMatch(/could not be cloned/);
    expect((await failureOf(pool.run(() => {}))).message).toMatch(/could not be cloned/);
    expect(await pool.run(1)).toBe(2);
    expect(pool.threads).toEqual([thread]);
  });

  test.each([
    ['exit', 3, 'the thread that answers died: it ended with code 3'],
    ['throwLater', 0, 'the thread that answers died: thrown later'],
  ])(
    'that end the thread (%s) fail with the cause; others are done by the next thread',
    async (name, task, message) => {
      const pool = poolOf('answers');
      const failure = failureOf(pool.run(task, name));
      const behind = pool.run(5);
      expect(await failure).toBeInstanceOf(ThreadError);
      expect((await failure).message).toBe(message);
      expect(await behind).toBe(6);
    },
  );

  test('whose thread holds what is lost with it all fail from then on', async () => {
    const pool = poolOf('answers', { keepsState: true });
    const failure = failureOf(pool.run(3, 'exit'));
    const behind = failureOf(pool.run(5));
    expect((await failure).message).toBe('the thread that answers died: it ended with code 3');
    expect(await behind).toBe(await failure);
    expect(await failureOf(pool.run(5))).toBe(await failure);
  });
});

describe('a thread that cannot be started', () => {
  test.each([
    ['exits', /^the thread that answers cannot be started: it ended with code 7 while its module was loaded$/],
    ['throws', /^the thread that answers cannot be started: a module that throws$/],
    [
      'missing',
      /^the thread that answers cannot be started: Cannot find module .*missing\.mjs.* \(a file is missing; /,
    ],
  ])('since its module %s, fails all that waits, again and again', async (name, message) => {
    const pool = poolOf(name, { workers: 2 });
    for (let call = 0; call < 2; call++) {
      const failures = await Promise.all([1, 2, 3].map((task) => failureOf(pool.run(task))));
      for (const failure of failures) expect(failure.message).toMatch(message);
      expect(failures[0]).toHaveProperty('started', false);
    }
  });

  test('does not fail tasks that came after its start: another is started for them', async () => {
    const pool = poolOf('second', { workerData: new Int32Array(new SharedArrayBuffer(4)) });
    expect(await Promise.all([pool.run(1), pool.run(2)])).toEqual([2, 3]);
  });

  test('since its data cannot be posted, says so', async () => {
    const pool = poolOf('answers', { workerData: () => {} });
    expect((await failureOf(pool.run(1))).message).toMatch(
      /^the thread .* cannot be started: .* could not be cloned\.$/,
    );
  });

  test('since it does nothing for long, is given up', async () => {
    const pool = poolOf('waits', { stallMs: 600 });
    expect((await failureOf(pool.run(1))).message).toBe(
      'the thread that answers cannot be started: it did nothing for 0.6 s',
    );
  });

  test('is told also where it is the one behind another', async () => {
    for (const [name, message] of [
      [
        'exits',
        'the thread that answers cannot be started: the thread behind it cannot be started: it ended with code 7',
      ],
      [
        'missing',
        'the thread that answers cannot be started: the thread behind it cannot be started: Cannot find module',
      ],
    ] as const) {
      const failure = await failureOf(poolOf('behind', { workerData: `./${name}.mjs` }).run(1));
      expect(failure.message).toContain(message);
      expect(failure.message.split('a file is missing').length).toBe(name === 'missing' ? 2 : 1);
    }
  });
});

test('a thread behind another that ends takes the task with it, and the next task has new ones', async () => {
  const pool = poolOf('behind', { workerData: './quiet.mjs' });
  expect(await pool.run(1)).toEqual([1]);
  expect((await failureOf(pool.run('exit'))).message).toBe(
    'the thread that answers died: the thread behind it ended with code 5',
  );
  expect(await pool.run(2)).toEqual([2]);
});

test('a pool that is closed, once or twice, before or during a start, fails its tasks and those after', async () => {
  const pool = poolOf('answers');
  const early = failureOf(pool.run(1));
  await Promise.all([pool.destroy(), pool.destroy()]);
  await pool.destroy();
  for (const failure of [await early, await failureOf(pool.run(1))])
    expect(failure.message).toBe('the thread that answers has been closed');
  expect(pool.threads).toEqual([]);
});

/** A process with a pool, its first task and what is in its way; what it says, line by line. */
function asked(
  [name, task, obstacle = '']: [name: string, task: number, obstacle?: string],
  { node = [], shell = '' }: { node?: string[]; shell?: string } = {},
): string[] {
  const child = [...node, fileURLToPath(moduleOf('asks')), name, String(task), obstacle];
  const command = `${shell} exec "$0" "$@"`;
  const { stdout, stderr } = spawnSync('/bin/sh', ['-c', command, process.execPath, ...child], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  const lines = stdout.trim().split('\n');
  if (lines.length !== 2) throw new Error(`${stdout}${stderr}`);
  return lines;
}

describe('a process', () => {
  test('ends although its pool is open', () => {
    expect(asked(['default', 1])).toEqual(['value 2', 'value 2']);
  });

  test('whose thread fills its memory is told so, and goes on', () => {
    const [first, second] = asked(['fill', 0], { node: ['--max-old-space-size=50'] });
    expect(first).toMatch(
      /^OrtuneError: the thread that answers died: .*memory limit.* \(raise the memory of Node's heap/,
    );
    expect(second).toBe('value 2');
  });

  itWhere(noProc, 'without file handles is told so, and goes on when there are some again', () => {
    const [first, second] = asked(['default', 1, 'handles'], { shell: 'ulimit -n 80;' });
    expect(first).toMatch(
      /^OrtuneError: the thread that answers cannot be started: .*EMFILE.* \(no file handle is free; /,
    );
    expect(second).toBe('value 2');
  });

  itWhere(noProc, 'whose working directory is gone is told so, and goes on in another', () => {
    const [first, second] = asked(['default', 1, 'folder']);
    expect(first).toMatch(
      /^OrtuneError: the thread .* cannot be started: .*uv_cwd \(the working directory does not exist/,
    );
    expect(second).toBe('value 2');
  });
});
