import { spawnSync } from 'node:child_process';
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { activationPath, makeRoom, markUsed } from '#ortune/trunk/cache-directory.js';
import { temporaryDirectory } from '../support/temporary.js';

const parent = temporaryDirectory('cache');
let directories = 0;
let directory = '';
beforeEach(() => {
  directory = join(parent, String(directories++));
});

const none: ReadonlySet<string> = new Set();

/** A file of a hundred bytes that was used so many seconds ago. */
function file(key: string, secondsAgo: number): string {
  const path = activationPath(directory, key);
  writeFileSync(path, Buffer.alloc(100));
  const time = Date.now() / 1000 - secondsAgo;
  utimesSync(path, time, time);
  return path;
}

const names = () => readdirSync(directory).sort();
const namesOf = (...keys: string[]) => keys.map((key) => `${key}.activations`);

describe('the directory', () => {
  it('is made', async () => {
    await makeRoom(directory, { bytes: 10, most: 10, inUse: none });
    expect(names()).toEqual([]);
  });

  it('loses the files used longest ago until there is room', async () => {
    await makeRoom(directory, { bytes: 0, most: 0, inUse: none });
    for (const [i, key] of ['a', 'b', 'c', 'd'].entries()) file(key, 100 - i);
    await makeRoom(directory, { bytes: 100, most: 500, inUse: none });
    expect(names()).toEqual(namesOf('a', 'b', 'c', 'd'));
    await makeRoom(directory, { bytes: 100, most: 300, inUse: none });
    expect(names()).toEqual(namesOf('c', 'd'));
  });

  it('keeps what is in use or was used of late', async () => {
    await makeRoom(directory, { bytes: 0, most: 0, inUse: none });
    const [a, b] = ['a', 'b', 'c'].map((key, i) => file(key, 100 - i));
    await markUsed(b!);
    await makeRoom(directory, { bytes: 100, most: 300, inUse: new Set([a!]) });
    expect(names()).toEqual(namesOf('a', 'b'));
  });

  it('loses what a process left that ended while it wrote, and nothing of one that runs or of others', async () => {
    await makeRoom(directory, { bytes: 0, most: 0, inUse: none });
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    writeFileSync(join(directory, `a.activations.${pid}-0.partial`), 'half');
    writeFileSync(join(directory, `a.activations.${process.pid}-0.partial`), 'half');
    writeFileSync(join(directory, 'mine.txt'), 'keep');
    await makeRoom(directory, { bytes: 100, most: 100, inUse: none });
    expect(names()).toEqual([`a.activations.${process.pid}-0.partial`, 'mine.txt']);
  });

  it('does not mind a file that is gone', async () => {
    await expect(markUsed(join(directory, 'gone'))).resolves.toBeUndefined();
  });
});
