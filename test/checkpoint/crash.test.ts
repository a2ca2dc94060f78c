import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { CheckpointWriter, listCheckpoints, loadCheckpoint } from '#ortune/checkpoint/store.js';
import { isWhole } from '#ortune/checkpoint/verify.js';
import { tensors } from './children/tensors.mjs';
import { sources, temporary } from './sources.js';

const child = (name: string): string => fileURLToPath(new URL(`./children/${name}.mjs`, import.meta.url));
const length = 200_000;

/** Starts writing.mjs, kills it so long after its first checkpoint, and gives the last count it printed. */
function killWhileWriting(directory: string, mode: string, afterMs: number): Promise<number> {
  const writing = spawn(process.execPath, [child('writing'), directory, `${length}`, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = 0;
  createInterface(writing.stdout).on('line', (line) => {
    if (last === 0) setTimeout(() => writing.kill('SIGKILL'), afterMs);
    last = Number(line);
  });
  return new Promise((resolve, reject) => {
    writing.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(last);
      else reject(new Error(`writing.mjs ended by itself with ${code}`));
    });
  });
}

describe('kill -9 while checkpoints are written', () => {
  test.each(['next', 'same'])('leaves the old or the new one whole, and a run that goes on (%s step)', async (mode) => {
    const directory = temporary();
    let before = 0;
    for (let i = 0; i < 5; i++) {
      const reported = await killWhileWriting(directory, mode, Math.random() * 60);
      expect(reported).toBeGreaterThan(before);
      const checkpoints = await listCheckpoints(directory);
      for (const { path } of checkpoints) expect(isWhole(path), path).toBe(true);
      const into = tensors(length);
      const { count } = (await loadCheckpoint(checkpoints.at(-1)!.path, into)) as { count: number };
      // The one that was under way may be there already.
      expect([reported, reported + 1]).toContain(count);
      for (const { data } of into) expect(data.every((value) => value === count)).toBe(true);
      before = count;
    }
  });
});

describe('when the disk takes no more', () => {
  const limited = (directory: string, kibibytes: number, ...sizes: number[]): (string | null)[] => {
    const script = `ulimit -f ${kibibytes}; exec "$@"`;
    const run = ['-c', script, 'bash', process.execPath, child('limited'), directory, ...sizes.map(String)];
    return JSON.parse(execFileSync('bash', run, { encoding: 'utf8' }));
  };

  test('the error names cause and last whole checkpoint, nothing is left over and the next one succeeds', async () => {
    const directory = join(temporary(), 'checkpoints');
    const messages = limited(directory, 64, 100, 100_000, 100);
    expect(messages).toEqual([
      null,
      `OrtuneError: checkpoint ${directory}/step-2 cannot be written: EFBIG: file too large, write. ` +
        `The last one that is whole is ${directory}/step-1`,
      null,
    ]);
    expect(readdirSync(directory).sort()).toEqual(['step-1', 'step-3']);
    for (const { path } of await listCheckpoints(directory)) expect(isWhole(path)).toBe(true);
  });

  test('and there is no checkpoint yet, the error says so', () => {
    const directory = join(temporary(), 'checkpoints');
    expect(limited(directory, 64, 100_000)[0]).toContain(
      'EFBIG: file too large, write. There is no earlier one that is whole',
    );
    expect(readdirSync(directory)).toEqual([]);
  });

  test('a checkpoint of the same step stays as it was', async () => {
    const directory = temporary();
    const writer = new CheckpointWriter(directory, sources());
    await (await writer.snapshot(1, {}, { limit: 1 })).written;
    await writer.close();
    expect(limited(directory, 64, 100_000)[0]).toContain(`The last one that is whole is ${directory}/step-1`);
    await loadCheckpoint(join(directory, 'step-1'), sources());
  });
});

describe('where something is not permitted', () => {
  const forbidden = (directory: string): string =>
    execFileSync(process.execPath, [child('forbidden'), directory], { encoding: 'utf8' });

  test('a directory that cannot be written to is an error', () => {
    const directory = temporary();
    chmodSync(directory, 0o555);
    expect(forbidden(directory)).toMatch(
      /^OrtuneError: checkpoint .*step-2 cannot be written: EACCES: permission denied/,
    );
  });

  test('an old checkpoint that cannot be removed is an error that says that the new one is written', () => {
    const directory = temporary();
    const old = join(directory, 'step-1');
    mkdirSync(old);
    writeFileSync(join(old, 'state.json'), '');
    chmodSync(old, 0o555);
    chmodSync(directory, 0o777);
    expect(forbidden(directory)).toMatch(
      /^OrtuneError: .*step-2 is written, but older checkpoints cannot be removed: EACCES: permission denied.*\. Remove them, or allow it$/,
    );
    expect(isWhole(join(directory, 'step-2'))).toBe(true);
    chmodSync(join(directory, '.step-1.removed'), 0o777);
  });
});
