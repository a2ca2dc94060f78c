// How deep parameters lie: as timm's layer-wise decay has it, and in encoders, CNNs and graphs without layers.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Graph } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { depthsOf } from '#ortune/transfer/depth.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { fixture } from '../support/exported.js';

const fixtures = new URL('../fixtures/', import.meta.url).pathname;
const golden: { decay: number; networks: Record<string, Record<string, number>> } = JSON.parse(
  readFileSync(`${fixtures}layer-decay/timm.json`, 'utf8'),
);

/** Depths by readable name. */
function depths(file: string): Map<string, number> {
  const model = openModel(file);
  const graph = toGraph(model);
  const { trainable } = chooseParameters(model, graph);
  const found = depthsOf(graph, trainable);
  expect(found).toBeDefined();
  return new Map(trainable.map(({ name, alias }) => [alias, found!.get(name)!]));
}

describe.each(Object.keys(golden.networks))('%s', (name) => {
  it.each(['dynamo'])('the rates are those of timm (%s)', (exporter) => {
    const found = depths(`${fixtures}vision/${name}-${exporter}.onnx`);
    const rates = golden.networks[name]!;
    const top = Math.max(...found.values());
    const known = [...found].filter(([alias]) => alias in rates);
    expect(known.length).toBeGreaterThan(0.8 * found.size);
    for (const [alias, depth] of known)
      expect([alias, golden.decay ** (top - depth)]).toEqual([alias, expect.closeTo(rates[alias]!, 12)]);
  });
});

it.each(['bert', 'distilbert', 'roberta', 'electra', 'mpnet'] as const)('an encoder: %s', (family) => {
  for (const exporter of ['torchscript', 'dynamo'] as const)
    for (const [alias, depth] of depths(fixture('encoders', family, exporter))) {
      const [, index] = /layer\.(\d+)\./.exec(alias) ?? [];
      const layers = 2;
      const expected = /classifier/.test(alias)
        ? layers + 1
        : /pooler|LayerNorm_f/.test(alias)
          ? layers
          : index
            ? Number(index) + 1
            : undefined;
      if (expected !== undefined) expect([alias, depth]).toEqual([alias, expected]);
      if (/embeddings\./.test(alias)) expect([alias, depth]).toEqual([alias, 0]);
    }
});

it('a residual network counts its blocks', () => {
  const found = depths(`${fixtures}vision/resnet-opset11.onnx`);
  const blocks = ['layer1.layer1.0.', 'layer2.layer2.0.', 'layer3.layer3.0.', 'layer4.layer4.0.'];
  expect([...new Set(found.values())].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  for (const [alias, depth] of found) {
    const block = blocks.findIndex((name) => alias.startsWith(name));
    expect([alias, depth]).toEqual([alias, alias.startsWith('fc.') ? 5 : block + 1]);
  }
});

it('names that paths of TorchScript repeat are those of one layer', () => {
  const found = depths(`${fixtures}vision/swin-torchvision-opset13.onnx`);
  expect(found.get('features.features.1.features.1.0.attn.bias')).toBe(2);
  expect(found.get('features.1.0.norm2.weight')).toBe(2);
  expect(Math.max(...found.values())).toBe(6);
});

it('a stem of single operators is one layer, and blocks of a sequence are layers', () => {
  const found = depths(`${fixtures}vision/efficientnet-dynamo.onnx`);
  const of = (start: string): number[] => [
    ...new Set([...found].filter(([alias]) => alias.startsWith(start)).map(([, depth]) => depth)),
  ];
  expect([of('features.0.'), of('features.1.'), of('features.2.0.'), of('features.2.1.'), of('classifier.')]).toEqual([
    [1],
    [2],
    [3],
    [4],
    [Math.max(...found.values())],
  ]);
});

it('stages come in the order of the graph, not of the names, and what lies between belongs to the layer before', () => {
  const node = (...inputs: string[]) => ({ inputs });
  const graph = {
    nodes: [node('t'), node('d'), node('a'), node('e1'), node('e0'), node('n'), node('b'), node('f'), node('h')],
  };
  const aliases = {
    t: 'table',
    a: 'enc.layers.1.a',
    b: 'dec.layers.0.a',
    e1: 'enc.layers.0.e',
    e0: 'enc.layers.0.f',
    n: 'norm',
    d: 'enc.layers.1.down',
    f: 'dec.norm',
  };
  const parameters = Object.entries(aliases).map(([name, alias]) => ({ name, alias, head: false }));
  expect(
    Object.fromEntries(depthsOf(graph as unknown as Graph, [...parameters, { name: 'h', alias: 'head', head: true }])!),
  ).toEqual({
    ...{ t: 0, d: 1, a: 1, e1: 2, e0: 2, n: 2, b: 3, f: 3, h: 4 },
  });
});

it('names that show no layers have no depth', () => {
  const graph = { nodes: [] } as unknown as Graph;
  expect(depthsOf(graph, [{ name: 'w', alias: 'conv.weight', head: false }])).toBeUndefined();
});
