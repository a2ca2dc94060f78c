import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeWhere } from '../support/describe-where.js';

const script = fileURLToPath(new URL('../../scripts/build-native.mjs', import.meta.url));

const noShell = process.platform === 'win32' ? 'programs are stood in for by shell scripts' : undefined;

/** Runs the install script where only `folder` is searched for programs. */
function install(folder: string | undefined, args: string[] = []) {
  const env = folder === undefined ? process.env : { PATH: folder };
  return spawnSync(process.execPath, [script, ...args], { env, encoding: 'utf8' });
}

test('a second build does nothing and says nothing', () => {
  expect(install(undefined)).toMatchObject({ status: 0, stdout: '', stderr: '' });
}, 300_000); // Where the sources have changed since, it is the first one.

describeWhere(noShell, 'a missing tool is named with the command that installs it:', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'ortune-path-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const program = (name: string, body: string): void => {
    writeFileSync(path.join(folder, name), `#!/bin/sh\n${body}\n`);
    chmodSync(path.join(folder, name), 0o755);
  };
  // `which` as the script asks it, over this folder alone.
  const which = (): void => program('which', `[ -x "${folder}/$1" ]`);
  const message = (): string => {
    const { status, stderr } = install(folder, ['--force']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/sudo|brew/);
    expect(stderr).toContain('npm run build:addon');
    return stderr;
  };

  test('cmake', () => {
    which();
    expect(message()).toContain('cmake was not found (3.18 or later is needed)');
  });

  test('a recent cmake', () => {
    which();
    program('cmake', 'echo cmake version 3.10.2');
    expect(message()).toContain('cmake 3.10 was found, but 3.18 or later is needed');
  });

  test('a compiler', () => {
    which();
    program('cmake', 'echo cmake version 3.25.1');
    expect(message()).toContain('no C++ compiler was found (looked for c++, g++, clang++)');
  });

  test('a compiler of this century', () => {
    which();
    program('cmake', 'echo cmake version 3.25.1');
    program('c++', 'echo unknown option -std=c++17 >&2; exit 1');
    expect(message()).toMatch(/c\+\+ does not compile C\+\+17:\s+unknown option/);
  });

  test('make', () => {
    which();
    program('cmake', 'echo cmake version 3.25.1');
    program('c++', 'exit 0');
    program('dnf', 'exit 0');
    const text = message();
    expect(text).toContain('neither make nor ninja was found');
    expect(text).toContain('sudo dnf install -y cmake gcc-c++ make');
  });
});
