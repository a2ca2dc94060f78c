// Two runs in one output directory, started 0 to 5 s apart, time after time: one runs, the other is refused by the name
// of the owner; then the owner is killed (SIGKILL), and the next must start at once.
//   node bench/one-place.mjs [TIMES]
// Plain starts, --overwrite and --resume take turns. Prints a line for each, and exits with 1 where one went otherwise.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const times = Number(process.argv[2] ?? 30);
const root = join(import.meta.dirname, '..');
const work = mkdtempSync(join(tmpdir(), 'ortune-one-place-'));
const data = join(work, 'train.jsonl');
const texts = Array.from({ length: 64 }, (_, i) => ({
  text: `word${i % 7} and word${i % 5}`,
  label: i % 2 ? 'a' : 'b',
}));
writeFileSync(data, texts.map((text) => JSON.stringify(text)).join('\n'));

/** A run that lasts until it is killed, or as many steps as it says. */
function start(output, ...more) {
  const args = ['train', '--model', join(root, 'models/tiny-en'), '--train', data, '--output', output];
  const steps = more.includes('--max-steps') ? [] : ['--max-steps', '100000'];
  const rest = ['--batch-size', '2', '--threads', '1', '--save-steps', '5', ...steps, ...more];
  const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args, ...rest], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const run = { pid: child.pid, child, text: '', ended: once(child, 'exit').then(([code]) => code) };
  child.stderr.on('data', (chunk) => {
    run.text += chunk;
  });
  return run;
}

/** Resolves when the run says such a thing, or has ended. */
async function says(run, what) {
  while (!what.test(run.text) && run.child.exitCode === null)
    await Promise.race([once(run.child.stderr, 'data'), run.ended]);
  return what.test(run.text);
}

let failures = 0;
for (let i = 0; i < times; i++) {
  const output = join(work, `run${i}`);
  const apart = times > 1 ? (5000 * i) / (times - 1) : 0;
  const mode = [[], ['--overwrite'], ['--resume']][i % 3];
  const first = start(output);
  await new Promise((later) => setTimeout(later, apart));
  // One that is to resume and comes first, before there is a checkpoint, is refused for that.
  const second = start(output, ...(apart === 0 ? [] : mode));
  const code = await Promise.race([first.ended, second.ended]);
  const [loser, owner] = first.child.exitCode === null ? [second, first] : [first, second];
  const named = loser.text.includes(`is in use by process ${owner.pid} on `) || /holds no checkpoint/.test(loser.text);
  const running = await says(owner, /checkpoint /);
  owner.child.kill('SIGKILL');
  await owner.ended;
  const next = start(output, '--overwrite', '--max-steps', '1');
  const nextCode = await next.ended;
  const left = existsSync(join(output, '.lock'));
  const well = code === 2 && named && running && nextCode === 0 && !left;
  if (!well) failures++;
  console.log(
    `${i + 1}/${times}: ${(apart / 1000).toFixed(1)} s apart ${mode}: the other ended with ${code}, ` +
      `${named ? 'was told why' : `said ${JSON.stringify(loser.text)}`}; after SIGKILL the next ended with ${nextCode}` +
      `${nextCode === 0 ? '' : ` (${next.text.trim()})`}${left ? ', and the lock is left' : ''}`,
  );
}
rmSync(work, { recursive: true, force: true });
console.log(failures === 0 ? `all ${times} as they should be` : `${failures} of ${times} went otherwise`);
process.exitCode = failures === 0 ? 0 : 1;
