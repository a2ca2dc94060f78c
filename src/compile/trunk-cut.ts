// Where the frozen trunk of an opened model ends, for all the shapes that its batches have, and the hash that says what
// the trunk computes. Runs in the model worker, as everything that builds graphs.

import { createHash } from 'node:crypto';
import type { InputShapes } from '../data/slots.js';
import type { TypedArray } from '../onnx/dtype.js';
import type { Graph } from '../onnx/graph.js';
import { elementCount } from '../onnx/tensor.js';
import { type CutValue, findCut } from '../trunk/cut.js';
import { type CompileOptions, compile, restored, taskOutputs } from './compile.js';
import type { CutRequest, TrunkCut } from './protocol.js';

/** Undefined where there is no frozen trunk, or one whose values depend on more than the samples and their length. */
export function trunkCut(
  source: Graph,
  { shapes, batch, oneMore }: CutRequest,
  options: CompileOptions,
  bytesOf: (constant: string) => TypedArray,
): TrunkCut | undefined {
  const changing = new Set([...options.trained, ...(options.statistics ?? [])]);
  const at = (inputs: InputShapes): Graph => {
    const graph = restored(source, inputs, changing);
    const wanted = new Set(Object.values(taskOutputs(graph, options.task)));
    graph.outputs = graph.outputs.filter(({ name }) => wanted.has(name));
    return graph;
  };
  const graphs = shapes.map(at);
  const cut = findCut(graphs.at(-1)!, batch, changing, { graph: at(oneMore), batch: batch + 1 });
  if (!cut) return undefined;
  const values = cut.values.map(({ name }) => name);
  // A shape at which a value has another name, or is one for all samples, has another trunk.
  const fits = (graph: Graph, name: string) =>
    graph.types.has(name) && !graph.initializers.has(name) && elementCount(graph.shape(name)) % batch === 0;
  if (!graphs.every((graph) => values.every((name) => fits(graph, name)))) return undefined;
  const types = graphs.map((graph) => values.map((name): CutValue => ({ name, ...graph.type(name) })));
  const { model, constants, inPlace } = compile(
    source,
    { mode: 'trunk', shapes: shapes.at(-1)!, cut: values },
    options,
  );
  const hash = createHash('sha256').update(JSON.stringify(values)).update(model);
  for (const { data } of inPlace.values()) hash.update(data);
  for (const name of constants) if (!inPlace.has(name)) hash.update(bytesOf(name));
  return { values, types, workPerSample: cut.workPerSample, hash: hash.digest('hex') };
}
