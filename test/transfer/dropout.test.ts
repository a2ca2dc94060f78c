import { describe, expect, test } from 'vitest';
import { ensureHead } from '#ortune/heads/classification.js';
import { Builder } from '#ortune/onnx/builder.js';
import { attrFloat, attrInt } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { recognisePatterns } from '#ortune/onnx/restore/restore.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { insertDropout, keyInput } from '#ortune/transfer/dropout.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { type Exporter, encoders, type Family, fixture } from '../support/exported.js';

const rates = { hidden: 0.1, attention: 0.2, head: 0.3 };

function withDropout(
  family: Family,
  exporter: Exporter,
  length = 12,
  used = rates,
  layers: number[] = [],
  freeze: string[] = [],
) {
  const file = openModel(fixture('encoders', family, exporter));
  const model =
    layers.length > 0 ? ensureHead(file, { labels: 3, seed: 0, layers, config: { model_type: family } }).model : file;
  const source = toGraph(model);
  const names = new Set(chooseParameters(model, source, { freeze }).trainable.map(({ name }) => name));
  const shapes = Object.fromEntries(source.inputs.map(({ name }) => [name, [4, length]]));
  const graph = specialize(source, shapes, { trainable: names });
  recognisePatterns(graph);
  const counts = insertDropout(new Builder(graph), 'logits', used, {
    family,
    ...(freeze.length > 0 && { trained: names }),
  });
  return { graph, counts, nodes: graph.nodes.filter(({ op }) => op === 'Dropout') };
}

// Places of two layers as the training code of the transformers library has them.
const places: Record<Family, { hidden: number; attention: number; head: number }> = {
  bert: { hidden: 5, attention: 2, head: 1 },
  distilbert: { hidden: 3, attention: 2, head: 1 },
  roberta: { hidden: 5, attention: 2, head: 2 },
  albert: { hidden: 3, attention: 2, head: 1 },
  electra: { hidden: 5, attention: 2, head: 2 },
  mpnet: { hidden: 5, attention: 2, head: 2 },
};

describe.each(encoders)('%s by %s', (family, exporter) => {
  test('has dropout where its training code has it', () => {
    const { counts, nodes } = withDropout(family, exporter);
    expect(counts).toEqual(places[family]);
    const ratios = nodes.map((node) => Number(attrFloat(node, 'ratio', 0).toFixed(6)));
    for (const [kind, count] of Object.entries(counts))
      expect(ratios.filter((ratio) => ratio === rates[kind as keyof typeof rates])).toHaveLength(count);
    expect(nodes.every(({ domain, inputs }) => domain === 'ortune' && inputs[1] === keyInput)).toBe(true);
  });

  test('has the same numbers for every shape and for other rates, and values before their readers', () => {
    const { graph, nodes } = withDropout(family, exporter);
    const ids = nodes.map((node) => attrInt(node, 'id', -1));
    expect(ids).toEqual(nodes.map((_, i) => i));
    const idsByInput = new Map(nodes.map((node) => [node.inputs[0], attrInt(node, 'id', -1)]));
    const other = withDropout(family, exporter, 7, { ...rates, attention: 0 });
    for (const node of other.nodes) expect(attrInt(node, 'id', -2)).toBe(idsByInput.get(node.inputs[0]));
    expect(other.nodes.length).toBe(nodes.length - 2);
    const known = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys(), '']);
    for (const node of graph.nodes) {
      for (const input of node.inputs) expect(known.has(input)).toBe(true);
      for (const output of node.outputs) known.add(output);
    }
  });
});

describe.each(encoders)('%s by %s with frozen parameters', (family, exporter) => {
  const idOf = (node: { attrs: Parameters<typeof attrInt>[0]['attrs'] }) => Number(node.attrs.get('id')!.value);
  const all = withDropout(family, exporter);
  const frozen = (...freeze: string[]) => withDropout(family, exporter, 12, rates, [], freeze);

  test('has it behind the first trained one only, with the numbers it has otherwise', () => {
    const head = frozen('trunk');
    expect(head.counts).toEqual(all.counts);
    expect(head.nodes.map(idOf)).toEqual(all.nodes.slice(-places[family].head).map(idOf));
    // The embeddings are frozen, what reads them is not.
    expect(frozen('*embeddings.*').nodes.map(idOf)).toEqual(all.nodes.map(idOf));
  });

  test('has it in a frozen layer above a trained one', () => {
    if (family === 'albert') return expect(all.nodes.length).toBeGreaterThan(0); // one layer, used twice
    expect(frozen('*layer.1.*').nodes.map(idOf)).toEqual(all.nodes.map(idOf));
  });
});

test.each(encoders)('%s by %s has dropout before every hidden layer of a new head', (family, exporter) => {
  const { counts, graph, nodes } = withDropout(family, exporter, 12, rates, [8, 4]);
  // The old head's dense layer, where it has one of the name, is before the vector that the new head starts from.
  const dense = ['roberta', 'electra', 'mpnet'].includes(family) ? 1 : 0;
  expect(counts).toEqual({ ...places[family], head: 3 + dense });
  const readers = nodes.slice(-3).map(({ outputs }) =>
    graph
      .consumers()
      .get(outputs[0]!)!
      .map(({ inputs }) => inputs[1]),
  );
  expect(readers).toEqual([
    ['classifier.hidden.0.weight'],
    ['classifier.hidden.1.weight'],
    ['classifier.out_proj.weight'],
  ]);
});

test('every reader but the one of another place sees the dropped value', () => {
  const { graph, nodes } = withDropout('bert', 'torchscript');
  for (const { inputs } of nodes)
    expect(
      graph
        .consumers()
        .get(inputs[0]!)!
        .map(({ op }) => op),
    ).toEqual(['Dropout']);
});

test('rates of 0 leave the graph as it was', () => {
  const { graph, nodes } = withDropout('bert', 'dynamo', 12, { hidden: 0, attention: 0, head: 0 });
  expect(nodes).toEqual([]);
  expect(graph.inputs.map(({ name }) => name)).not.toContain(keyInput);
});
