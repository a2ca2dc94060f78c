// A function of the user's that changes training samples: bits that do not depend on threads or resuming, what it is
// given for each kind of sample, and what is said where it fails.

import { describe, expect, it } from 'vitest';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import { Trainer } from '#ortune/train/trainer.js';
import { digitsRuns } from '../support/digits.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, train } from '../support/train.js';

const { path, write } = smallProblem();
const config = newRuns(path, { batchSize: 16, epochs: 2, warmupRatio: 0 });

const module = write(
  'mine.mjs',
  `export default function drop({ text }, { random }) {
    if (text.includes('unseen')) throw new Error('evaluation data are not augmented');
    return { text: text.split(' ').filter(() => random() > 0.3).join(' ') };
  }
  export const same = () => undefined;
  export async function slow() { await new Promise((done) => setTimeout(done, 5)); }
  export function fails({ text }, { sample }) { if (sample === 21) throw new RangeError('not this one'); }
  export const wrong = () => ({ text: 7 });
  export const list = () => ['a'];
  export const back = (sample) => sample;
  export function invert(sample, { random }) {
    const [[, { data, shape }], ...others] = Object.entries(sample);
    if (shape.join() !== '1,8,8' || others.length > 0) throw new Error('other than expected: ' + Object.keys(sample));
    const by = random() < 0.5 ? -1 : 1;
    for (let i = 0; i < data.length; i++) data[i] *= by;
  }`,
);
const failure = async (options: Partial<TrainOptions>): Promise<string> =>
  new Trainer(config(options)).run().then(
    () => 'no error',
    ({ message }: Error) => message,
  );

describe('a function that changes texts', () => {
  it('gives the same bits with any number of threads and from a checkpoint, and sees no evaluation data', async () => {
    const unseen = write('unseen.csv', 'text,label\nunseen cash,spam\nunseen list,ham\n');
    const augmented = config({ augmentModule: module, eval: unseen, workers: 1 });
    const whole = await train(augmented);
    const options = config({ augmentModule: { module, export: 'default' }, workers: 3 });
    const stop = new AbortController();
    const before = await train(options, { signal: stop.signal, onStep: (step) => step === 3 && stop.abort() });
    const after = await train({ ...options, workers: 2, resume: 'latest' });
    expect([...before.losses, ...after.losses]).toEqual(whole.losses);
    expect(after.bits).toBe(whole.bits);
    write('other.mjs', 'export default () => undefined;');
    await expect(train({ ...options, augmentModule: path('other.mjs'), resume: 'latest' })).rejects.toThrow(
      /augmentModule: .*other.mjs is not the module of then/,
    );

    const plain = await train(config());
    expect(plain.bits).not.toBe(whole.bits);
    const slow = await train(config({ augmentModule: `${module}#slow` }));
    expect(slow.bits).toBe(plain.bits);
    // 16 samples of 5 ms each, which run beside the steps.
    expect(slow.result.stepMs).toBeLessThan(3 * plain.result.stepMs + 3 * 16 * 5);
  });

  it.each([
    ['#fails', /^.*train\.jsonl:22: augmentModule .*mine\.mjs#fails: it threw: not this one$/m],
    ['#wrong', /augmentModule .*#wrong: text must be a text, found the number 7/],
    ['#list', /it must give a sample, or nothing, found a list/],
    ['#none', /#none: expected a function, found undefined; the module exports the functions back, default, fails/],
    ['x', /option 'augmentModule': '.*mine\.mjsx' cannot be read/],
  ])('that cannot be used ends the run with its place: %s', async (name, message) => {
    expect(await failure({ augmentModule: `${module}${name}`, sampling: 'sequential' })).toMatch(message);
  });
});

it('a function that changes pixels gets each picture as the model reads it', async () => {
  const digits = digitsRuns(path('digits'));
  const [one, three] = [1, 3].map((workers) => digits({ augmentModule: `${module}#invert`, workers, epochs: 1 }));
  const bits = (await train(one!)).bits;
  expect((await train(three!)).bits).toBe(bits);
  await expect(train(digits({ augmentModule: `${module}#back`, epochs: 1 }))).rejects.toThrow(
    /augmentModule .*#back: pixels and tensors are changed in place \(\w+: its data\); it gave back an object/,
  );
});
