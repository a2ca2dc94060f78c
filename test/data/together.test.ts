// Samples of a class come into a batch two by two, as far as the data allow it.

import { expect, it } from 'vitest';
import { textsApart } from '#ortune/data/apart.js';
import { epochOrder } from '#ortune/data/sampler.js';
import { TableBuilder } from '#ortune/data/table-builder.js';

const batchSize = 8;
// 40 classes of two to four samples, and three of one.
const classes = Array.from({ length: 40 }, (_, k) => new Array<string>(2 + (k % 3)).fill(`class ${k}`)).flat();
classes.push('x', 'y', 'z');

const columns = [{ role: 'class', kind: 'text', name: 'class' } as const];
const builder = new TableBuilder(['t'], columns, { weight: false });
for (const [i, name] of classes.entries()) builder.add({ values: { class: name }, line: i + 1 }, 0);
const { table } = builder;
const [together] = textsApart(table, ['class'])!;

/** Samples without another of their class in their batch. */
function alone(order: Uint32Array): number {
  let count = 0;
  for (let first = 0; first < order.length; first += batchSize) {
    const names = [...order.subarray(first, first + batchSize)].map((sample) => classes[sample]!);
    count += names.filter((name) => names.indexOf(name) === names.lastIndexOf(name)).length;
  }
  return count;
}

const orderOf = (more: object = {}): Uint32Array =>
  epochOrder({ count: table.count, batchSize, seed: 1, epoch: 3, groupByLength: false, ...more });

it('brings others of their class to the samples of a batch, every sample once, the same each time', () => {
  const order = orderOf({ together });
  expect(alone(orderOf())).toBeGreaterThan(0.7 * classes.length);
  expect(alone(order)).toBeLessThan(0.2 * classes.length);
  expect(alone(order.subarray(0, 6 * batchSize))).toBeLessThanOrEqual(3);
  expect([...order].sort((a, b) => a - b)).toEqual(classes.map((_, i) => i));
  expect(orderOf({ together })).toEqual(order);
  expect(orderOf({ together, epoch: 4 })).not.toEqual(order);
});

it('leaves orders alone that draw with replacement', () => {
  const weighted = { sampling: 'weighted', weights: new Float32Array(classes.length).fill(1) };
  expect(orderOf({ together, ...weighted })).toEqual(orderOf(weighted));
});
