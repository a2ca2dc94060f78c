// Samples that share rows: which go together, what a row then is, and of which graphs they are kept apart. What such
// graphs compute is compared with PyTorch in goldens.test.ts.

import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { samplesOf, textTable } from '#ortune/data/samples.js';
import { type Graph, prune, type Value } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { ModelProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { refuseMixing } from '#ortune/tasks/causal/by-token.js';
import { readPositions } from '#ortune/tasks/causal/own-positions.js';
import { madeRow } from '#ortune/tasks/causal/row-table.js';
import type { RowOptions } from '#ortune/tasks/causal/rows.js';
import { bestFit, inSharedRows } from '#ortune/tasks/causal/shared-rows.js';
import { causalFixtures, compileGolden, inOneRow, readGolden } from '../golden.js';
import { writeDecoder } from '../support/decoders.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('which samples go together', () => {
  it.each([
    [[], 8, []],
    [[8], 8, [[0]]],
    [[5, 8, 3], 8, [[0, 2], [1]]],
    // The longest first, each where the least room is left: 5 + 3, 4 + 4, 2.
    [[4, 2, 3, 5, 4], 8, [[0, 4], [1], [2, 3]]],
    [
      [1, 1, 1, 1, 1],
      3,
      [
        [0, 1, 2],
        [3, 4],
      ],
    ],
  ])('%j in rows of %i: %j', (sizes, room, expected) => {
    expect(bestFit(sizes, room)).toEqual(expected);
  });

  it('loses none and overfills none', () => {
    const sizes = Array.from({ length: 500 }, (_, i) => 1 + ((i * 7919) % 61));
    const groups = bestFit(sizes, 64);
    expect(groups.flat().sort((a, b) => a - b)).toEqual([...sizes.keys()]);
    for (const group of groups) expect(group.reduce((sum, i) => sum + sizes[i]!, 0)).toBeLessThanOrEqual(64);
    expect(sizes.reduce((sum, size) => sum + size, 0) / (64 * groups.length)).toBeGreaterThan(0.98);
  });
});

describe('a row that samples share', () => {
  const encoding = { directory: writeDecoder(temporaryDirectory('shared'), 'gpt2'), maxLength: 40 };
  const rows: RowOptions = { form: 'prompt', maxLength: 40, keep: 'start', wholeLoss: false };
  const samples = [
    { text: 'the quick', pair: ' brown fox' },
    { text: 'what is the colour of the sky? '.repeat(6), pair: ' blue' },
    { text: 'a dog', pair: ' has four legs' },
    { text: 'how many', pair: '' },
  ];

  it('has each as it is alone, with its own places, and what is left out or cut is said', async () => {
    const apart = await Promise.all(
      [samples[0]!, samples[2]!].map((one) => inSharedRows({ ...encoding, rows }, [textTable([one])])),
    );
    const together = await inSharedRows({ ...encoding, rows }, [textTable(samples)]);
    const rowsOf = ({ tables: [table] }: Awaited<ReturnType<typeof inSharedRows>>) => {
      const members = Uint32Array.from({ length: table!.count }, (_, i) => i);
      const { slices, location } = samplesOf(table!, members, { index: 0 });
      return [...members].map((row) => ({ ...madeRow(slices, row), place: location(row) }));
    };
    const [[first], [second]] = apart.map(rowsOf) as [ReturnType<typeof rowsOf>, ReturnType<typeof rowsOf>];
    const [row, ...others] = rowsOf(together);
    expect(others).toEqual([]);
    expect(row!.ids).toEqual([...first!.ids, ...second!.ids]);
    expect(row!.counted).toEqual([...first!.counted, ...second!.counted]);
    expect(row!.places).toEqual([...first!.ids.keys(), ...second!.ids.keys()]);
    expect(row!.bytes).toBe(first!.bytes + second!.bytes);
    expect(row!.place).toBe('text:1');
    expect(together.windows).toEqual([undefined]);
    expect(together.notes).toEqual([
      'text: 1 of 4 samples are longer than 40 tokens and are cut at their end',
      expect.stringMatching(/^text: 2 of 4 samples have no token that counts and are left out, the first at text:2/),
    ]);
  });
});

const graphOf = (family: string): Graph => {
  const { file } = readGolden(causalFixtures.find((one) => one.family === family)!);
  const graph = toGraph(openModel(file));
  graph.outputs = graph.outputs.filter(({ name }) => name === 'logits');
  prune(graph);
  return graph;
};

