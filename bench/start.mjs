// node bench/start.mjs [--rounds 9] [--ortune FOLDER,FOLDER] [--only encoder] [--json]: from the command to its first
// optimizer step. Times the command from outside, by what it prints, for the 6-layer encoder of `ortune bench step`
// (16 x 128 tokens), tiny-en as the quickstart trains it (32 mails) and ResNet-50 (4 pictures); and how long Node
// itself, `import 'ortune'` and `ortune --help` take. --ortune compares built folders in turn, round by round. Prints
// medians and ranges in milliseconds; with --json the last line of stdout is one object.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildWordPiece, writeEncoder, writeImageModel } from 'ortune';
import sharp from 'sharp';
import { spamMails } from './spam-mails.mjs';

const here = join(import.meta.dirname, '..');
const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    ortune: { type: 'string', default: here },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const work = mkdtempSync(join(tmpdir(), 'ortune-start-'));
const labels = ['ham', 'spam'];

async function writePictures(folder, count, side) {
  for (let i = 0; i < count; i++) {
    const file = join(folder, labels[i % 2], `${i}.png`);
    mkdirSync(join(folder, labels[i % 2]), { recursive: true });
    await sharp(
      Buffer.from({ length: side * side * 3 }, (_, j) => (i * 37 + j * (i + 1)) % 256),
      {
        raw: { width: side, height: side, channels: 3 },
      },
    ).toFile(file);
  }
}

/** Writes models and data; the arguments of `ortune train` for each case. */
async function prepared() {
  const mails = join(work, 'mails.jsonl');
  const pictures = join(work, 'pictures');
  const { train: rows } = spamMails({ labels: 512 });
  writeFileSync(mails, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await writePictures(pictures, 16, 256);
  const tokenizer = buildWordPiece(
    rows.map(({ text }) => text),
    { vocabulary: 8192 },
  );
  writeEncoder(join(work, 'encoder'), { layers: 6, hidden: 384, heads: 12, labels, tokenizer });
  writeImageModel(join(work, 'resnet50'), { model: 'resnet50', labels });
  const texts = ['--train', mails, '--max-length', '128'];
  return {
    encoder: ['--model', join(work, 'encoder'), ...texts, '--batch-size', '16'],
    quickstart: ['--model', join(here, 'models/tiny-en'), ...texts, '--batch-size', '32'],
    resnet50: ['--model', join(work, 'resnet50'), '--train', pictures, '--batch-size', '4'],
  };
}

/** Runs Node; milliseconds until each of `marks` was printed for the first time, and until the end. */
function timed(args, marks = {}) {
  const started = performance.now();
  const child = spawn(process.execPath, args, { cwd: work });
  const took = {};
  let text = '';
  const read = (chunk) => {
    text += chunk;
    for (const [name, mark] of Object.entries(marks)) if (mark.test(text)) took[name] ??= performance.now() - started;
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  return new Promise((done, fail) => {
    child.on('close', (code) => {
      if (code !== 0) fail(new Error(`${args.join(' ')} ended with ${code}:\n${text}`));
      else done({ ...took, end: performance.now() - started });
    });
  });
}

const marks = { opened: /training .* parameters in 2 steps/, 'step 1': /step 1\/2/, 'step 2': /step 2\/2/ };

/**
 * `begins`: when the first step does, from what the second takes; the first also touches all memory for the first time.
 */
async function train(folder, args) {
  const more = [
    '--max-steps',
    '2',
    '--logging-steps',
    '1',
    '--threads',
    '2',
    '--output',
    join(work, 'run'),
    '--overwrite',
  ];
  const { opened, 'step 1': first, 'step 2': second } = await timed([main(folder), 'train', ...args, ...more], marks);
  return { opened, begins: first - (second - first), 'first step': first, 'a step': second - first };
}

const main = (folder) => join(folder, 'dist/cli/main.js');
const imported = (folder) => ['--input-type=module', '-e', `import ${JSON.stringify(join(folder, 'dist/index.js'))}`];

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: Math.round(sorted[values.length >> 1]),
    least: Math.round(sorted[0]),
    most: Math.round(sorted.at(-1)),
  };
}

const folders = flags.ortune.split(',').map((folder) => resolve(folder));
const cases = await prepared();
const kept = new Map();
const note = (folder, what, ms) => {
  const key = `${folder}\n${what}`;
  kept.set(key, [...(kept.get(key) ?? []), ms]);
};
try {
  for (let round = 0; round < Number(flags.rounds); round++)
    for (const folder of folders) {
      if (!flags.only) {
        note(folder, 'node alone', (await timed(['-e', '0'])).end);
        note(folder, "import 'ortune'", (await timed(imported(folder))).end);
        note(folder, 'ortune --help', (await timed([main(folder), '--help'])).end);
      }
      for (const [name, args] of Object.entries(cases)) {
        if (flags.only && flags.only !== name) continue;
        for (const [phase, ms] of Object.entries(await train(folder, args))) note(folder, `${name}: ${phase}`, ms);
      }
    }
} finally {
  rmSync(work, { recursive: true, force: true });
}
const found = [...kept].map(([key, values]) => ({
  folder: key.split('\n')[0],
  what: key.split('\n')[1],
  ...median(values),
}));
console.log(`${cpus()[0].model}, 2 threads, medians of ${flags.rounds} rounds, milliseconds`);
for (const folder of folders) {
  if (folders.length > 1) console.log(folder);
  for (const { what, median, least, most } of found.filter((row) => row.folder === folder))
    console.log(`${what.padEnd(26)} ${String(median).padStart(6)}   ${least} to ${most}`);
}
if (flags.json) console.log(JSON.stringify(found));
