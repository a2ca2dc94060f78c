// What labels mean: (form of the data) x (kind of label) x (what the model has), in training, in evaluation and in
// prediction. Each row is the class that each label becomes, or what is said where it is refused; what a model that was
// trained on it says of the same samples; and that a prediction never looks at labels.

import { afterAll, describe, expect, test } from 'vitest';
import {
  holdsNumbers,
  type Label,
  labelForms,
  type Rules,
  readLabels,
  readUnlabelled,
  taskOf,
} from '../support/label-forms.js';
import { predicted, savedNames } from '../support/label-predictions.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('labels');

const kinds: Readonly<Record<string, readonly Label[]>> = {
  names: ['ham', 'spam'],
  'names in other case': ['HAM', 'Spam'],
  'names with unseen characters': [' ham', 'sp\u200bam'],
  'three names': ['eggs', 'ham', 'spam'],
  'other names': ['beans', 'eggs'],
  'numbers from 0': [0, 1],
  'numbers as texts': ['0', '1'],
  'numbers with a point': ['0.0', '1.0'],
  'wide numbers': ['０', '１'],
  'numbers from 1': [1, 2],
  'a number and a name': ['1', 'ham'],
  'numbers from -1': [-1, 0, 1],
  booleans: [false, true],
};

const hamSpam = ['ham', 'spam'];
const models: Readonly<Record<string, readonly string[]>> = {
  'no names': [],
  'ham, spam': hamSpam,
  'spam, ham': ['spam', 'ham'],
  'LABEL_0, LABEL_1': ['LABEL_0', 'LABEL_1'],
  '1, 2': ['1', '2'],
  '0, 1': ['0', '1'],
  'a, b, c': ['a', 'b', 'c'],
};

/**
 * The class of each label, in their order, and behind `|` those of the model's order where it is another; or what is
 * said.
 */
type Row = string | RegExp;

const mixed = /label '1' is a number, and 'ham' \(.*\) the name of a class; the labels of a file are either/;
const unknown = (label: string) => new RegExp(`unknown label '${label}'; the model's \\d classes are`);

/** By kind of label: a row for each model. */
const training: Readonly<Record<string, readonly Row[]>> = {
  names: ['ham spam', 'ham spam', 'ham spam | spam ham', 'ham spam', 'ham spam', 'ham spam', 'ham spam'],
  'names in other case': [
    'HAM Spam',
    'ham spam',
    'ham spam | spam ham',
    'HAM Spam',
    'HAM Spam',
    'HAM Spam',
    'HAM Spam',
  ],
  'three names': new Array(7).fill('eggs ham spam'),
  'other names': new Array(7).fill('beans eggs'),
  'numbers from 0': ['0 1', 'ham spam', 'spam ham', 'LABEL_0 LABEL_1', '0 1 | 1 0', '0 1', '0 1'],
  'numbers as texts': ['0 1', 'ham spam', 'spam ham', 'LABEL_0 LABEL_1', '0 1 | 1 0', '0 1', '0 1'],
  'numbers with a point': ['0.0 1.0', 'ham spam', 'spam ham', 'LABEL_0 LABEL_1', '0.0 1 | 1 0.0', '0 1', '0.0 1.0'],
  'wide numbers': ['０ １', 'ham spam', 'spam ham', 'LABEL_0 LABEL_1', '０ 1 | 1 ０', '0 1', '０ １'],
  'numbers from 1': ['1 2', '1 2', '1 2', '1 2', '1 2', '1 2 | 2 1', '1 2'],
  'a number and a name': ['1 ham', mixed, mixed, '1 ham', '1 ham', '1 ham | ham 1', '1 ham'],
  'numbers from -1': new Array(7).fill('-1 0 1'),
  booleans: new Array(7).fill('false true'),
};

const evaluation: Readonly<Record<string, readonly Row[]>> = {
  names: ['ham spam', 'ham spam', unknown('ham'), unknown('ham'), unknown('ham'), unknown('ham')],
  'names in other case': ['ham spam', 'ham spam', unknown('HAM'), unknown('HAM'), unknown('HAM'), unknown('HAM')],
  'names with unseen characters': [
    'ham spam',
    'ham spam',
    unknown(' ham'),
    unknown(' ham'),
    unknown(' ham'),
    unknown(' ham'),
  ],
  'three names': new Array(6).fill(unknown('eggs')),
  'other names': new Array(6).fill(unknown('beans')),
  'numbers from 0': ['ham spam', 'spam ham', 'LABEL_0 LABEL_1', unknown('0'), '0 1', 'a b'],
  'numbers as texts': ['ham spam', 'spam ham', 'LABEL_0 LABEL_1', unknown('0'), '0 1', 'a b'],
  'numbers with a point': ['ham spam', 'spam ham', 'LABEL_0 LABEL_1', unknown('0.0'), '0 1', 'a b'],
  'wide numbers': ['ham spam', 'spam ham', 'LABEL_0 LABEL_1', unknown('０'), '0 1', 'a b'],
  'numbers from 1': [unknown('1'), unknown('1'), unknown('1'), '1 2', unknown('2'), 'b c'],
  'a number and a name': [mixed, mixed, unknown('1'), unknown('ham'), unknown('ham'), unknown('1')],
  'numbers from -1': new Array(6).fill(unknown('-1')),
  booleans: new Array(6).fill(unknown('false')),
};

