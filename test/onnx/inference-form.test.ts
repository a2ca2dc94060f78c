// Files exported in training mode have the form of inference when they are opened, and are saved in it.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type AttrInput, float } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { saveModel } from '#ortune/onnx/save.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { temporaryDirectory } from '../support/temporary.js';
import { buildIn, named, norm, trained } from './batch-norm-files.js';
import { x } from './opset-cases.js';
import { floats, node, run } from './support.js';

const directory = temporaryDirectory();
const build = buildIn(directory);

describe('a file exported in training mode', () => {
  const outputs = ['y', 'mean', 'variance', 'savedMean', 'savedVariance'];

  it.each([
    ['since opset 14 by an attribute', 17, 3, { training_mode: 1 }],
    ['before by more outputs', 11, 5, {}],
  ])('says so %s, and is saved in inference form', async (_, opset, count, attrs) => {
    const nodes = (outs: string[], more: Record<string, AttrInput>) => [
      norm('x', outs, named('bn'), { ...more, momentum: float(0.7), epsilon: float(1e-3) }),
    ];
    const tensors = trained('bn');
    const file = build({ nodes: nodes(outputs.slice(0, count), attrs), tensors, opset });
    const plain = build({ nodes: nodes(['y'], {}), tensors, opset });
    const model = openModel(file);
    const saved = join(directory, `saved-${opset}.onnx`);
    saveModel(model, saved, new Map());
    const feeds = { x: x(2, 3, 4) };
    const expected = (await run(plain, feeds)).y!.data;
    expect((await run(saved, feeds)).y!.data).toEqual(expected);
    const graph = toGraph(model);
    expect(graph.nodes[0]).toMatchObject({ op: 'BatchNormalization', outputs: ['y'] });
    expect(graph.nodes[0]!.attrs.get('momentum')?.value).toBeCloseTo(0.7);
    for (const [k, v] of (await run(encodeGraph(graph), feeds)).y!.data.entries())
      expect(v).toBeCloseTo(expected[k]!, 5);
  });

  it('keeps outputs of running averages, which inference leaves as they are', async () => {
    const nodes = [norm('x', outputs.slice(0, 3), named('bn'), { training_mode: 1 })];
    const tensors = trained('bn');
    const graph = toGraph(openModel(build({ nodes, tensors, outputs: outputs.slice(0, 3) })));
    const found = await run(encodeGraph(graph), { x: x(2, 3, 4) });
    expect(found.mean!.data).toEqual(tensors['bn.running_mean']!.numbers());
    expect(found.variance!.data).toEqual(tensors['bn.running_var']!.numbers());
  });

  it('is refused where the statistics of a batch are read', () => {
    const nodes = [norm('x', outputs, named('bn')), node('Sqrt', ['savedVariance'], ['deviation'])];
    const file = build({ nodes, tensors: trained('bn'), outputs: ['y', 'deviation'], opset: 9 });
    expect(() => openModel(file)).toThrow(/'savedVariance', the statistics of a batch.*evaluation mode/);
  });

  it('drops out nothing', async () => {
    const tensors = { ratio: floats([0.5], []), training: Tensor.of('bool', [1], []) };
    const model = openModel(build({ nodes: [node('Dropout', ['x', 'ratio', 'training'], ['y'])], tensors }));
    const saved = join(directory, 'dropout.onnx');
    saveModel(model, saved, new Map());
    const feeds = { x: x(2, 3, 4) };
    expect((await run(saved, feeds)).y!.data).toEqual(feeds.x.numbers());
  });
});
