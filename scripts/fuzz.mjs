// npm run fuzz -- [--seconds 60] [--count N] [--seed 0] [--only NAME,NAME] [--from N] [--jobs 2] [--keep runs/fuzz]
//   [--show]
// Gives ortune damaged and hostile files of every kind it reads: models, data of each format, tokenizers,
// configurations, packed files, checkpoints. Each case must end with a result or with a refusal that is one of ortune's
// errors, within 20 seconds of CPU time and 2 GB. What ends otherwise is kept in a folder of its own with what was
// seen. A case follows from the seed, the kind of file and its number alone: --only NAME --from N --count 1 repeats it.
// --show: how each ended.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Host } from './fuzz/host.mjs';
import { keep } from './fuzz/keep.mjs';
import { prepare } from './fuzz/seeds.mjs';
import { makeCase, targets } from './fuzz/targets.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    count: { type: 'string' },
    seed: { type: 'string', default: '0' },
    only: { type: 'string' },
    from: { type: 'string', default: '0' },
    jobs: { type: 'string', default: '2' },
    keep: { type: 'string', default: 'runs/fuzz' },
    show: { type: 'boolean', default: false },
  },
});
const number = (name) => {
  const value = Number(values[name]);
  if (Number.isFinite(value) && value >= 0) return value;
  console.error(`--${name} takes a number, found '${values[name]}'`);
  process.exit(2);
};
const [seconds, seed, from, jobs] = ['seconds', 'seed', 'from', 'jobs'].map(number);
const count = values.count === undefined ? Number.POSITIVE_INFINITY : number('count');
const names = values.only?.split(',') ?? Object.keys(targets);
const unknown = names.find((name) => !(name in targets));
if (unknown !== undefined) {
  console.error(`--only knows ${Object.keys(targets).join(', ')}; found '${unknown}'`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'ortune-fuzz-'));
const kept = resolve(values.keep);
const tally = Object.fromEntries(names.map((name) => [name, { accepted: 0, refused: 0, failed: 0 }]));
const started = performance.now();
let next = 0;
let stopped = false;
process.once('SIGINT', () => {
  stopped = true;
});

/** One case after the other until time or number is used up; the kinds take turns. */
async function work(job, seeds) {
  const host = new Host();
  while (!stopped && performance.now() - started < seconds * 1000) {
    const i = next++;
    if (i >= count * names.length) break;
    const name = names[i % names.length];
    const index = from + Math.floor(i / names.length);
    const directory = join(folder, `case-${job}`);
    mkdirSync(directory);
    const given = makeCase(name, { seed, index, directory, seeds });
    const outcome = await host.run({ name, directory, given });
    if (index === 0 && outcome.kind === 'refused')
      Object.assign(outcome, { kind: 'failed', why: `a sound file is refused: ${outcome.detail}` });
    tally[name][outcome.kind]++;
    if (values.show) console.log(`${name} ${index}: ${outcome.kind} ${(outcome.detail ?? '').slice(0, 200)}`);
    if (outcome.kind === 'failed') {
      const place = keep(kept, { name, seed, index, directory, outcome });
      console.log(`${name} ${index}: ${outcome.why}\n  kept in ${place}`);
    }
    rmSync(directory, { recursive: true, force: true });
  }
  host.stop();
}

try {
  const seeds = await prepare(join(folder, 'seeds'));
  await Promise.all(Array.from({ length: jobs }, (_, job) => work(job, seeds)));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const [name, { accepted, refused, failed }] of Object.entries(tally))
  console.log(`${name.padEnd(12)} ${accepted} accepted, ${refused} refused, ${failed} failed`);
const failed = Object.values(tally).reduce((sum, one) => sum + one.failed, 0);
const cases = Object.values(tally).reduce((sum, one) => sum + one.accepted + one.refused + one.failed, 0);
console.log(`${cases} cases in ${Math.round((performance.now() - started) / 1000)} s, ${failed} failed (seed ${seed})`);
process.exitCode = failed > 0 ? 1 : 0;
