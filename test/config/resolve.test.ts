import path from 'node:path';
import { expect, it } from 'vitest';
import { compareSchema } from '#ortune/config/compare-schema.js';
import { parseOptions } from '#ortune/config/options.js';
import { trainSchema } from '#ortune/config/train-schema.js';
import { put } from '../support/pictures.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory();
let made = 0;

/** A root with these folders, each with a class. */
function root(...names: string[]): string {
  const root = path.join(directory, String(made++));
  for (const name of names) put(path.join(root, name, 'cat', '1.jpg'), '');
  return root;
}

const parsed = (train: string, more: object = {}) => {
  const {
    train: files,
    eval: evaluation,
    test,
    task,
  } = parseOptions(trainSchema, { model: 'm', output: 'o', train, ...more });
  return { train: files, eval: evaluation, test, task };
};

it.each([
  [['train', 'valid', 'test'], 'valid', 'test'],
  [['Training', 'val-images'], 'val-images', undefined],
  [['train', 'test'], undefined, 'test'],
  [['train', 'dev', '.cache'], 'dev', undefined],
])('the folders %j of a root become the parts of a run', (names, evaluation, test) => {
  const at = root(...names);
  put(path.join(at, 'README.md'), '');
  const inside = (name: string | undefined) => name && [path.join(at, name)];
  const expected = {
    train: inside(names[0]),
    eval: inside(evaluation),
    test: inside(test),
    task: 'image-classification',
  };
  expect(parsed(at)).toEqual(expected);
  const compared = parseOptions(compareSchema, { model: 'm', output: 'o', train: at, eval: 'e', test: 't' });
  expect(compared).toMatchObject({ train: inside(names[0]), eval: ['e'], test: ['t'] });
});

it('what a configuration names stands, and an evaluation at steps is of the root', () => {
  const at = root('train', 'valid', 'test');
  expect(parsed(at, { eval: 'mine', evalSteps: 5 })).toMatchObject({ eval: ['mine'], test: [path.join(at, 'test')] });
  expect(parsed(at, { evalSplit: 0.2 }).eval).toBeUndefined();
  expect(parsed(at, { evalSteps: 5 }).eval).toEqual([path.join(at, 'valid')]);
});

it.each([[['train', 'cat']], [['train', 'val', 'validation']], [['train']], [['valid', 'test']]])(
  'the folders %j are left as they are',
  (names) => {
    const at = root(...names);
    expect(parsed(at)).toMatchObject({ train: [at], eval: undefined, test: undefined });
  },
);

it('classes that are called like parts are classes, and several roots are no root', () => {
  const at = root('train', 'test');
  expect(parsed(at, { labelNames: ['train', 'test'] })).toMatchObject({ train: [at], test: undefined });
  const { train } = parseOptions(trainSchema, { model: 'm', output: 'o', train: [at, at] });
  expect(train).toEqual([at, at]);
});
