// npm run quickstart: what does a pre-trained model save? From 400 labelled mails it trains models/tiny-en in the ways
// one can (spam-mails.mjs has the data), beside a bag of words; then on all mails; and opens what came out with the
// transformers library, as any program would. Everything through the public API, nothing from the network. With --json
// the last line of stdout is one object; with --short a few steps of everything are taken, to see that it works.

import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { env, pipeline } from '@xenova/transformers';
import { compare, predict, Trainer } from 'ortune';
import { comparisonText } from '../dist/compare/markdown.js';
import { ProgressLine } from '../dist/report/progress.js';
import { bagOfWords } from './bag-of-words.mjs';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    output: { type: 'string', default: join(import.meta.dirname, '..', 'runs', 'quickstart') },
  },
});
const root = resolve(flags.output);
const budget = flags.short ? { maxSteps: 4 } : {};
const here = (path) => relative(process.cwd(), path) || '.';
const started = performance.now();
const seconds = () => (performance.now() - started) / 1000;
const say = (text) => process.stderr.write(`${text}\n`);

const seed = 0;
const labels = 400;
const data = join(root, 'data');
const file = (name) => join(data, `${name}.jsonl`);
const shared = {
  model: join(import.meta.dirname, '..', 'models', 'tiny-en'),
  test: file('test'),
  overwrite: true,
  maxLength: 128,
  batchSize: 16,
  saveStrategy: 'no',
  ...budget,
};
/** A new head learns faster than what is already there. */
const headFirst = { learningRate: 3e-4, weightDecay: 0.1, groups: [{ parameters: 'head', learningRate: 2e-3 }] };
const few = {
  ...shared,
  train: file('few'),
  output: join(root, 'few'),
  strategies: ['untouched', 'frozen', 'scratch', 'finetuned'],
  seeds: [seed],
  epochs: 6,
  learningRate: 5e-4,
  overrides: { frozen: { learningRate: 5e-3 }, finetuned: headFirst },
};
const all = { ...shared, train: file('train'), output: join(root, 'all'), epochs: 1, learningRate: 6e-4, seed };

const readLines = (name) =>
  readFileSync(file(name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

const prepare = () =>
  new Promise((done, fail) => {
    const worker = new Worker(new URL('./spam-mails.mjs', import.meta.url), {
      workerData: { directory: data, seed, labels, testShare: flags.short ? 0.03 : undefined },
    });
    worker.once('message', done);
    worker.once('error', fail);
  });

/** Listens to a trainer for people. */
function follow(trainer, line) {
  trainer.on('step', (event) => line.update(event));
  trainer.on('warning', ({ message }) => line.message(`note: ${message}`));
}

async function trainFew(line) {
  const titles = {
    untouched: 'untouched: a new head, nothing trained',
    frozen: 'frozen: the new head alone is trained',
  };
  const { strategies } = await compare(few, {
    onRun: ({ strategy }, trainer) => {
      line.message(`${seconds().toFixed(0)} s: ${titles[strategy] ?? strategy}`);
      follow(trainer, line);
    },
    onResult: ({ strategy }, { value }) => line.message(`${strategy}: ${percent(value)} of the held-out mails right`),
  });
  return strategies;
}

async function trainAll(line) {
  const trainer = new Trainer(all);
  follow(trainer, line);
  return trainer.run();
}

/**
 * What the transformers library makes of the model, beside what ortune makes of it. The beginnings of the mails, which
 * surely fit the model: of longer texts that library cuts the last special token off.
 */
async function openElsewhere(model, mails) {
  env.allowRemoteModels = false;
  const texts = mails.map(({ text }) => text.slice(0, 250));
  const classify = await pipeline('text-classification', model, { dtype: 'fp32' });
  const theirs = [];
  for (const text of texts) theirs.push((await classify(text))[0]);
  await classify.dispose();
  const ours = await predict({ model }, texts);
  const agrees = ours.every(
    ({ label, score }, i) => label === theirs[i].label && Math.abs(score - theirs[i].score) < 1e-4,
  );
  return { agrees, theirs, texts };
}

const percent = (part) => `${(100 * part).toFixed(1)} %`;

function report({ mails, strategies, words, result, elsewhere }) {
  const { accuracy, precision, recall } = result.metrics;
  const model = here(result.output);
  const shown = elsewhere.texts.slice(0, 3).map((text, i) => {
    const { label, score } = elsewhere.theirs[i];
    return `  ${label} ${score.toFixed(3)}  ${text.slice(0, 90)}`;
  });
  console.log(`
${labels} labelled mails; accuracy on ${mails.test} held-out ones:

${comparisonText({ metric: 'accuracy', strategies, output: here(few.output), interrupted: false })}

pre-trained on other mails of the same corpus, among other text; a bag of words (logistic regression) on the same ${labels} mails: ${percent(words)}

tiny-en fine-tuned on all ${mails.train} training mails: ${percent(accuracy)} right (precision ${percent(precision)}, recall ${percent(recall)})

Three unseen mails through the transformers library's pipeline('text-classification')${elsewhere.agrees ? ', which agrees with ortune on 50' : ''}:
${shown.join('\n')}

${seconds().toFixed(0)} s in all on ${cpus().length} x ${cpus()[0].model}
The model is in ${model}; onnxruntime and transformers.js open it.

Next:
  npx ortune predict ${model} "You have won a prize, click here"
  npx ortune eval ${model} ${here(file('test'))}
  npx ortune train --model models/tiny-en --train YOUR.jsonl --eval-split 0.2 --output runs/yours
  npx ortune compare --model models/tiny-en --train YOUR.jsonl --eval-split 0.2 --output runs/compared`);
}

say('preparing the SpamAssassin mails ...');
const mails = await prepare();
say(`${mails.read} mails, ${mails.kept} distinct: ${mails.train} to train on, ${mails.test} held out`);
const [trainMails, testMails] = [readLines('few'), readLines('test')];
const line = new ProgressLine(process.stderr);
const strategies = await trainFew(line);
line.message(`${seconds().toFixed(0)} s: a bag of words`);
const words = await bagOfWords(trainMails, testMails);
line.message(`${seconds().toFixed(0)} s: fine-tuning on all ${mails.train} training mails`);
const result = await trainAll(line);
line.stop();
say('opening the model with the transformers library ...');
const unseen = testMails.filter((_, i) => i % Math.floor(testMails.length / 50) === 0).slice(0, 50);
const elsewhere = await openElsewhere(result.output, unseen);
const accuracyOf = (name) => strategies.find((strategy) => strategy.name === name).mean;
if (!flags.json) report({ mails, strategies, words, result, elsewhere });
else
  console.log(
    JSON.stringify({
      accuracy: {
        untouched: accuracyOf('untouched'),
        frozen: accuracyOf('frozen'),
        scratch: accuracyOf('scratch'),
        finetuned: accuracyOf('finetuned'),
        allLabels: result.metrics.accuracy,
        bagOfWords: words,
      },
      pipelineAgrees: elsewhere.agrees,
      seconds: seconds(),
      output: result.output,
    }),
  );
process.exit(elsewhere.agrees ? 0 : 1);
