import { afterAll, describe, expect, test } from 'vitest';
import { parseOptions } from '#ortune/config/options.js';
import { type TrainOptions, trainSchema } from '#ortune/config/train-schema.js';
import { Engine } from '#ortune/engine/engine.js';
import { UsageError } from '#ortune/errors.js';
import { createOptimizer, groupOptions } from '#ortune/train/groups.js';
import { refuseUnfreezing } from '#ortune/train/unfreezing.js';
import { fixture } from '../support/exported.js';

const model = fixture('encoders', 'bert', 'torchscript');
const config = (options: Partial<TrainOptions>) => ({
  ...parseOptions(trainSchema, { model, train: 'a.jsonl', output: 'run', ...options }),
  epochs: 3,
  learningRate: 1e-3,
});

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

describe('layers', () => {
  test('have rates that fall from the head down, but for those of groups', () => {
    const found = optionsOf({ layerDecay: 0.5, groups: [{ parameters: '*.layer.0.*', learningRate: 7e-3 }] });
    const rate = (alias: string) => found.get(alias)!.learningRate;
    expect(rate('classifier.weight')).toBe(1e-3);
    expect(rate('bert.pooler.dense.weight')).toBe(5e-4);
    expect(rate('bert.encoder.layer.1.output.dense.bias')).toBe(5e-4);
    expect(rate('bert.encoder.layer.0.output.dense.bias')).toBe(7e-3);
    expect(rate('bert.embeddings.word_embeddings.weight')).toBe(1.25e-4);
  });

  const startsOf = (options: Partial<TrainOptions>, perEpoch: number) => {
    const found = groupOptions(parameters, config(options), perEpoch);
    const start = (alias: string) => found.get(parameters.find((p) => p.alias === alias)!.name)!.startStep;
    return [
      'classifier.bias',
      'bert.pooler.dense.bias',
      'bert.encoder.layer.0.output.dense.bias',
      'bert.embeddings.LayerNorm.bias',
    ].map(start);
  };

  test('are unfrozen from the top, by epochs or by steps, or all after the head', () => {
    expect(startsOf({ unfreeze: 'gradual' }, 10)).toEqual([0, 10, 20, 30]);
    expect(startsOf({ unfreeze: 'gradual', unfreezeEpochs: 0.25 }, 10)).toEqual([0, 3, 6, 9]);
    expect(startsOf({ unfreeze: 'gradual', unfreezeSteps: 4 }, 10)).toEqual([0, 4, 8, 12]);
    expect(startsOf({ unfreeze: 'head-first', unfreezeSteps: 4 }, 10)).toEqual([0, 4, 4, 4]);
  });

  test('that are frozen for good have no turn', async () => {
    const engine = await open(['*.layer.1.*', '*pooler*']);
    const { parameters: partly } = engine.model;
    const found = groupOptions(partly, config({ unfreeze: 'gradual' }), 5);
    const starts = new Set([...found.values()].map(({ startStep }) => startStep));
    expect([...starts].sort()).toEqual([0, 10, 5]);
    await engine.close();
  });

  test('need names that show them, and head-first a head', () => {
    const nameless = parameters.map((parameter) => ({ ...parameter, depth: undefined }));
    expect(() => groupOptions(nameless, config({ layerDecay: 0.9 }))).toThrow(
      /option 'layerDecay' goes by layers, and the names .* show none; they are like/,
    );
    expect(() => groupOptions(nameless, config({ unfreeze: 'gradual' }))).toThrow(/option 'unfreeze' goes by layers/);
    expect(groupOptions(nameless, config({ unfreeze: 'head-first' })).size).toBe(41);
    const headless = parameters.map((parameter) => ({ ...parameter, head: false }));
    expect(() => groupOptions(headless, config({ unfreeze: 'head-first' }))).toThrow(
      'no parameter of a head is trained',
    );
    expect(() => config({ unfreezeSteps: 3 })).toThrow("option 'unfreezeSteps' needs 'unfreeze'");
    expect(() => config({ unfreeze: 'gradual', maxNorm: 3 })).toThrow("'unfreeze' and 'maxNorm' contradict each other");
  });

  test('are not unfrozen where averages of batches would go on, nor on a device so far', () => {
    const refuse = (statistics: object[], ownMemory: boolean) => () =>
      refuseUnfreezing(
        { model: { statistics }, device: { ownMemory, name: 'webgpu' } } as never,
        config({ unfreeze: 'gradual' }),
      );
    expect(refuse([{ updated: true }], false)).toThrow('Set batchNorm to frozen');
    expect(refuse([], true)).toThrow("'unfreeze' is for the CPU so far, and the device is webgpu");
    expect(refuse([{ updated: false }], false)).not.toThrow();
  });
});
