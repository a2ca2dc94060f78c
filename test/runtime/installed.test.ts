// What an installation has, and what it is told where something is missing: ortune's built code as a package among
// others in an empty folder, started in a process of its own.

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { describeWhere } from '../support/describe-where.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const platform = `${process.platform}-${process.arch}`;
const addonPackage = `@ortune/addon-${platform}`;
const runtimePackage = `@ortune/runtime-${platform}`;
const binaries = path.join('bin/napi-v6', process.platform, process.arch);
const stock = path.join(root, 'node_modules/onnxruntime-node');

let folder: string;
let ortune: string;
const modules = (...names: string[]): string => path.join(folder, 'node_modules', ...names);
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ortune-installed-'));
  ortune = modules('ortune');
  const code = (file: string): boolean => !/\.(d\.ts|map|tsbuildinfo)$/.test(file);
  cpSync(path.join(root, 'dist'), path.join(ortune, 'dist'), { recursive: true, filter: code });
  cpSync(path.join(root, 'package.json'), path.join(ortune, 'package.json'));
  const { dependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    dependencies: object;
  };
  const names = [...Object.keys(dependencies), 'onnxruntime-common'];
  for (const name of new Set(names.map((name) => name.split('/')[0]!)))
    symlinkSync(path.join(root, 'node_modules', name), modules(name));
});
afterEach(() => {
  for (const name of ['@ortune', 'onnxruntime-node', 'other']) rmSync(modules(name), { recursive: true, force: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A package of these files, linked where they can be. */
function put(name: string, version: string, files: Record<string, string> = {}): void {
  mkdirSync(modules(name), { recursive: true });
  writeFileSync(
    modules(name, 'package.json'),
    JSON.stringify({ name: name.split('node_modules/').at(-1), version, main: 'dist/index.js' }),
  );
  for (const [to, from] of Object.entries(files)) {
    const target = modules(name, to);
    mkdirSync(path.dirname(target), { recursive: true });
    try {
      linkSync(from, target);
    } catch {
      cpSync(from, target);
    }
  }
}
const putAddon = (): void =>
  put(addonPackage, '0.1.0', { 'ortune.node': path.join(root, 'build/Release/ortune.node') });
const putRuntime = (name: string, version: string): void => {
  const inFolder = (at: string): string[] => readdirSync(path.join(stock, at)).map((file) => path.join(at, file));
  const files = [...inFolder('dist'), ...inFolder(binaries)].map((file) => [file, path.join(stock, file)]);
  put(name, version, Object.fromEntries(files));
};

/** What a module says in the folder, with `library`, `native` and the other modules of dist/runtime by name. */
function answer(code: string, { agent = '' }: { agent?: string } = {}): string {
  const program = `
    import { createRequire } from 'node:module';
    const require = createRequire(${JSON.stringify(path.join(folder, 'x.js'))});
    const module = (name) => import(${JSON.stringify(`${path.join(ortune, 'dist')}/`)} + name + '.js');
    try { ${code} } catch (error) { console.log(error.name + ': ' + error.message); }`;
  const env = { ...process.env, npm_config_user_agent: agent };
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  return (stdout + stderr).trim();
}
const library = "console.log((await module('runtime/library')).runtimeLibrary());";
const addon = "(await module('runtime/native')).addon(); console.log('loaded');";
const open = "await (await module('runtime/devices')).openDevice('cpu'); console.log('opened');";

describe('the addon', () => {
  test('comes from the package of the platform', () => {
    putAddon();
    expect(answer(addon)).toBe('loaded');
  });

  test.each([
    ['', 'npm install', 'npx ortune build-addon'],
    ['pnpm/10.1.0 npm/? node/v22.0.0', 'pnpm add', 'pnpm exec ortune build-addon'],
    ['yarn/4.1.0 npm/? node/v22.0.0', 'yarn add', 'yarn ortune build-addon'],
    ['bun/1.2.0 npm/? node/v22.0.0', 'bun add', 'bunx ortune build-addon'],
  ])('where it is missing, the words are those of %j', (agent, add, build) => {
    const said = answer(addon, { agent });
    expect(said).toContain(`OrtuneError: the native addon for ${platform} is not installed`);
    expect(said).toContain(`'${add} ${addonPackage}'`);
    expect(said).toContain(`'${build}'`);
  });

  test('knows the package manager by its lock file', () => {
    writeFileSync(path.join(folder, 'pnpm-lock.yaml'), '');
    expect(answer(addon)).toContain(`'pnpm add ${addonPackage}'`);
    rmSync(path.join(folder, 'pnpm-lock.yaml'));
  });

  test('which this system cannot load says so, and how to build one', () => {
    put(addonPackage, '0.1.0');
    writeFileSync(modules(addonPackage, 'ortune.node'), 'not a library');
    expect(answer(addon)).toMatch(/ortune\.node cannot be loaded: .* run 'npx ortune build-addon'/);
  });
});

test('a system whose C library is musl is told so, with an image that does', () => {
  const nearer = path.join(ortune, 'node_modules/detect-libc');
  mkdirSync(nearer, { recursive: true });
  writeFileSync(path.join(nearer, 'package.json'), JSON.stringify({ name: 'detect-libc', main: 'index.js' }));
  writeFileSync(path.join(nearer, 'index.js'), 'exports.isNonGlibcLinuxSync = () => true;');
  const said = /^OrtuneError: ortune cannot run here: this system's C library is musl .* such as node:22-slim/;
  expect(answer(addon)).toMatch(said);
  expect(answer(library)).toMatch(said);
  rmSync(path.join(ortune, 'node_modules'), { recursive: true });
});

test('building where its packages are missing names them in the words of the package manager', () => {
  mkdirSync(path.join(ortune, 'scripts'), { recursive: true });
  cpSync(path.join(root, 'scripts/build-native.mjs'), path.join(ortune, 'scripts/build-native.mjs'));
  const { status, stderr } = spawnSync(process.execPath, [path.join(ortune, 'scripts/build-native.mjs')], {
    cwd: folder,
    env: { ...process.env, npm_config_user_agent: 'pnpm/10.1.0' },
    encoding: 'utf8',
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/pnpm add --save-dev cmake-js@[\d.]+ node-addon-api@[\d.]+ node-api-headers@[\d.]+\n/);
  expect(stderr).toContain('and then run\n\n    pnpm exec ortune build-addon');
});

describe('the runtime', () => {
  test("is the application's copy before ortune's own", () => {
    putRuntime(runtimePackage, '1.30.0');
    expect(answer(library)).toContain(modules(runtimePackage));
    putRuntime('onnxruntime-node', '1.30.0');
    expect(answer(library)).toContain(modules('onnxruntime-node'));
  });

  test("is ortune's own where the application's is too old", () => {
    putRuntime('onnxruntime-node', '1.23.2');
    expect(answer(library)).toMatch(
      /^OrtuneError: onnxruntime-node 1\.23\.2 \(.*\) does not do: ortune needs 1\.24 or later, below 2; install it with/,
    );
    putRuntime(runtimePackage, '1.30.0');
    expect(answer(library)).toContain(modules(runtimePackage));
  });

  test('that is missing, or not for this platform, is named with the command', () => {
    expect(answer(library)).toBe(
      `OrtuneError: ONNX Runtime is not installed; install it with 'npm install ${runtimePackage}', ` +
        "or the package for all platforms with 'npm install onnxruntime-node'",
    );
    put('onnxruntime-node', '1.30.0');
    expect(answer(library)).toContain(`onnxruntime-node has no library for ${platform} (looked in ${modules()}`);
  });
});

const linux = process.platform === 'linux' ? undefined : 'only on Linux two versions have symbols of one name';
describeWhere(linux, 'an application with a copy of its own', () => {
  beforeEach(() => {
    putAddon();
    putRuntime(runtimePackage, '1.30.0');
    // Where ortune does not look for it: below a package of the application's.
    putRuntime('other/node_modules/onnxruntime-node', '1.30.0');
  });
  const theirs = "require('other/node_modules/onnxruntime-node');";

  test('that came first shares it with ortune', () => {
    put(runtimePackage, '1.29.0');
    const said = answer(`${theirs} ${open} console.log((await module('runtime/library')).runtimeLibrary());`);
    expect(said).toBe(`opened\n${modules('other/node_modules/onnxruntime-node', binaries, 'libonnxruntime.so.1')}`);
  });

  test('that came first and is too old: both are named, with the way out', () => {
    put('other/node_modules/onnxruntime-node', '1.21.0');
    const said = answer(`${theirs} ${open}`);
    expect(said).toContain(`OrtuneError: this process has loaded ONNX Runtime 1.21.0 (${modules('other')}`);
    expect(said).toContain(`it would use ONNX Runtime 1.30.0 (${modules(runtimePackage)}`);
    expect(said).toContain('One process can hold one version');
  });

  test('that comes second and does not fit: both are named, with the way out', () => {
    put('other/node_modules/onnxruntime-node', '1.21.0');
    const binding = modules('other/node_modules/onnxruntime-node', binaries, 'onnxruntime_binding.node');
    rmSync(binding);
    writeFileSync(binding, 'of another version');
    const said = answer(`${open} ${theirs}`);
    expect(said).toContain(`OrtuneError: ONNX Runtime 1.21.0 (${modules('other')}`);
    expect(said).toContain(`cannot be loaded: ortune has loaded ONNX Runtime 1.30.0 (${modules(runtimePackage)}`);
    expect(said).toContain('One process can hold one version');
  });
});

test('a packaged model is found by its name, and its package named where it is missing', () => {
  const resolve = "console.log(await (await module('models/hub')).resolveModel('tiny-en'));";
  expect(answer(resolve, { agent: 'bun/1.2.0' })).toBe(
    'ModelError: the model tiny-en is in the package @ortune/model-tiny-en, which is not installed; ' +
      "install it with 'bun add @ortune/model-tiny-en'",
  );
  put('@ortune/model-tiny-en', '0.1.0');
  expect(answer(resolve)).toBe(modules('@ortune/model-tiny-en'));
});
