// How outputs of saved classifiers are read: predictions against the plain logits of the same weights, and refusals.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluate, ModelError, predict, UsageError } from '#ortune/index.js';
import { temporaryDirectory } from '../support/temporary.js';
import { named, type TinyOptions, texts, tinyClassifier } from '../support/tiny-classifier.js';

const root = temporaryDirectory('reading');
let made = 0;
const model = (options: TinyOptions = {}): string => tinyClassifier(join(root, `model${made++}`), options);

/** The numbers of the file's last layer. */
async function plain(columns: number): Promise<number[][]> {
  const labels = Array.from({ length: columns }, (_, i) => `l${i}`);
  const found = await predict(
    { model: model({ columns, config: { ...named(...labels), problem_type: 'regression' } }) },
    texts,
  );
  return found.map(({ score, labels: all }) => all?.map((one) => one.score) ?? [score]);
}
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softmax = (z: readonly number[]): number[] => {
  const odds = z.map((x) => Math.exp(x - Math.max(...z)));
  return odds.map((x) => x / odds.reduce((a, b) => a + b));
};

const values = await plain(1);
const pairs = await plain(2);
const triples = await plain(3);

async function expectScores(options: TinyOptions, expected: [label: string, score: number][], digits = 5) {
  const found = await predict({ model: model(options) }, texts);
  expect(found.map(({ label }) => label)).toEqual(expected.map(([label]) => label));
  for (const [i, [, score]] of expected.entries()) expect(found[i]!.score).toBeCloseTo(score, digits);
}

describe('one output', () => {
  const one = named('LABEL_0');
  const only = values.map(([z]): [string, number] => ['LABEL_0', sigmoid(z!)]);
  const itself = values.map(([z]): [string, number] => ['LABEL_0', z!]);

  it.each<[string, TinyOptions]>([
    ['of one label', { config: one }],
    ['of one label, said to be single', { config: { ...one, problem_type: 'single_label_classification' } }],
    ['without an axis of classes', { config: one, tail: 'without classes' }],
    ['behind a sigmoid', { config: one, tail: 'Sigmoid' }],
    ['of which several labels might be', { config: { ...one, problem_type: 'multi_label_classification' } }],
    ['of a file without labels', {}],
  ])('%s is the probability of the label: its sigmoid', (_, options) => expectScores({ columns: 1, ...options }, only));

  it.each<[string, object]>([
    ['problem_type regression', { problem_type: 'regression' }],
    ['a cross-encoder', { sentence_transformers: { activation_fn: 'torch.nn.modules.linear.Identity' } }],
    ['an older cross-encoder', { sbert_ce_default_activation_function: 'torch.nn.modules.linear.Identity' }],
  ])('of %s is the value itself', (_, config) => expectScores({ columns: 1, config: { ...one, ...config } }, itself));

  it.each<TinyOptions>([{}, { tail: 'Sigmoid' }, { tail: 'without classes' }])(
    'of two labels is the odds of the second: %j',
    (options) => {
      const said = values.map(([z]): [string, number] => (z! > 0 ? ['yes', sigmoid(z!)] : ['no', sigmoid(-z!)]));
      return expectScores({ columns: 1, config: named('no', 'yes'), ...options }, said);
    },
  );

  const data = join(root, 'data.jsonl');
  const rows = texts.map((text, i) => ({ text, label: i % 2 === 0 ? 'yes' : 'no' }));
  writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

  it('of two labels is measured at one half', async () => {
    const { metrics } = await evaluate({ model: model({ columns: 1, config: named('no', 'yes') }), data });
    const right = values.filter(([z], i) => z! > 0 === (rows[i]!.label === 'yes')).length;
    const loss = values.reduce((sum, [z], i) => sum - Math.log(sigmoid(rows[i]!.label === 'yes' ? z! : -z!)), 0);
    expect(metrics).toMatchObject({ samples: texts.length, accuracy: right / texts.length, positive: 'yes' });
    expect(metrics.loss).toBeCloseTo(loss / texts.length, 5);
  });

  it('is not measured where one label is named, and no classes', async () => {
    const measured = evaluate({ model: model({ columns: 1, config: one }), data });
    await expect(measured).rejects.toThrow(UsageError);
    await expect(measured).rejects.toThrow(
      /one output, and config\.json names one label \(num_labels 1, problem_type not regression\).*name two labels/,
    );
  });

  it('that is a score takes labels that are numbers', async () => {
    const config = { ...one, problem_type: 'regression' };
    await expect(evaluate({ model: model({ columns: 1, config }), data })).rejects.toThrow(
      /data\.jsonl:1: column 'label' must be a number or a list of numbers, found 'yes'/,
    );
  });
});

