// The package as it lies in a program's node_modules: a copy of what is built, no link, since links lead Node and
// bundlers out of node_modules; what it depends on, and the tools that the programs name, are links.

import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryDirectory } from './temporary.js';

const root = join(import.meta.dirname, '../..');

/** Copies of the folders of test/consumers, in a directory whose node_modules holds ortune and `tools`. */
export function installPrograms(tools: readonly string[]): string {
  const directory = temporaryDirectory('programs');
  cpSync(join(root, 'test/consumers'), directory, { recursive: true });
  const modules = join(directory, 'node_modules');
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of [...Object.keys(dependencies), ...tools]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  for (const part of ['package.json', 'dist', 'build/Release']) {
    if (existsSync(join(root, part))) cpSync(join(root, part), join(modules, 'ortune', part), { recursive: true });
  }
  return directory;
}

export interface Printed {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs Node in `cwd`. */
export function runNode(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Printed> {
  // What the test runner sets is not the program's.
  const { VITEST, VITEST_MODE, VITEST_POOL_ID, VITEST_WORKER_ID, NODE_ENV, TEST, ...own } = process.env;
  const child = spawn(process.execPath, args, { cwd, env: { ...own, NO_COLOR: '1', ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((done) => child.on('close', (code) => done({ code, stdout, stderr })));
}
