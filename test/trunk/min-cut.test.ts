import { describe, expect, it } from 'vitest';
import { hash } from '#ortune/random.js';
import { type FlowGraph, minVertexCut } from '#ortune/trunk/min-cut.js';

const never = Number.POSITIVE_INFINITY;

/** Whether a way leads from a source to a sink that avoids `cut`. */
function connected({ edges, sources, sinks }: FlowGraph, cut: ReadonlySet<number>): boolean {
  const reached = new Set([...sources].filter((v) => !cut.has(v)));
  for (const v of reached) for (const [from, to] of edges) if (from === v && !cut.has(to)) reached.add(to);
  return [...sinks].some((v) => reached.has(v));
}

/** The least cost of all cuts, by trying each set of vertices. */
function leastCost(graph: FlowGraph): number {
  let least = never;
  for (let set = 0; set < 2 ** graph.costs.length; set++) {
    const cut = new Set(graph.costs.flatMap((_, v) => ((set >> v) & 1 ? [v] : [])));
    if (!connected(graph, cut)) least = Math.min(least, costOf(graph, [...cut]));
  }
  return least;
}

const costOf = ({ costs }: FlowGraph, cut: readonly number[]): number => cut.reduce((sum, v) => sum + costs[v]!, 0);

describe('the cheapest cut', () => {
  it('is one vertex of a chain, the last of those that cost the same', () => {
    const chain = {
      edges: [[0, 1] as const, [1, 2] as const, [2, 3] as const],
      sources: new Set([0]),
      sinks: new Set([3]),
    };
    expect(minVertexCut({ costs: [5, 2, 3, 4], ...chain })).toEqual([1]);
    expect(minVertexCut({ costs: [5, 2, 2, 4], ...chain })).toEqual([2]);
    expect(minVertexCut({ costs: [1, 2, 2, 1], ...chain })).toEqual([3]);
  });

  it('is a vertex that is source and sink at once', () => {
    expect(minVertexCut({ costs: [7, 1], edges: [[0, 1]], sources: new Set([0]), sinks: new Set([0, 1]) })).toEqual([
      0,
    ]);
  });

  it('avoids what must not be cut, and there is none where everything must not', () => {
    const graph = { edges: [[0, 1] as const], sources: new Set([0]), sinks: new Set([1]) };
    expect(minVertexCut({ costs: [never, 9], ...graph })).toEqual([1]);
    expect(minVertexCut({ costs: [never, never], ...graph })).toBeUndefined();
  });

  it('is empty where nothing leads from the sources to the sinks', () => {
    expect(minVertexCut({ costs: [1, 1], edges: [], sources: new Set([0]), sinks: new Set([1]) })).toEqual([]);
  });

  it('costs as little as the best of all sets of vertices, in graphs drawn at random', () => {
    for (let n = 0; n < 60; n++) {
      const at = (stream: number, i: number, below: number) => hash(n, stream, i) % below;
      const count = 9;
      const pairs = Array.from({ length: count * count }, (_, i) => [Math.floor(i / count), i % count] as const);
      const graph: FlowGraph = {
        costs: Array.from({ length: count }, (_, v) => 1 + at(1, v, 6)),
        edges: pairs.filter(([from, to], i) => from < to && at(2, i, 3) === 0),
        sources: new Set([0, at(3, 0, 4)]),
        sinks: new Set([count - 1, 4 + at(3, 1, 5)]),
      };
      const cut = minVertexCut(graph)!;
      expect(connected(graph, new Set(cut)), `graph ${n}`).toBe(false);
      expect(costOf(graph, cut), `graph ${n}`).toBe(leastCost(graph));
    }
  });
});