describe('several outputs', () => {
  const three = named('a', 'b', 'c');
  const likeliest = triples.map((z): [string, number] => {
    const p = softmax(z);
    const score = Math.max(...p);
    return ['abc'[p.indexOf(score)]!, score];
  });

  it.each<[string, TinyOptions, number?]>([
    ['logits', {}],
    ['behind a softmax', { tail: 'Softmax' }],
    ['behind a logarithm of it', { tail: 'LogSoftmax' }],
    ['in float16', { tail: 'half' }, 2],
    ['of another name', { output: 'probabilities', tail: 'Softmax' }],
    ['beside another float of another size', { output: 'scores', more: { features: 5 } }],
    ['named logits, beside one of the same size', { more: { other: 3 } }],
  ])('are probabilities of classes: %s', (_, options, digits) =>
    expectScores({ columns: 3, config: three, ...options }, likeliest, digits),
  );

  it.each<TinyOptions>([
    { config: { ...three, problem_type: 'multi_label_classification' } },
    { config: three, tail: 'Sigmoid' },
  ])('hold each by itself: %j', async (options) => {
    const found = await predict({ model: model({ columns: 3, ...options }) }, texts);
    for (const [i, { labels }] of found.entries()) {
      const expected = triples[i]!.map((z, k) => ['abc'[k]!, sigmoid(z)] as const).filter(([, p]) => p >= 0.5);
      expect(labels!.map(({ label }) => label).sort()).toEqual(expected.map(([label]) => label));
    }
  });

  it('that are probabilities are measured as such', async () => {
    const data = join(root, 'softmax.jsonl');
    writeFileSync(data, texts.map((text) => `${JSON.stringify({ text, label: 'b' })}\n`).join(''));
    const loss = pairs.reduce((sum, z) => sum - Math.log(softmax(z)[1]!), 0) / pairs.length;
    for (const tail of ['Softmax', 'LogSoftmax'] as const) {
      const { metrics } = await evaluate({ model: model({ config: named('a', 'b'), tail }), data });
      expect(metrics.loss).toBeCloseTo(loss, 4);
    }
  });

  it('that are no numbers are said of the sample, and end an evaluation with its place', async () => {
    const broken = model({ config: named('a', 'b'), scale: Number.NaN });
    const [first] = await predict({ model: broken }, texts);
    expect(first).toEqual({ label: '', score: 0, error: 'the model gives no number (NaN) for it' });
    const data = join(root, 'nan.jsonl');
    writeFileSync(data, '{"text": "cash", "label": "b"}\n');
    await expect(evaluate({ model: broken, data })).rejects.toThrow(/nan\.jsonl:1: .* gives no number \(NaN\)/);
  });

  it.each<[TinyOptions, RegExp]>([
    [
      { columns: 3, config: named('a', 'b') },
      /output 'logits' has 3 columns, and config\.json names 2 labels \(id2label\)/,
    ],
    [{ columns: 2, config: named('a', 'b', 'c') }, /has 2 columns, and config\.json names 3 labels/],
    [{ columns: 1, config: named('a', 'b', 'c') }, /has 1 column, and config\.json names 3 labels/],
    [
      { output: 'x', more: { y: 3, z: 5 }, config: named('a') },
      /which output holds the logits is not clear: 'y' float32\[batch,3\], 'z' float32\[batch,5\], 'x'/,
    ],
    [
      { output: 'x', more: { y: 2 }, config: named('a', 'b') },
      /not clear.*one named logits, or one with a column for each label \(2\)/,
    ],
    [
      { tail: 'for tokens', config: named('a', 'b') },
      /has the shape \[batch,sequence,2\], expected \[batch, labels\]: this is no classifier.*token-classification/,
    ],
    [
      { config: { problem_type: 'ranking' } },
      /problem_type 'ranking'; expected single_label_classification, multi_label/,
    ],
  ])('that cannot be told apart are refused: %j', async (options, message) => {
    const asked = predict({ model: model(options) }, texts);
    await expect(asked).rejects.toThrow(ModelError);
    await expect(asked).rejects.toThrow(message);
  });
});
