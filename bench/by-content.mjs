// Decisions by content: on which side of a partition a text falls, and in which order texts come, as functions of a
// hash of the text itself. They are the same on every machine, in every run and whatever else the data holds.

import { createHash } from 'node:crypto';

export const sha256 = (content) => createHash('sha256').update(content).digest('hex');

/** A number from 0 up to 1. */
export const shareOf = (hash) => Number.parseInt(hash.slice(0, 8), 16) / 2 ** 32;

/**
 * Records in an order that depends on the seed and their texts.
 * @template {{ text: string }} T
 * @param {T[]} records
 * @param {number} seed
 * @returns {T[]}
 */
export const shuffled = (records, seed) =>
  records
    .map((record) => ({ record, key: sha256(`${seed} ${record.text}`) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ record }) => record);

/**
 * `count` different entries of a list, or all where it has no more, drawn by a key.
 * @template T
 * @param {readonly T[]} list
 * @param {number} count
 * @param {string} key
 * @returns {T[]}
 */
export function drawn(list, count, key) {
  const places = new Set();
  for (let i = 0; places.size < Math.min(count, list.length); i++)
    places.add(Math.floor(shareOf(sha256(`${i} ${key}`)) * list.length));
  return [...places].map((place) => list[place]);
}
