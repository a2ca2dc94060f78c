#!/usr/bin/env node
// Makes the packages that are published, as tarballs in build/packages:
//   node scripts/pack/pack.mjs [--addons FOLDER] [--all]
// ortune without a native file and without install scripts; @ortune/addon-PLATFORM with the addon and libjpeg-turbo;
// @ortune/runtime-PLATFORM with the files of onnxruntime-node for one platform; @ortune/model-NAME. The addon of this
// machine comes from build/Release, those of others from FOLDER/PLATFORM/ortune.node, as the release workflow gathers
// them. --all fails where an addon is missing; without it that of this machine is enough. The optional dependencies are
// written into the published manifest alone, since npm ci cannot install what is not published.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { packagedModels } from '../../dist/models/packaged.js';
import { platformName, platforms } from '../../dist/runtime/platform.js';
import { checkSymbols } from './check-symbols.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = path.join(root, 'build/packages');
const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));
const manifest = readJson(path.join(root, 'package.json'));
const runtime = path.join(root, 'node_modules/onnxruntime-node');
const jpeg = path.join(root, 'node_modules/@julusian/jpeg-turbo');
const { version: runtimeVersion, dependencies: runtimeDependencies } = readJson(path.join(runtime, 'package.json'));

/** A folder of a package, with its manifest; `fill` puts the files in. Returns its tarball. */
function pack(name, { version = manifest.version, license = manifest.license, ...fields }, fill) {
  const folder = path.join(out, 'staged', name);
  mkdirSync(folder, { recursive: true });
  const copy = (from, to = path.basename(from)) => cpSync(from, path.join(folder, to), { recursive: true });
  const write = (file, text) => writeFileSync(path.join(folder, file), text);
  fill({ copy, write });
  if (!existsSync(path.join(folder, 'LICENSE'))) copy(path.join(root, 'LICENSE'));
  const { repository } = manifest;
  const publishConfig = { access: 'public' };
  write(
    'package.json',
    `${JSON.stringify({ name, version, license, repository, ...fields, publishConfig }, null, 2)}\n`,
  );
  const args = ['pack', folder, '--pack-destination', out, '--ignore-scripts', '--json'];
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status, stdout, stderr } = spawnSync(npm, args, { encoding: 'utf8', shell: npm.endsWith('.cmd') });
  if (status !== 0) throw new Error(`npm pack ${name} failed:\n${stderr}`);
  const [{ filename }] = [JSON.parse(stdout)].flat();
  const size = statSync(path.join(out, filename)).size;
  console.log(`${(size / 1e6).toFixed(2).padStart(7)} MB  ${filename}`);
  return path.join(out, filename);
}

const only = (platform) => {
  const [os, cpu] = platform.split('-');
  return { os: [os], cpu: [cpu], ...(os === 'linux' && { libc: ['glibc'] }), preferUnplugged: true };
};

function packAddon(platform, file) {
  const [os] = platform.split('-');
  if (os === 'linux') checkSymbols(file, { strict: all });
  const library = { linux: 'libturbojpeg.so.0', darwin: 'node-napi-v7.node' }[os];
  const description = `The native addon of ortune for ${platform}`;
  pack(`@ortune/addon-${platform}`, { description, ...only(platform), main: 'ortune.node' }, ({ copy, write }) => {
    copy(file, 'ortune.node');
    if (library) copy(path.join(jpeg, 'prebuilds', `jpeg-turbo-${platform}`, library));
    write('README.md', addonReadme(platform, library));
  });
}

const addonReadme = (platform, library) => `# @ortune/addon-${platform}

${`The native addon of [ortune](https://www.npmjs.com/package/ortune) for ${platform}; ortune brings it by itself.`}
${library ? `\n\`${library}\` is libjpeg-turbo (IJG and BSD-3-Clause licences), as @julusian/jpeg-turbo (Apache-2.0) builds it.\n` : ''}`;

function packRuntime(platform) {
  const binaries = path.join('bin/napi-v6', ...platform.split('-'));
  const name = `@ortune/runtime-${platform}`;
  const fields = {
    description: `onnxruntime-node ${runtimeVersion} for ${platform} alone, without an install script`,
    version: runtimeVersion,
    license: 'MIT',
    ...only(platform),
    main: 'dist/index.js',
    types: 'dist/index.d.ts',
    dependencies: { 'onnxruntime-common': runtimeDependencies['onnxruntime-common'] },
  };
  pack(name, fields, ({ copy, write }) => {
    copy(path.join(runtime, 'dist'), 'dist');
    copy(path.join(runtime, binaries), binaries);
    write('LICENSE', mit);
    write('README.md', `# ${name}\n\nThe files of onnxruntime-node ${runtimeVersion} for ${platform}, unchanged.\n`);
  });
}

const mit = `MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
`;

function packModel(name) {
  const description = `The model ${name} of ortune`;
  // Native code opens its files, which archives of Plug'n'Play hide from it.
  pack(`@ortune/model-${name}`, { description, preferUnplugged: true }, ({ copy }) => {
    const folder = path.join(root, 'models', name);
    for (const file of ['README.md', 'onnx', 'config.json', 'preprocessor_config.json', 'tokenizer.json'])
      if (existsSync(path.join(folder, file))) copy(path.join(folder, file));
    for (const file of ['tokenizer_config.json', 'provenance.json'])
      if (existsSync(path.join(folder, file))) copy(path.join(folder, file));
  });
}

/** ortune itself: what `npm pack` takes of the repository, with the packages of the platforms. */
function packMain() {
  // Scripts and overrides are of use in a clone alone; the development dependencies say what building needs.
  const { scripts: _, allowScripts: __, overrides: ___, publishConfig: ____, name, ...fields } = manifest;
  const optionalDependencies = Object.fromEntries([
    ...platforms.map((platform) => [`@ortune/addon-${platform}`, manifest.version]),
    ...platforms.map((platform) => [`@ortune/runtime-${platform}`, runtimeVersion]),
  ]);
  return pack(name, { ...fields, optionalDependencies, preferUnplugged: true }, ({ copy }) => {
    for (const file of manifest.files) if (!file.startsWith('!')) copy(path.join(root, file), file);
  });
}

const all = process.argv.includes('--all');
const addons = process.argv.includes('--addons') ? process.argv[process.argv.indexOf('--addons') + 1] : undefined;
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const platform of platforms) {
  const gathered = addons && path.join(addons, platform, 'ortune.node');
  const built = platform === platformName() && path.join(root, 'build/Release/ortune.node');
  const file = [gathered, built].find((candidate) => candidate && existsSync(candidate));
  if (file) packAddon(platform, file);
  else if (all) throw new Error(`there is no addon for ${platform} in ${addons}`);
  if (file) packRuntime(platform);
}
for (const name of packagedModels) packModel(name);
packMain();
rmSync(path.join(out, 'staged'), { recursive: true });
