// The memory of graphs small enough to be counted by hand: a float32 [n] takes 4n bytes.

import { describe, expect, it } from 'vitest';
import { allocatedBytes, bytesTogether, runOrder } from '#ortune/lower/memory.js';
import { Builder } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { Graph, type Value } from '#ortune/onnx/graph.js';

const bytes = 4 * 1000;

function start(dtype: DataType = 'float32', shape = [1000]): { graph: Graph; b: Builder } {
  const graph = new Graph();
  graph.inputs.push({ name: 'x', dtype, shape });
  graph.types.set('x', { dtype, shape });
  return { graph, b: new Builder(graph) };
}

const finish = (graph: Graph, b: Builder, ...values: Value[]): Graph => {
  graph.outputs = values.map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
  return graph;
};

/** x → Exp → Tanh → Exp → …, so many nodes. */
function chain(nodes: number, { graph, b } = start()): Graph {
  let x = 'x';
  for (let i = 0; i < nodes; i++) x = b.op(i % 2 ? 'Tanh' : 'Exp', [x]);
  return finish(graph, b, x);
}

const all = (graph: Graph): ReadonlySet<Value> => new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
const count = (graph: Graph, kind: 'cpu' | 'cuda' | 'webgpu' = 'cpu') =>
  bytesTogether([{ graph, bound: all(graph) }], kind);

describe('the memory of a graph', () => {
  it('is that of two values in a chain, whose inputs and outputs are brought along', () => {
    expect(count(chain(1))).toBe(0);
    expect(count(chain(2))).toBe(bytes);
    expect(count(chain(8))).toBe(2 * bytes);
  });

  it('keeps what is read later', () => {
    const { graph, b } = start();
    const early = b.op('Exp', ['x']);
    let y = early;
    for (let i = 0; i < 5; i++) y = b.op('Tanh', [y]);
    expect(count(finish(graph, b, b.op('Add', [y, early])))).toBe(3 * bytes);
  });

  it('does not count a view, on a device but for an Identity', () => {
    const { graph, b } = start();
    const made = b.op('Exp', ['x']);
    const seen = b.op('Identity', [b.op('Reshape', [made, b.ints([10, 100])])]);
    const last = b.op('Tanh', [seen]);
    finish(graph, b, b.op('Exp', [last]));
    expect(count(graph)).toBe(2 * bytes);
    expect(count(graph, 'cuda')).toBe(2 * bytes);
    const { graph: other, b: o } = start();
    const copy = o.op('Identity', [o.op('Exp', ['x'])]);
    finish(other, o, o.op('Tanh', [copy]));
    expect([count(other), count(other, 'cuda')]).toEqual([bytes, 2 * bytes]);
  });

  it('counts elements by their type', () => {
    expect(count(chain(8, start('float16')))).toBe(bytes);
    expect(count(chain(8, start('float64')))).toBe(4 * bytes);
  });

  it('holds memory for later values of its size, as the runtime plans it', () => {
    const { graph, b } = start();
    // The first, of 4 kB, is read no more when two of 8 kB are there, but its memory waits for a half of the last.
    const one = b.op('Exp', ['x']);
    const doubled = b.op('Concat', [one, one], { axis: 0 });
    const larger = b.op('Tanh', [b.op('Exp', [doubled])]);
    const [left, right] = b.ops('Split', [larger], { axis: 0, num_outputs: 2 }, { outputs: 2 });
    finish(graph, b, b.op('Add', [left!, right!]));
    expect(count(graph)).toBe((1 + 2 + 2) * bytes);
  });

  it('has one value where nodes repeat each other, for all who read it', () => {
    const { graph, b } = start();
    const twice = [0, 1].map(() => b.op('Exp', ['x']));
    const far = b.op('Tanh', [b.op('Sqrt', [b.op('Tanh', [twice[0]!])])]);
    finish(graph, b, b.op('Add', [far, twice[1]!]));
    expect(count(graph)).toBe(3 * bytes);
  });

  it('has copies of inputs and outputs on a device', () => {
    const graph = chain(8);
    expect(bytesTogether([{ graph, bound: new Set() }], 'cuda')).toBe(4 * bytes);
    expect(bytesTogether([{ graph, bound: new Set(['x']) }], 'cuda')).toBe(3 * bytes);
  });
});

describe('several graphs', () => {
  const graphs = [chain(8), chain(8, start('float32', [2000])), chain(8, start('float32', [500]))].map((graph) => ({
    graph,
    bound: all(graph),
  }));

  it('share an arena on the CPU, buffers of a size on WebGPU, and on CUDA the two largest are kept', () => {
    expect(bytesTogether(graphs, 'cpu')).toBe(4 * bytes);
    expect(bytesTogether(graphs, 'cuda')).toBe(6 * bytes);
    // Two of each size, each a power of two.
    expect(bytesTogether(graphs, 'webgpu')).toBe(2 * (4096 + 8192 + 2048));
    expect(bytesTogether([graphs[0]!, graphs[0]!], 'webgpu')).toBe(2 * 4096);
  });
});

it('memory of WebGPU is cut by halving, where it is below 4 MiB', () => {
  expect([1, 16, 17, 5000].map((n) => allocatedBytes(n, 'webgpu'))).toEqual([16, 16, 32, 8192]);
  expect(allocatedBytes(5e6, 'webgpu')).toBe(5e6);
  expect(allocatedBytes(5000, 'cuda')).toBe(5000);
});

it('the runtime goes back from the last node that nobody reads', () => {
  const { graph, b } = start();
  const shared = b.op('Exp', ['x']);
  const first = b.op('Tanh', [shared]);
  const left = b.op('Sqrt', [shared]);
  const second = b.op('Add', [left, shared]);
  finish(graph, b, first, second);
  expect(runOrder(graph).map(({ op }) => op)).toEqual(['Exp', 'Sqrt', 'Add', 'Tanh']);
});
