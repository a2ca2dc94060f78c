#!/usr/bin/env node
// npm's install step: builds the addon with cmake-js from the headers in node_modules, so nothing is downloaded.
//   node scripts/build-native.mjs [--force] [--verbose]
// Checks for cmake and a C++17 compiler first and names the command that installs what is missing. Prints nothing
// when it succeeds, and does nothing when the sources are those of the last build.

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
const require = createRequire(import.meta.url);

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

const runs = (command, args) => spawnSync(command, args, { encoding: 'utf8', windowsHide: true });
const found = (command) => runs(process.platform === 'win32' ? 'where' : 'which', [command]).status === 0;

function fail(problem) {
  const choices = installCommands[process.platform] ?? installCommands.linux;
  const [, command] = choices.find(([manager]) => found(manager)) ?? choices[0];
  console.error(`ortune: ${problem}\nortune builds a native addon when it is installed. Install the tools with\n`);
  console.error(`    ${command}\n\nand then run\n\n    npm rebuild ortune    (or, in a clone of ortune: npm ci)\n`);
  process.exit(1);
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
    hash.update(require(`${name}/package.json`).version);
  return hash.digest('hex');
}

function build() {
  const cmakeJs = path.join(path.dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
  const args = [cmakeJs, 'compile', '--directory', root, '--out', path.join(root, 'build'), '--config', 'Release'];
  args.push('--parallel', String(os.availableParallelism()), '--log-level', verbose ? 'info' : 'error');
  const result = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (verbose || result.status !== 0) process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  if (result.status !== 0) {
    console.error('ortune: building the native addon failed; the compiler said what is above.');
    process.exit(1);
  }
}

const hash = sourcesHash();
const upToDate = existsSync(addon) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
if (!upToDate || process.argv.includes('--force')) {
  checkCmake();
  checkCompiler();
  build();
  writeFileSync(stamp, hash);
}
