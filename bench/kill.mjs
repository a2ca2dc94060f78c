// node bench/kill.mjs [--kills 30] [--seed 0]: does a run that is killed at any moment, and resumed, end with the same
// bits as one that was left alone? Trains a small encoder with the command, kills it with SIGKILL (in the middle of an
// epoch, at an epoch's boundary, in a later epoch, while a checkpoint is being written, at random), resumes it, and
// compares the trained file byte by byte with that of an undisturbed run.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildWordPiece, writeEncoder } from 'ortune';

const command = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');
const epochs = 3;
const stepsPerEpoch = 24;
const batchSize = 4;
const accumulation = 2;

/** The small problem in `directory`: texts, an untrained encoder, and the configuration of a run. */
export function prepare(directory) {
  const words = ['win', 'prize', 'cash', 'free', 'offer', 'meeting', 'patch', 'kernel', 'list', 'report', 'thanks'];
  const samples = Array.from({ length: stepsPerEpoch * batchSize * accumulation - 3 }, (_, i) => {
    const text = Array.from({ length: 3 + (i % 29) }, (_, k) => words[(i * 7 + k * k * 3) % words.length]).join(' ');
    return { text, label: i % 3 === 0 ? 'spam' : 'ham' };
  });
  mkdirSync(directory, { recursive: true });
  const train = join(directory, 'train.jsonl');
  const model = join(directory, 'encoder');
  writeFileSync(train, samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''));
  const tokenizer = buildWordPiece(
    samples.map(({ text }) => text),
    { minFrequency: 1, maxLength: 64 },
  );
  writeEncoder(model, { layers: 2, hidden: 64, heads: 2, positions: 64, labels: ['ham', 'spam'], tokenizer });
  return {
    model,
    train,
    eval: train,
    epochs,
    batchSize,
    gradientAccumulationSteps: accumulation,
    learningRate: 1e-3,
    saveSteps: 5,
    evalSteps: 10,
    dropout: 0.1,
    threads: 2,
  };
}

const hashOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
const trained = (output) => join(output, 'model', 'onnx', 'model.onnx');

/** Steps that metrics.jsonl has. */
function stepsDone(output) {
  try {
    return readFileSync(join(output, 'metrics.jsonl'), 'utf8').split('"event":"step"').length - 1;
  } catch {
    return 0;
  }
}

const checkpoints = (output) => {
  const directory = join(output, 'checkpoints');
  return existsSync(directory) ? readdirSync(directory) : [];
};

/** Runs the command; `kill` is asked again and again whether it is time. Gives 'killed' or the exit code. */
async function run(config, kill = () => false) {
  const file = `${config.output}.json`;
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(process.execPath, [command, 'train', file, '--json'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise((done) =>
    child.once('exit', (code, signal) => done(signal === 'SIGKILL' ? 'killed' : code)),
  );
  let over;
  ended.then((how) => {
    over = how;
  });
  while (over === undefined) {
    if (kill()) child.kill('SIGKILL');
    await sleep(1);
  }
  if (over !== 'killed' && over !== 0) throw new Error(`ortune train ended with ${over}:\n${stderr}`);
  return over;
}

/** When to kill: each gives a function that is asked while the run goes on. */
export const moments = {
  'in the middle of epoch 1': (output) => () => stepsDone(output) >= stepsPerEpoch / 2,
  'at the end of epoch 1': (output) => () => stepsDone(output) >= stepsPerEpoch,
  'in epoch 2': (output) => () => stepsDone(output) >= stepsPerEpoch + 7,
  'in epoch 3': (output) => () => stepsDone(output) >= 2 * stepsPerEpoch + 5,
  'while a checkpoint is written': (output) => () => checkpoints(output).some((name) => name.startsWith('.')),
  'at random': (_, random) => {
    const at = performance.now() + 300 + 2500 * random();
    return () => performance.now() > at;
  },
};

/**
 * Kills runs at the given moments, each run at one after the other of them, resumes, and compares.
 * @param directory where to work
 * @param plan for each run the names of the moments it is killed at
 * @param options `most`: no further run once there were so many kills
 * @returns how many kills there were, and the runs whose weights are not those of the undisturbed run
 */
export async function killAndResume(directory, plan, { say = () => {}, seed = 0, most = Infinity } = {}) {
  const config = prepare(directory);
  const whole = join(directory, 'whole');
  await run({ ...config, output: whole });
  const expected = hashOf(trained(whole));
  let state = seed + 1;
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state / 2 ** 32;
  };
  let kills = 0;
  const different = [];
  let runs = 0;
  for (const names of plan) {
    if (kills >= most) break;
    const output = join(directory, `run${++runs}`);
    let how;
    for (const name of [...names, undefined]) {
      const saved = checkpoints(output).some((entry) => entry.startsWith('step-'));
      const start = saved ? { resume: 'latest' } : { overwrite: true };
      how = await run({ ...config, output, ...start }, name && moments[name](output, random));
      if (how !== 'killed') break;
      kills++;
      say(
        `run ${runs}: killed ${name}, after step ${stepsDone(output)}; there is ${checkpoints(output).join(', ') || 'no checkpoint'}`,
      );
    }
    const same = hashOf(trained(output)) === expected;
    if (!same) different.push(output);
    say(`run ${runs}: ended ${same ? 'with the same bits' : 'WITH OTHER WEIGHTS'}`);
  }
  return { kills, runs, different };
}

/** Two of the moments and a random one for each run, on and on. */
function* endlessPlan() {
  const names = Object.keys(moments);
  const random = names.pop();
  for (let i = 0; ; i++) {
    const two = [names[i % names.length], names[(i + 2) % names.length]];
    yield [...two.sort((a, b) => names.indexOf(a) - names.indexOf(b)), random];
  }
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: { kills: { type: 'string', default: '30' }, seed: { type: 'string', default: '0' } },
  });
  const directory = mkdtempSync(join(tmpdir(), 'ortune-kill-'));
  const { kills, runs, different } = await killAndResume(directory, endlessPlan(), {
    say: console.log,
    seed: Number(values.seed),
    most: Number(values.kills),
  });
  console.log(
    `${kills} kills in ${runs} runs: ${different.length === 0 ? 'all' : `all but ${different.length}`} ended with the bits of an undisturbed run`,
  );
  if (different.length === 0) rmSync(directory, { recursive: true });
  process.exit(different.length === 0 ? 0 : 1);
}
