// Fuzzes the native code with libFuzzer under AddressSanitizer and UndefinedBehaviorSanitizer (test/native/fuzz).
//   node scripts/native-fuzz.mjs [--seconds N] [--seed N] [TARGET...]
// Each target runs N seconds (60) from its seeds, with what earlier runs found in build/fuzz/corpus. Exits 1 when a
// target fails: its input is kept in build/fuzz/failures, and `build/fuzz/TARGET FILE` repeats it.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'test', 'native', 'fuzz');
const build = join(root, 'build', 'fuzz');
const pictures = join(root, 'test', 'fixtures', 'pictures', 'files');
const all = ['jpeg_fuzz', 'pictures_fuzz', 'operators_fuzz'];

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '0' } },
  allowPositionals: true,
});
const wrong = positionals.find((name) => !all.includes(name));
if (wrong !== undefined || !/^\d+$/.test(values.seconds) || !/^\d+$/.test(values.seed)) {
  console.error(
    `expected --seconds N, --seed N and targets of ${all.join(', ')}; found ${process.argv.slice(2).join(' ')}`,
  );
  process.exit(2);
}
const targets = positionals.length > 0 ? positionals : all;

const compiler = ['clang++', ...[20, 19, 18, 17, 16, 15, 14].map((version) => `clang++-${version}`)].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);
if (!compiler) fail('clang++ is not installed, and libFuzzer is part of it.');
const probe = spawnSync(compiler, ['-fsanitize=fuzzer,address', '-x', 'c++', '-', '-o', '/dev/null'], {
  input:
    '#include <cstdint>\n#include <cstddef>\nextern "C" int LLVMFuzzerTestOneInput(const uint8_t*, size_t) { return 0; }',
});
if (probe.status !== 0) fail(`${compiler} has no libFuzzer or sanitizers: ${String(probe.stderr).trim()}`);

function fail(what) {
  console.error(`${what} Debian, Ubuntu: sudo apt install cmake clang and libclang-rt-N-dev of its version`);
  process.exit(1);
}

/** Runs a build step quietly; its output is shown when it fails. */
function step(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  console.error(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
  console.error(`building the fuzz targets failed: ${command} ${args.join(' ')}`);
  process.exit(1);
}

step('cmake', ['-S', source, '-B', build, `-DCMAKE_CXX_COMPILER=${compiler}`, '-DCMAKE_BUILD_TYPE=None']);
step('cmake', ['--build', build, '--parallel', String(availableParallelism()), '--target', ...targets]);

const library = join(root, 'node_modules/@julusian/jpeg-turbo/prebuilds', `jpeg-turbo-linux-${process.arch}`);
const env = {
  ...process.env,
  ORTUNE_JPEG_LIBRARY: join(library, 'libturbojpeg.so.0'),
  ORTUNE_JPEG_GOOD: join(pictures, 'jpeg.jpg'),
  UBSAN_OPTIONS: 'print_stacktrace=1',
};
let failed = 0;
for (const target of targets) {
  const [corpus, failures] = [join(build, 'corpus', target), join(build, 'failures', target)];
  for (const folder of [corpus, failures]) mkdirSync(folder, { recursive: true });
  const seeds = target === 'jpeg_fuzz' ? pictures : join(source, 'seeds', target);
  console.log(`${target}: ${values.seconds} s`);
  const { status } = spawnSync(
    join(build, target),
    [
      ...[`-max_total_time=${values.seconds}`, `-seed=${values.seed}`, `-artifact_prefix=${failures}/`],
      ...['-timeout=20', '-rss_limit_mb=2048', '-max_len=4096', '-print_final_stats=1', '-verbosity=0'],
      ...[corpus, ...(existsSync(seeds) ? [seeds] : [])],
    ],
    { stdio: 'inherit', env },
  );
  if (status !== 0) failed++;
}
console.log(
  failed === 0 ? 'no failures' : `${failed} of ${targets.length} targets failed: see ${join(build, 'failures')}`,
);
process.exit(failed === 0 ? 0 : 1);
