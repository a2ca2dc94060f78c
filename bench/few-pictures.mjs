// Twitter's drawings of emoji as a task with few pictures: of every class with twelve drawings or more, five to train
// on, chosen by a hash of their names and the seed, and the others to evaluate on; PNG files in a folder for each
// class.

import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from './by-content.mjs';
import { emojiPictures, inFolders } from './emoji-pictures.mjs';

const least = 12;
export const each = 5;

function classesOf(pictures) {
  const classes = new Map();
  for (const picture of pictures) classes.set(picture.label, [...(classes.get(picture.label) ?? []), picture]);
  return [...classes.values()].filter((members) => members.length >= least);
}

/** The same drawings in an order that depends on the seed and their names. */
const inOrder = (pictures, seed) => {
  const keyed = pictures.map((picture) => ({ picture, key: sha256(`${seed} ${picture.name}`) }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ picture }) => picture);
};

/**
 * Writes the folders `few` and `test` into a directory, unless an earlier call has.
 * @returns {Promise<{ few: string, test: string, classes: number, train: number, heldOut: number }>}
 */
export async function fewPictures(directory, { seed = 0, say } = {}) {
  const classes = classesOf(emojiPictures('twitter', { say }));
  const ordered = classes.map((members) => inOrder(members, seed));
  const few = ordered.flatMap((members) => members.slice(0, each));
  const test = ordered.flatMap((members) => members.slice(each));
  if (!existsSync(directory)) {
    // Whole or not at all.
    const partial = `${directory}.partial`;
    rmSync(partial, { recursive: true, force: true });
    await inFolders(few, join(partial, 'few'));
    await inFolders(test, join(partial, 'test'));
    renameSync(partial, directory);
  }
  return {
    few: join(directory, 'few'),
    test: join(directory, 'test'),
    classes: classes.length,
    train: few.length,
    heldOut: test.length,
  };
}