/** Puts nodes before all others; [operator, inputs, output, attributes]. */
function before(graph: Graph, nodes: readonly [string, Value[], Value, Record<string, number>?][]): void {
  const made = nodes.map(([op, inputs, output, attrs = {}]) => ({
    ...{ name: `new ${output}`, op, domain: '', inputs, outputs: [output] },
    attrs: new Map(Object.entries(attrs).map(([key, value]) => [key, { kind: 'int', value } as const])),
  }));
  graph.nodes.unshift(...made);
}

const number = (graph: Graph, name: Value, values: readonly number[], shape: readonly number[]): Value => {
  graph.initializers.set(name, Tensor.of('int64', values, shape));
  return name;
};

describe('a graph', () => {
  it('is masked in the fused attention of every layer', () => {
    const golden = inOneRow(readGolden(causalFixtures[0]!));
    const kernels = new Set(['ortune.Attention']);
    const { compiled } = compileGolden(golden, 'evaluate', kernels, 'cpu', 'float32', { sharedRows: true });
    const { node: nodes } = fromBinary(ModelProtoSchema, compiled.model).graph!;
    const fused = nodes.filter(({ opType }) => opType === 'Attention');
    expect(fused).toHaveLength(2);
    expect(nodes.some(({ opType }) => opType === 'Softmax')).toBe(false);
    // One mask for all layers.
    expect(new Set(fused.map(({ input }) => input[3])).size).toBe(1);
  });

  it.each(causalFixtures.map(({ family }) => family))('of %s is proven to treat tokens alone', (family) => {
    const graph = graphOf(family);
    readPositions(graph);
    refuseMixing(graph, new Set());
    expect(graph.inputs.map(({ name }) => name)).toContain('position_ids');
  });

  const ownPositions = (graph: Graph): void => {
    graph.inputs = graph.inputs.filter(({ name }) => name !== 'position_ids');
  };

  it('that counts positions of learned vectors itself is refused', () => {
    const graph = graphOf('gpt2');
    ownPositions(graph);
    const [zero, one] = [number(graph, 'zero', [0], []), number(graph, 'one', [1], [])];
    before(graph, [
      ['Shape', ['input_ids'], 'sizes'],
      ['Gather', ['sizes', one], 'size'],
      ['Range', [zero, 'size', one], 'counted'],
      ['Unsqueeze', ['counted', number(graph, 'first', [0], [1])], 'position_ids'],
    ]);
    readPositions(graph);
    expect(() => refuseMixing(graph, new Set())).toThrow(
      /packing samples: node .*Add.* tells tokens their places in the row, which are not those of input 'position_ids'/,
    );
  });

  it('that counts them by the attention mask is refused', () => {
    const graph = graphOf('gpt2');
    ownPositions(graph);
    const one = number(graph, 'one', [1], []);
    before(graph, [
      ['CumSum', ['attention_mask', one], 'counted'],
      ['Sub', ['counted', one], 'position_ids'],
    ]);
    expect(() => refuseMixing(graph, new Set())).toThrow(/tells tokens their places in the row/);
  });

  it.each([
    ['ReduceMean', /\(ReduceMean\) computes along the tokens/],
    ['CumSum', /\(CumSum\) is not known to treat every token by itself/],
  ])('with a %s over the tokens is refused', (op, message) => {
    const graph = graphOf('llama');
    const embedded = graph.nodes.findIndex(({ outputs }) => outputs.includes('/m/model/embed_tokens/Gather_output_0'));
    const gather = graph.nodes[embedded]!;
    const [x] = gather.outputs as [Value];
    gather.outputs = ['raw'];
    const axis = number(graph, 'axis', [1], op === 'CumSum' ? [] : [1]);
    before(graph, [
      [op, ['raw', axis], 'mixed'],
      ['Add', ['raw', 'mixed'], x],
    ]);
    graph.nodes.unshift(...graph.nodes.splice(embedded + 2, 1));
    expect(() => refuseMixing(graph, new Set())).toThrow(message);
  });

  it('without attention is refused', () => {
    const graph = graphOf('llama');
    const { outputs, inputs } = graph.nodes.find(({ op }) => op === 'Gather')!;
    const head = graph.nodes.at(-1)!;
    head.inputs[0] = outputs[0]!;
    expect(inputs).toContain('input_ids');
    prune(graph);
    expect(() => refuseMixing(graph, new Set())).toThrow(/no attention is recognised between the tokens/);
  });
});
