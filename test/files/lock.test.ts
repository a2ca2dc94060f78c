import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '#ortune/errors.js';
import { Lock } from '#ortune/files/lock.js';
import { bootOf, startOf } from '#ortune/files/processes.js';
import { temporaryDirectory } from '../support/temporary.js';

const root = temporaryDirectory('lock');
let places = 0;
const newPlace = (): string => join(root, `place${places++}`, '.lock');
const take = (path: string) => Lock.take(path, 'output x');
/** A file system without locks. */
const withoutLocks = (path: string) => Lock.take(path, 'output x', () => 'unsupported');

/** A process that has the lock until it is killed; ends with the code of `process.exit` on any line. */
async function owner(path: string) {
  const script = `const { Lock } = await import('#ortune/files/lock.js');
    await Lock.take(${JSON.stringify(path)}, 'x'); console.log('taken'); process.stdin.on('data', () => process.exit(0))`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  await once(child.stdout, 'data');
  return child;
}

const signed = (more: object) => {
  const words = { pid: process.pid, host: hostname(), boot: bootOf(), started: startOf(process.pid), since: 'then' };
  return `${JSON.stringify({ ...words, ...more })}\n`;
};

function left(more: object, secondsAgo = 0): string {
  const path = newPlace();
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, signed(more));
  const then = Date.now() / 1000 - secondsAgo;
  utimesSync(path, then, then);
  return path;
}

describe.each([
  ['with locks', take],
  ['without', withoutLocks],
] as const)('a place, on a file system %s', (_, take) => {
  it('has one owner of several at once, and the others are told who', async () => {
    const path = newPlace();
    const all = await Promise.allSettled(Array.from({ length: 6 }, () => take(path)));
    const [got] = all.filter((one) => one.status === 'fulfilled');
    const refused = all.filter((one) => one.status === 'rejected').map(({ reason }) => reason);
    expect(refused).toHaveLength(5);
    for (const error of refused) {
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toMatch(
        `output x is in use by process ${process.pid} on ${hostname()} since ${new Date().getUTCFullYear()}`,
      );
    }
    got!.value.release();
    expect(existsSync(join(path, '..'))).toBe(false);
    (await take(path)).release();
  });

  it('is free as soon as its owner has been killed', async () => {
    const path = newPlace();
    const child = await owner(path);
    await expect(take(path)).rejects.toThrow(`process ${child.pid} on`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(path)).toBe(true);
    (await take(path)).release();
    expect(existsSync(path)).toBe(false);
  });

  it('keeps what else lies there', async () => {
    const path = newPlace();
    const lock = await take(path);
    writeFileSync(join(path, '../metrics.jsonl'), '');
    lock.release();
    lock.release();
    expect(readdirSync(join(path, '..'))).toEqual(['metrics.jsonl']);
  });

  it('of a machine that shows signs of life is taken; of one that is silent, or that was started anew, it is free', async () => {
    const far = { host: 'far', boot: 'another' };
    await expect(take(left(far))).rejects.toThrow(
      /process \d+ on far since then.*counts no more two minutes after its last sign of life; or remove it/s,
    );
    (await take(left(far, 200))).release();
    (await take(left({ boot: 'another' }))).release();
  });

  it('is free where its file is empty or no owner ever wrote such a thing', async () => {
    for (const text of ['', '{"pid":', '[]', 'null']) {
      const path = left({});
      writeFileSync(path, text);
      (await take(path)).release();
    }
  });
});

it('a number that another process has got since is not taken for the owner, where the file is all there is', async () => {
  (await withoutLocks(left({ started: '1' }))).release();
  await expect(withoutLocks(left({}))).rejects.toThrow(UsageError);
});

it('an owner that exits on its own takes the file along', async () => {
  const path = newPlace();
  const child = await owner(path);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: child.pid, host: hostname() });
  child.stdin.write('\n');
  await once(child, 'exit');
  expect(existsSync(path)).toBe(false);
});

it('a place that cannot be made is a wrong output', async () => {
  writeFileSync(join(root, 'file'), '');
  await expect(take(join(root, 'file', 'run', '.lock'))).rejects.toThrow(
    /^output x cannot be written: (ENOTDIR|EEXIST)/,
  );
});
