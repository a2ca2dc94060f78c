import { afterAll, describe, expect, test } from 'vitest';
import { parseOptions } from '#ortune/config/options.js';
import { type TrainOptions, trainSchema } from '#ortune/config/train-schema.js';
import { Engine } from '#ortune/engine/engine.js';
import { UsageError } from '#ortune/errors.js';
import { createOptimizer, groupOptions } from '#ortune/train/groups.js';
import { fixture } from '../support/exported.js';

const model = fixture('encoders', 'bert', 'torchscript');
const config = (options: Partial<TrainOptions>) =>
  parseOptions(trainSchema, { model, train: 'a.jsonl', output: 'run', learningRate: 1e-3, ...options });

const open = (freeze: string[]) =>
  Engine.open({
    task: { name: 'text-classification', options: {} },
    model,
    labels: ['a', 'b', 'c'],
    freeze,
    dropout: {},
    seed: 0,
    threads: 1,
  });

const whole = await open([]);
const { parameters } = whole.model;
afterAll(() => whole.close());

/** Options by readable name. */
function optionsOf(options: Partial<TrainOptions>) {
  const found = groupOptions(parameters, config(options));
  return new Map(parameters.map(({ name, alias }) => [alias, found.get(name)!]));
}

test('without groups only matrices are decayed', () => {
  const found = optionsOf({});
  expect(found.size).toBe(41);
  expect(found.get('classifier.weight')).toEqual({ learningRate: 1e-3, weightDecay: 0.01, l1: 0 });
  expect(found.get('bert.embeddings.word_embeddings.weight')!.weightDecay).toBe(0.01);
  for (const [alias, { learningRate, weightDecay }] of found) {
    expect(learningRate).toBe(1e-3);
    expect(weightDecay, alias).toBe(/bias|LayerNorm/.test(alias) ? 0 : 0.01);
  }
});

describe('a group', () => {
  test('has its own rate, and decay for all it matches where it says so', () => {
    const found = optionsOf({
      groups: [
        { parameters: 'classifier.*', learningRate: 1e-2 },
        { parameters: ['*.layer.0.*', 'bert/embeddings/*'], weightDecay: 0.5 },
      ],
    });
    expect(found.get('classifier.weight')).toEqual({ learningRate: 1e-2, weightDecay: 0.01, l1: 0 });
    expect(found.get('classifier.bias')).toEqual({ learningRate: 1e-2, weightDecay: 0, l1: 0 });
    expect(found.get('bert.encoder.layer.0.output.dense.bias')).toEqual({
      learningRate: 1e-3,
      weightDecay: 0.5,
      l1: 0,
    });
    expect(found.get('bert.embeddings.LayerNorm.weight')!.weightDecay).toBe(0.5);
    expect(found.get('bert.encoder.layer.1.output.dense.weight')!.weightDecay).toBe(0.01);
  });

  test('has its own L1 penalty and largest norm, which all matrices have where the run says so', () => {
    const found = optionsOf({
      l1: 1e-4,
      maxNorm: 5,
      groups: [{ parameters: 'classifier.weight', l1: 0, maxNorm: 2 }],
    });
    expect(found.get('classifier.weight')).toMatchObject({ l1: 0, maxNorm: 2 });
    expect(found.get('bert.encoder.layer.0.output.dense.weight')).toMatchObject({ l1: 1e-4, maxNorm: 5 });
    for (const alias of ['bert.encoder.layer.0.output.dense.bias', 'bert.embeddings.LayerNorm.weight']) {
      expect(found.get(alias)!.l1).toBe(0);
      expect(found.get(alias)).not.toHaveProperty('maxNorm');
    }
    expect(() => optionsOf({ groups: [{ parameters: '*.bias', maxNorm: 2 }] })).toThrow(
      /^groups: maxNorm limits the weights of a unit, but '.*bias' is no matrix of a product/,
    );
  });

  test('may have a rate or a decay of 0', () => {
    const found = optionsOf({ groups: [{ parameters: '*', learningRate: 0, weightDecay: 0 }] });
    for (const options of found.values()) expect(options).toEqual({ learningRate: 0, weightDecay: 0, l1: 0 });
  });

  test('counts before those after it', () => {
    const found = optionsOf({
      groups: [
        { parameters: '*.bias', learningRate: 1 },
        { parameters: 'classifier.*', learningRate: 2 },
      ],
    });
    expect(found.get('classifier.bias')!.learningRate).toBe(1);
    expect(found.get('classifier.weight')!.learningRate).toBe(2);
  });

  test('is named by head, trunk, or the name in the file', () => {
    const found = optionsOf({
      groups: [
        { parameters: 'onnx::MatMul_371', learningRate: 3 },
        { parameters: 'head', learningRate: 1 },
        { parameters: 'trunk', learningRate: 2 },
      ],
    });
    expect(found.get('bert.encoder.layer.1.output.dense.weight')!.learningRate).toBe(3);
    expect([...found].filter(([, o]) => o.learningRate === 1).map(([alias]) => alias)).toEqual([
      'classifier.weight',
      'classifier.bias',
    ]);
    expect([...found.values()].filter((o) => o.learningRate === 2)).toHaveLength(38);
  });
});

