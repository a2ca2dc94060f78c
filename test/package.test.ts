// The manifest: what a consumer's package manager reads of it. The rest of an installation is tried by
// `npm run pack:check`, which needs the registry.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { packagedModels } from '#ortune/models/packaged.js';
import { platforms } from '#ortune/runtime/platform.js';

const read = (file: string): string => readFileSync(fileURLToPath(new URL(`../${file}`, import.meta.url)), 'utf8');
const manifest = JSON.parse(read('package.json'));
const lock = JSON.parse(read('package-lock.json'));

test('nothing that a consumer installs has an install script', () => {
  for (const name of ['preinstall', 'install', 'postinstall']) expect(manifest.scripts).not.toHaveProperty(name);
  const installed = Object.entries<{ dev?: boolean; peer?: boolean; hasInstallScript?: boolean }>(lock.packages);
  const withScripts = installed.filter(([at, one]) => at !== '' && one.hasInstallScript && !one.dev && !one.peer);
  expect(withScripts.map(([at]) => at)).toEqual([]);
});

test('what builds the addon is a development dependency, and what an application may bring is an optional peer', () => {
  for (const name of ['cmake-js', 'node-addon-api', 'node-api-headers']) {
    expect(manifest.dependencies).not.toHaveProperty(name);
    expect(manifest.devDependencies[name]).toMatch(/^\d/);
  }
  expect(Object.keys(manifest.peerDependencies)).toEqual(['@huggingface/transformers', 'onnxruntime-node']);
  for (const name of Object.keys(manifest.peerDependencies))
    expect(manifest.peerDependenciesMeta[name]).toEqual({ optional: true });
});

test('the sources of the addon are published, models are packages of their own', () => {
  expect(manifest.files).toEqual(expect.arrayContaining(['dist', 'native', 'CMakeLists.txt']));
  expect(manifest.files).toContain('scripts/build-native.mjs');
  expect(manifest.files).not.toContain('models');
  for (const name of packagedModels) expect(read(`models/${name}/config.json`)).toContain('{');
});

test('every platform is built by the release workflow', () => {
  const { jobs } = parse(read('.github/workflows/release.yml'));
  const built = jobs.addon.strategy.matrix.include as { platform: string }[];
  expect(built.map(({ platform }) => platform)).toEqual([...platforms]);
});
