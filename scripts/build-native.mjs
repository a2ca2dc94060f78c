#!/usr/bin/env node
// Builds the addon with cmake-js from the headers in node_modules, so nothing is downloaded.
//   node scripts/build-native.mjs [--force] [--verbose]
// In a clone `npm ci` runs it; where ortune is a dependency `ortune build-addon` does, with the packages that it needs
// taken from the application. Checks for these, cmake and a C++17 compiler first and names the command that installs
// what is missing. Prints nothing when it succeeds, and does nothing when the sources are those of the last build.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const addon = path.join(root, 'build', 'Release', 'ortune.node');
const stamp = path.join(root, 'build', 'Release', 'ortune.sources');
const verbose = process.argv.includes('--verbose');
const tools = ['cmake-js', 'node-addon-api', 'node-api-headers'];
// Where ortune is a dependency its development dependencies are the application's own.
const requires = [createRequire(import.meta.url), createRequire(path.join(process.cwd(), 'package.json'))];
const { toRun, toInstallForBuilding } = existsSync(path.join(root, 'src'))
  ? { toRun: () => 'npm run build:addon', toInstallForBuilding: () => 'npm ci' }
  : await import('../dist/package-manager.js');

const installCommands = {
  linux: [
    ['apt-get', 'sudo apt-get install -y cmake g++ make'],
    ['dnf', 'sudo dnf install -y cmake gcc-c++ make'],
    ['apk', 'sudo apk add cmake g++ make'],
    ['pacman', 'sudo pacman -S --needed cmake gcc make'],
    ['zypper', 'sudo zypper install -y cmake gcc-c++ make'],
  ],
  darwin: [['xcode-select', 'xcode-select --install && brew install cmake']],
  win32: [['winget', 'winget install Kitware.CMake Microsoft.VisualStudio.2022.BuildTools']],
};

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));
const runs = (command, args) => spawnSync(command, args, { encoding: 'utf8', windowsHide: true });
const found = (command) => runs(process.platform === 'win32' ? 'where' : 'which', [command]).status === 0;

function fail(problem) {
  const choices = installCommands[process.platform] ?? installCommands.linux;
  const [, command] = choices.find(([manager]) => found(manager)) ?? choices[0];
  stop(`${problem}\nIt is needed to build ortune's native addon. Install the tools with`, command);
}

function stop(problem, command) {
  console.error(`ortune: ${problem}\n\n    ${command}\n\nand then run\n\n    ${toRun('build-addon')}\n`);
  process.exit(1);
}

/** The folder of a package that building needs. */
function folderOf(name) {
  for (const require of requires)
    try {
      return path.dirname(require.resolve(`${name}/package.json`));
    } catch {}
  return undefined;
}

function checkPackages() {
  if (tools.every((name) => folderOf(name) !== undefined)) return;
  const { devDependencies } = readJson(path.join(root, 'package.json'));
  const missing = tools.map((name) => `${name}@${devDependencies[name]}`);
  stop(
    'building the native addon needs packages that are not installed. Install them with',
    toInstallForBuilding(...missing),
  );
}

function checkCmake() {
  const result = runs('cmake', ['--version']);
  if (result.error || result.status !== 0) fail('cmake was not found (3.18 or later is needed).');
  const [, major, minor] = /version (\d+)\.(\d+)/.exec(result.stdout) ?? [];
  if (Number(major) * 1000 + Number(minor) < 3018)
    fail(`cmake ${major}.${minor} was found, but 3.18 or later is needed.`);
}

// Visual Studio's compiler is not on the path; there cmake finds it or says so itself.
function checkCompiler() {
  if (process.platform === 'win32') return;
  const compilers = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  const compiler = compilers.find((name) => found(name));
  if (!compiler) fail(`no C++ compiler was found (looked for ${compilers.join(', ')}).`);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ortune-compiler-'));
  const source = path.join(folder, 'probe.cc');
  writeFileSync(source, '#include <optional>\nint main() { std::optional<int> x = 0; return *x; }\n');
  const result = runs(compiler, ['-std=c++17', '-fsyntax-only', source]);
  rmSync(folder, { recursive: true });
  if (result.status !== 0) fail(`${compiler} does not compile C++17:\n${result.stderr ?? result.error}`);
  if (!found('make') && !found('ninja')) fail('neither make nor ninja was found.');
}

/** Hash of everything the addon is made of. */
function sourcesHash() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  const folder = path.join(root, 'native');
  const files = readdirSync(folder, { recursive: true }).map((name) => path.join('native', name));
  for (const file of ['CMakeLists.txt', ...files.filter((name) => /\.(cc|h|cmake)$/.test(name)).sort()])
    hash.update(file).update(readFileSync(path.join(root, file)));
  for (const name of ['node-addon-api', 'node-api-headers', 'cmake-js'])
    hash.update(readJson(path.join(folderOf(name), 'package.json')).version);
  return hash.digest('hex');
}

function build() {
  const cmakeJs = path.join(folderOf('cmake-js'), 'bin', 'cmake-js');
  const args = [cmakeJs, 'compile', '--directory', root, '--out', path.join(root, 'build'), '--config', 'Release'];
  args.push('--parallel', String(os.availableParallelism()), '--log-level', verbose ? 'info' : 'error');
  // cmake-js asks for the headers from ortune's folder, which may not see what the application sees.
  const env = { ...process.env, NODE_PATH: path.dirname(folderOf('node-addon-api')) };
  const result = spawnSync(process.execPath, args, { cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (verbose || result.status !== 0) process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  if (result.status !== 0) {
    console.error('ortune: building the native addon failed; the compiler said what is above.');
    process.exit(1);
  }
}

checkPackages();
const hash = sourcesHash();
const upToDate = existsSync(addon) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
if (!upToDate || process.argv.includes('--force')) {
  checkCmake();
  checkCompiler();
  build();
  writeFileSync(stamp, hash);
}
