#!/usr/bin/env node
// Publishes the tarballs of build/packages, ortune itself last, so that whoever installs it finds what it depends on.
//   NPM_TOKEN=… node scripts/pack/publish.mjs TAG [--dry-run]
// A version that is there already is passed over: a run that was broken off is started again, and the runtime's
// packages change with onnxruntime-node alone. The tag must be v and ortune's version.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { manifestOf } from './registry.mjs';

const folder = fileURLToPath(new URL('../../build/packages', import.meta.url));
const [tag, flag] = process.argv.slice(2);
const dry = flag === '--dry-run';

function npm(args, env = {}) {
  const result = spawnSync('npm', args, { encoding: 'utf8', env: { ...process.env, ...env } });
  return { ok: result.status === 0, text: `${result.stdout}${result.stderr}`.trim() };
}

const packages = readdirSync(folder)
  .filter((file) => file.endsWith('.tgz'))
  .map((file) => ({ file: path.join(folder, file), ...manifestOf(readFileSync(path.join(folder, file))) }))
  .sort((a, b) => Number(a.name === 'ortune') - Number(b.name === 'ortune'));
const main = packages.at(-1);
if (main?.name !== 'ortune') throw new Error(`there is no tarball of ortune in ${folder}; run npm run pack`);
if (tag !== `v${main.version}`) throw new Error(`the tag is ${tag}, and ortune's version is ${main.version}`);
const missing = Object.keys(main.optionalDependencies).filter((name) => !packages.some((one) => one.name === name));
if (missing.length > 0 && !dry) throw new Error(`there are no tarballs of ${missing.join(', ')}`);

// npm reads the token from its configuration alone: a setting named after the host it belongs to.
const host = npm(['config', 'get', 'registry']).text.replace(/^https?:/, '');
const token = { [`npm_config_${host}:_authToken`]: process.env.NPM_TOKEN };
for (const { file, name, version } of packages) {
  if (npm(['view', `${name}@${version}`, 'version']).text === version) {
    console.log(`${name}@${version} is there already`);
    continue;
  }
  const { ok, text } = npm(['publish', file, '--access', 'public', ...(dry ? ['--dry-run'] : [])], token);
  if (!ok) throw new Error(`${name}@${version} was not published:\n${text}`);
  console.log(`${name}@${version} ${dry ? 'would be' : 'is'} published`);
}