/** Whether a form can hold labels of a kind so that they are the same. */
function holds(form: string, kind: string): boolean {
  if (holdsNumbers(form)) return /^numbers from/.test(kind);
  // A packed file has names; those that a label is not the very same as are others.
  if (form === 'packed texts') return !/point|wide|a number and|numbers from -1/.test(kind);
  return form !== 'TSV' || kind !== 'names with unseen characters';
}

/** Rows of a program, and data that are read in pieces, are for training alone. */
const canBePredicted = (form: string): boolean => !/^(rows|streamed|a function)/.test(form);

/** In memory, labels of pictures are left out before they are read. */
const refusedBefore = (form: string, kind: string): boolean =>
  form === 'pixels in memory' && kind === 'numbers from -1';

let rows = 0;
afterAll(() => expect(rows).toBeGreaterThan(1000));

type Checked = Exclude<Awaited<ReturnType<typeof readLabels>>, string>;

async function check(form: string, kind: string, rules: Rules, expected: Row): Promise<Checked | undefined> {
  rows++;
  const labels = kinds[kind]!;
  const read = await readLabels(form, directory, labels, rules);
  // Numbers of classes are stored from 0.
  const below = holdsNumbers(form) && kind === 'numbers from -1';
  const refusal = below ? /row 0: label -1 is out of range/ : expected;
  if (refusal instanceof RegExp) {
    expect(read).toMatch(refusal);
    return undefined;
  }
  expect(read, String(read)).not.toBeTypeOf('string');
  const { classes, samples, notes } = read as Checked;
  const [each = '', order] = refusal.split(' | ');
  expect(samples.join(' ')).toBe(each);
  const own = rules.modelLabels?.every((name) => classes.includes(name)) && rules.modelLabels.length === classes.length;
  if (!rules.classes) expect(classes.join(' ')).toBe(order ?? (own ? rules.modelLabels!.join(' ') : each));
  // What was not read by its very name is said, with what it became.
  for (const [i, label] of labels.entries())
    if (String(label) !== samples[i]) expect(notes).toContain(`→ '${samples[i]}'`);
  return read as Checked;
}

describe.each(Object.keys(labelForms))('in %s', (form) => {
  const held = Object.keys(kinds).filter((kind) => holds(form, kind));

  test.each(held.filter((kind) => training[kind]))('%s are the classes of training data by the rule', async (kind) => {
    for (const [i, model] of Object.values(models).entries())
      await check(form, kind, { modelLabels: model }, training[kind]![i]!);
  });

  // A model that was trained on the row is saved and opened again: it says the very classes that were trained, also of
  // data with labels that it does not have, and measures its training data as they were meant.
  test.each(held.filter((kind) => training[kind]))(
    '%s are what a model says that was trained on them',
    async (kind) => {
      const task = taskOf(form);
      for (const [i, model] of Object.values(models).entries()) {
        const trained = await check(form, kind, { modelLabels: model }, training[kind]![i]!);
        if (!trained) continue;
        const { classes, samples } = trained;
        const names = await savedNames(task, classes, directory);
        expect(names).toEqual(classes);
        expect(
          await predicted(
            task,
            names,
            samples.map((name) => classes.indexOf(name)),
          ),
        ).toEqual(samples);
        expect(await readLabels(form, directory, kinds[kind]!, { classes: names })).toMatchObject({ classes, samples });
      }
    },
  );

  if (canBePredicted(form))
    test.each(held.filter((kind) => !refusedBefore(form, kind)))(
      '%s are not looked at by a prediction',
      async (kind) => {
        const { samples, notes } = await readUnlabelled(form, directory, kinds[kind]!);
        expect(samples).toBe(form === 'words' ? 1 : kinds[kind]!.length);
        expect(notes).toEqual([]);
      },
    );

  test.each(held)('%s are the classes of a model that is measured by the rule', async (kind) => {
    for (const [i, model] of Object.values(models).slice(1).entries())
      await check(form, kind, { classes: model }, evaluation[kind]![i]!);
  });

  test.each(held)('%s are names of labelNames, or all numbers of them', async (kind) => {
    const rows: Record<string, Row> = {
      names: 'ham spam',
      'names in other case': 'ham spam',
      'names with unseen characters': 'ham spam',
      'numbers from 0': 'spam ham',
      'numbers as texts': 'spam ham',
      'numbers with a point': 'spam ham',
      'wide numbers': 'spam ham',
      'a number and a name': mixed,
    };
    const labelNames = ['spam', 'ham'];
    // Of as many names in a packed file those of labelNames take the place.
    if (form === 'packed texts' && !(kind in rows) && !kind.startsWith('numbers') && kinds[kind]!.length === 2)
      rows[kind] = 'spam ham';
    const expected = rows[kind] ?? /unknown label '|label -1 is out of range/;
    for (const rules of [{ labelNames }, { labelNames, modelLabels: hamSpam }, { labelNames, classes: hamSpam }]) {
      const read = await readLabels(form, directory, kinds[kind]!, rules);
      if (expected instanceof RegExp) expect(read).toMatch(expected);
      else expect((read as { samples: string[] }).samples?.join(' '), String(read)).toBe(expected);
    }
  });
});
