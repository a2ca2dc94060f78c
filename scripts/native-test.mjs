// Builds and runs the kernels' tests (test/native), of the objects that the addon is made of.
//   node scripts/native-test.mjs [--sanitize] [--timings]
// --sanitize runs them under AddressSanitizer and UndefinedBehaviorSanitizer, from a build of their own: plain CMake
// and a compiler, no Node headers, no runtime; --timings prints the throughput of each kernel instead. The last line is
// `N passed, N failed`; exits 1 when a test or the build fails.

import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const known = ['--sanitize', '--timings'];
const flags = process.argv.slice(2);
const wrong = flags.find((flag) => !known.includes(flag));
if (wrong !== undefined) {
  console.error(`unknown argument '${wrong}': expected ${known.join(' or ')}`);
  process.exit(2);
}
const sanitize = flags.includes('--sanitize');
const target = flags.includes('--timings') ? 'ortune_kernel_timings' : 'ortune_native_tests';
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const build = join(root, 'build', sanitize ? 'sanitize' : '.');
const folder = sanitize ? build : join(build, 'test', 'native');

/** Runs a build step quietly; its output is shown when it fails. */
function step(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (error?.code === 'ENOENT') {
    console.error(`${command} is not installed. Debian, Ubuntu: sudo apt install cmake g++; macOS: brew install cmake`);
    process.exit(1);
  }
  if (status !== 0) {
    console.error(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
    console.error(`building the native tests failed: ${command} ${args.join(' ')}`);
    process.exit(1);
  }
}

if (sanitize)
  step('cmake', [
    ...['-S', join(root, 'test', 'native'), '-B', build],
    ...['-DCMAKE_BUILD_TYPE=None', '-DORTUNE_SANITIZE=ON'],
  ]);
else step(process.execPath, [join(root, 'scripts', 'build-native.mjs')]);
step('cmake', ['--build', build, '--target', target, '--parallel', String(availableParallelism())]);
const { status, signal } = spawnSync(join(folder, target), { stdio: 'inherit' });
if (signal) console.error(`${target} was ended by ${signal}`);
process.exit(status === 0 ? 0 : 1);
