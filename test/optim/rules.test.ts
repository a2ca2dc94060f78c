// Each optimizer's row beside its kernel's line in native/ops/kernels.h: names, number and order of what is passed.

import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { optimizerFields, optimizerNames, ruleOf } from '#ortune/optim/rules.js';
import { addon } from '#ortune/runtime/native.js';

const defaults = z.object(optimizerFields).parse({});
const kernels = new Map(
  addon()
    .optimizers()
    .map(({ op, ...kernel }) => [op, kernel]),
);
const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

it('every kernel of an update belongs to a row', () => {
  const used = new Set(optimizerNames.map((name) => ruleOf(name).op));
  expect([...kernels.keys()].sort()).toEqual([...used].sort());
});

describe.each(optimizerNames)('%s', (name) => {
  const rule = ruleOf(name);
  const options = rule.options(defaults);

  it('has the name of its row, and as many states as its kernel', () => {
    expect([rule.name, options.name]).toEqual([name, name]);
    expect(rule.states).toHaveLength(kernels.get(rule.op)!.states);
  });

  it('gives the numbers that its kernel takes, in the order of the kernel', () => {
    const numbers = rule.numbers(options, { learningRate: 0.25, weightDecay: 0.125 }, 3);
    expect(Object.keys(numbers).map(snake).join(', ')).toBe(kernels.get(rule.op)!.numbers);
    expect(numbers).toMatchObject({ rate: 0.25, [name === 'adam' ? 'coupledDecay' : 'decay']: 0.125 });
    for (const value of Object.values(numbers)) expect(value).toSatisfy(Number.isFinite);
  });
});
