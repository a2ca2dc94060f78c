#!/usr/bin/env node
// Says whether an addon for Linux runs on systems as old as ONNX Runtime's own library does, by the versions of the
// symbols that it asks of glibc and libstdc++: 2.28 and that of GCC 8 (Debian 10, RHEL 8, Ubuntu 20.04).
//   node scripts/pack/check-symbols.mjs FILE
// The release is built on such a system, and this refuses it otherwise. Needs readelf of binutils.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const newest = { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11', GCC: '7.0.0' };

const order = (a, b) => a.localeCompare(b, 'en', { numeric: true });

/** The newest version of each family that the file needs. */
export function neededVersions(file) {
  const { status, stdout, stderr, error } = spawnSync('readelf', ['--wide', '--version-info', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`readelf ${file} failed: ${error?.message ?? stderr}`);
  const needs = stdout.slice(stdout.indexOf('Version needs section'));
  const needed = {};
  for (const [, family, version] of needs.matchAll(/Name: (GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+)/g))
    if (!needed[family] || order(version, needed[family]) > 0) needed[family] = version;
  return needed;
}

/** @throws Error for a file that needs newer systems; where not `strict` it only says so */
export function checkSymbols(file, { strict = true } = {}) {
  const needed = neededVersions(file);
  const tooNew = Object.entries(needed).filter(([family, version]) => order(version, newest[family]) > 0);
  if (tooNew.length === 0) return needed;
  const list = tooNew.map(([family, version]) => `${family}_${version} (${newest[family]} at most)`).join(', ');
  const message = `${file} needs newer systems than ONNX Runtime does: ${list}; build it where the release workflow does`;
  if (strict) throw new Error(message);
  console.error(`${message}. It is not to be published.`);
  return needed;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(JSON.stringify(checkSymbols(process.argv[2])));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
