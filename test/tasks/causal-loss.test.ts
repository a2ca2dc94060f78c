// The graph of a causal language model's loss: logits at the tokens that count, and at no others.

import { describe, expect, it } from 'vitest';
import { compileGraph } from '#ortune/compile/compile.js';
import type { CompileRequest } from '#ortune/compile/protocol.js';
import { bytesTogether } from '#ortune/lower/memory.js';
import type { Dim } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { causalFixtures, readGolden } from '../golden.js';

const vocabulary = 320;

function compiledFor(
  fixture: (typeof causalFixtures)[number],
  request: Pick<CompileRequest, 'mode' | 'fields'>,
  more = {},
) {
  const golden = readGolden(fixture);
  const graph = toGraph(openModel(golden.file));
  const cached = (shape: readonly Dim[]) =>
    shape.map((d, axis) => (typeof d === 'number' ? d : axis === 0 ? batch : 0));
  const shapes = Object.fromEntries(
    graph.inputs.map(({ name, shape }) => [name, name.startsWith('past_') ? cached(shape!) : [batch, length]]),
  );
  return compileGraph(
    graph,
    { shapes, ...request },
    {
      trained: new Set(golden.parameters.map(({ places }) => places[0]!.name)),
      frozen: new Set(),
      dropout: { hidden: 0, attention: 0, head: 0 },
      labelSmoothing: 0,
      task: { name: 'causal-lm', options: { form: 'prompt', ...more } },
      family: fixture.family,
      kernels: new Set(),
    },
  );
}

const [batch, length, targets] = [3, 20, 7];

describe.each(causalFixtures)('$family', (fixture) => {
  it.each(['train', 'evaluate'] as const)('computes logits at as many tokens as count, in mode %s', (mode) => {
    const { graph } = compiledFor(fixture, { mode, fields: { target_positions: [targets] } });
    const values = graph.nodes.flatMap(({ outputs }) => outputs.filter(Boolean));
    const wide = values.map((name) => graph.shape(name)).filter((shape) => shape.at(-1) === vocabulary);
    expect(wide.some(([rows]) => rows === targets)).toBe(true);
    expect(wide.filter((shape) => shape.length > 2 || shape[0] === batch * length)).toEqual([]);
    // The cache of what follows is not computed.
    expect(graph.outputs.some(({ name }) => name.startsWith('present'))).toBe(false);
  });

  it('computes logits of many tokens a few at a time, in much less memory', () => {
    const bytes = (more: object): number => {
      const made = compiledFor(fixture, { mode: 'train', fields: { target_positions: [4096] } }, more);
      const bound = new Set([...made.trained, ...made.gradients.values()]);
      return bytesTogether([{ graph: made.graph, bound }], 'cpu');
    };
    const logits = 4 * 4096 * vocabulary;
    expect(bytes({}) - bytes({ mostLogits: 512 * vocabulary })).toBeGreaterThan(logits);
  });
});
