import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OrtuneError } from '#ortune/errors.js';
import { AppendFile } from '#ortune/files/append-file.js';
import { describeWhere, noFullDevice } from '../support/describe-where.js';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ortune-append-'));
  path = join(directory, 'file');
});
afterEach(() => rmSync(directory, { recursive: true }));

const content = () => readFileSync(path, 'utf8');

describe('a file that is added to', () => {
  it('has everything in order after flush and after close', async () => {
    const file = new AppendFile(path, { holdMs: 0 });
    file.append('a\n');
    file.append(Buffer.from('ü\n'));
    await file.flush();
    expect(content()).toBe('a\nü\n');
    for (let i = 0; i < 1000; i++) file.append(`${i}\n`);
    await file.close();
    expect(content()).toBe(`a\nü\n${Array.from({ length: 1000 }, (_, i) => `${i}\n`).join('')}`);
    expect(file.failure).toBeUndefined();
  });

  it('is written without being asked to', async () => {
    const file = new AppendFile(path, { holdMs: 1 });
    file.append('soon');
    await expect.poll(content, { interval: 1 }).toBe('soon');
    await file.close();
  });

  it('takes nothing once it is closed, and closes once', async () => {
    const file = new AppendFile(path);
    await file.close();
    file.append('late');
    await file.flush();
    await file.close();
    expect(content()).toBe('');
    expect(file.failure).toBeUndefined();
  });

  it('replaces what was there unless told not to', async () => {
    writeFileSync(path, 'old');
    expect(() => new AppendFile(path, { exclusive: true })).toThrow(/EEXIST/);
    expect(content()).toBe('old');
    await new AppendFile(path).close();
    expect(content()).toBe('');
  });
});

describe('a beginning', () => {
  it('takes the place of the old file only when it is whole, and what is added comes after it', async () => {
    writeFileSync(path, 'old\n');
    let goOn!: () => void;
    const gate = new Promise<void>((open) => {
      goOn = open;
    });
    async function* beginning() {
      yield 'kept 1\n';
      await gate;
      yield 'kept 2\n';
    }
    const file = new AppendFile(path, { beginning: beginning(), holdMs: 0 });
    file.append('new\n');
    expect(content()).toBe('old\n');
    goOn();
    await file.close();
    expect(content()).toBe('kept 1\nkept 2\nnew\n');
    expect(existsSync(`${path}.partial`)).toBe(false);
  });

  it('that cannot be had leaves the old file and is the failure', async () => {
    writeFileSync(path, 'old\n');
    // biome-ignore lint/correctness/useYield: it fails before it has anything to yield
    async function* beginning(): AsyncGenerator<string> {
      throw new Error('no beginning');
    }
    const file = new AppendFile(path, { beginning: beginning() });
    file.append('new\n');
    await file.close();
    expect(content()).toBe('old\n');
    expect(file.failure?.message).toBe(`${path} cannot be written: no beginning`);
  });
});

describeWhere(noFullDevice, 'a full disk', () => {
  it('is a failure that names the file, and ends the writing without an error thrown', async () => {
    const file = new AppendFile('/dev/full');
    file.append('lost');
    await file.flush();
    expect(file.failure).toBeInstanceOf(OrtuneError);
    expect(file.failure?.message).toMatch(/^\/dev\/full cannot be written: ENOSPC/);
    file.append('lost, too');
    await file.close();
  });
});
