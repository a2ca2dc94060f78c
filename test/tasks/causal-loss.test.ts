// The graph of a causal language model's loss: logits at the tokens that count, and at no others.

import { describe, expect, it } from 'vitest';
import { compileGraph } from '#ortune/compile/compile.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { causalFixtures, readGolden } from '../golden.js';

describe.each(causalFixtures)('$family', (fixture) => {
  it.each(['train', 'evaluate'] as const)('computes logits at as many tokens as count, in mode %s', (mode) => {
    const golden = readGolden(fixture);
    const [batch, length, vocabulary, targets] = [3, 20, 320, 7];
    const graph = toGraph(openModel(golden.file));
    const shapes = Object.fromEntries(
      graph.inputs.map(({ name, shape }) => [
        name,
        name.startsWith('past_')
          ? shape!.map((d, axis) => (typeof d === 'number' ? d : axis === 0 ? batch : 0))
          : [batch, length],
      ]),
    );
    const compiled = compileGraph(
      graph,
      { mode, shapes, fields: { target_positions: [targets] } },
      {
        trained: new Set(golden.parameters.map(({ places }) => places[0]!.name)),
        frozen: new Set(),
        dropout: { hidden: 0, attention: 0, head: 0 },
        labelSmoothing: 0,
        task: { name: 'causal-lm', options: { form: 'prompt' } },
        family: fixture.family,
        kernels: new Set(),
      },
    );
    const values = compiled.graph.nodes.flatMap(({ outputs }) => outputs.filter(Boolean));
    const wide = values.map((name) => compiled.graph.shape(name)).filter((shape) => shape.at(-1) === vocabulary);
    expect(wide.some(([rows]) => rows === targets)).toBe(true);
    expect(wide.filter((shape) => shape.length > 2 || shape[0] === batch * length)).toEqual([]);
    // The cache of what follows is not computed.
    expect(compiled.graph.outputs.some(({ name }) => name.startsWith('present'))).toBe(false);
  });
});
