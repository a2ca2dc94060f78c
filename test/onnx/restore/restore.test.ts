import { describe, expect, it } from 'vitest';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { recognisePatterns } from '#ortune/onnx/restore/restore.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { fixtures, readGolden } from '../../golden.js';
import { encoderFeeds, largestDifference, outputsOf } from '../graphs.js';

describe.each(fixtures)('$family from the $exporter exporter', (fixture) => {
  it('gives the same logits from restored operators', async () => {
    const source = toGraph(openModel(readGolden(fixture).file));
    const feeds = encoderFeeds(source, 3, 11);
    const graph = specialize(source, Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, t.shape])));
    recognisePatterns(graph);
    const operators = graph.nodes.map((n) => n.op);
    expect(operators.filter((op) => op === 'LayerNormalization')).toHaveLength(5);
    expect(operators.filter((op) => op === 'Gelu').length).toBeGreaterThanOrEqual(2);
    expect(operators.filter((op) => /^(Erf|Pow|IsNaN)$/.test(op))).toEqual([]);
    const [before, after] = [await outputsOf(source, feeds), await outputsOf(graph, feeds)];
    expect(largestDifference(before.get('logits')!, after.get('logits')!)).toBeLessThan(2e-6);
  });
});
