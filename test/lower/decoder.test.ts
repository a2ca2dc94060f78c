// The parts of decoders that become one operator each in the training graph, whatever the exporter made of them, and
// what is left to be kept for backward. Their numbers beside PyTorch's: goldens-device.test.ts.

import { describe, expect, it } from 'vitest';
import { compileGraph } from '#ortune/compile/compile.js';
import { type Node, operatorKey } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { causalFixtures, readGolden } from '../golden.js';

const kernels = ['Attention', 'RmsNorm', 'RmsNormGrad', 'SwiGlu', 'SwiGluGrad', 'Rotary'].map((op) => `ortune.${op}`);
kernels.push('ortune.AttentionGrad', 'ortune.CrossEntropy', 'ortune.CrossEntropyGrad');
const [batch, length] = [2, 12];

function compiled(family: string): readonly Node[] {
  const golden = readGolden(causalFixtures.find((fixture) => fixture.family === family)!);
  const graph = toGraph(openModel(golden.file));
  const shapes = Object.fromEntries(
    graph.inputs.map(({ name, shape }) => [
      name,
      name.startsWith('past_')
        ? shape!.map((d, i) => (typeof d === 'number' ? d : i === 0 ? batch : 0))
        : [batch, length],
    ]),
  );
  // As the model worker has it: what the task does not read is no output.
  graph.outputs = graph.outputs.filter(({ name }) => name === 'logits');
  const parameters = golden.parameters.map(({ places }) => places[0]!.name);
  return compileGraph(
    graph,
    { mode: 'train', shapes, fields: { target_positions: [9] } },
    {
      trained: new Set(parameters),
      frozen: new Set(),
      dropout: { hidden: 0, attention: 0, head: 0 },
      labelSmoothing: 0,
      task: { name: 'causal-lm', options: { form: 'text' } },
      family,
      kernels: new Set(kernels),
    },
  ).graph.nodes;
}

const count = (nodes: readonly Node[], op: string): number =>
  nodes.filter((node) => operatorKey(node) === `ortune.${op}`).length;

describe('the training graph of two layers', () => {
  // Norms of each layer, and of queries and keys where the family has them. Those that weights' gradients read are made
  // once more. The last one, of the tokens that count, stays as it is.
  it.each([
    ['llama', { RmsNorm: 4 + 4, SwiGlu: 2 + 2, Rotary: 4 + 4 }],
    ['qwen3', { RmsNorm: 8 + 4, SwiGlu: 2 + 2, Rotary: 4 + 4 }],
    ['gemma', { RmsNorm: 4 + 4, SwiGlu: 0, Rotary: 4 + 4 }],
  ])('%s has one operator for each of its parts, forward and backward', (family, parts) => {
    const nodes = compiled(family);
    const found = Object.fromEntries(Object.keys(parts).map((op) => [op, count(nodes, op)]));
    expect(found).toEqual(parts);
    expect([count(nodes, 'Attention'), count(nodes, 'AttentionGrad')]).toEqual([2, 2]);
    expect(count(nodes, 'RmsNormGrad')).toBe(family === 'qwen3' ? 8 : 4);
    const left = new Set(nodes.map(({ op }) => op));
    for (const op of ['Softmax', 'FusedMatMul', 'Slice', 'Pad']) expect([op, left.has(op)]).toEqual([op, false]);
  });

  it('reads keys and values where they are, once for all heads that share them', () => {
    const [node] = compiled('llama').filter(({ op }) => op === 'Attention');
    expect([node!.attrs.get('heads')!.value, node!.attrs.get('kv_heads')!.value]).toEqual([4, 2]);
  });

  it('makes copies of cheap parts that wait for a gradient', () => {
    const nodes = compiled('llama');
    const again = nodes.filter(({ name }) => name.startsWith('again.'));
    const made = new Map(nodes.flatMap((node) => node.outputs.map((y) => [y, node] as const)));
    for (const node of again) expect(made.get(node.inputs.at(-1)!)!.outputs[0]).toMatch(/^grad\.|again/);
  });
});