test('a pattern that matches no parameter is refused with its place', () => {
  const groups = ['*.bias', ['head', 'clasifier.*']].map((parameters) => ({ parameters, weightDecay: 0 }));
  expect(() => optionsOf({ groups })).toThrow(UsageError);
  expect(() => optionsOf({ groups })).toThrow(
    /^groups\[1\]\.parameters: 'clasifier\.\*' matches none of the 41 parameters\. .*bert\.embeddings/,
  );
});

test('a group that groups before it leave nothing is refused', () => {
  const groups = [
    { parameters: '*', learningRate: 1 },
    { parameters: 'head', learningRate: 2 },
  ];
  expect(() => optionsOf({ groups })).toThrow(UsageError);
  expect(() => optionsOf({ groups })).toThrow(/^groups\[1\]: all parameters that 'head' matches .* belong to groups/);
});

test('frozen parameters belong to no group, and a group of nothing else is refused', async () => {
  const engine = await open(['trunk']);
  try {
    const rates = { groups: [{ parameters: '*.bias', learningRate: 1 }] };
    const found = groupOptions(engine.model.parameters, config(rates));
    expect([...found]).toEqual([
      ['classifier.weight', { learningRate: 1e-3, weightDecay: 0.01, l1: 0 }],
      ['classifier.bias', { learningRate: 1, weightDecay: 0, l1: 0 }],
    ]);
    const frozen = config({ groups: [{ parameters: 'trunk', learningRate: 1 }] });
    expect(() => groupOptions(engine.model.parameters, frozen)).toThrow(/'trunk' matches are frozen/);
  } finally {
    await engine.close();
  }
});

test('the optimizer moves every parameter at its own rate', async () => {
  const groups = [
    { parameters: 'head', learningRate: 1e-2 },
    { parameters: '*.layer.1.*', learningRate: 0 },
    { parameters: '*.LayerNorm.*', learningRate: 1e-4, weightDecay: 0 },
  ];
  const optimizer = await createOptimizer(whole, config({ groups, weightDecay: 0, learningRate: 1e-3 }));
  const before = Float32Array.from(whole.parameters.data);
  whole.gradients.data.fill(1);
  await optimizer.step(0.5, 0);
  await optimizer.release();
  // The first step of Adam is the learning rate itself, whatever the gradient.
  for (const { alias, offset, length, head } of parameters) {
    const expected = head ? 1e-2 : alias.includes('.layer.1.') ? 0 : alias.includes('LayerNorm') ? 1e-4 : 1e-3;
    for (const i of [offset, offset + length - 1])
      expect(before[i]! - whole.parameters.data[i]!, alias).toBeCloseTo(0.5 * expected, 6);
  }
});
