// Where the trunks of exported models are cut, and that the two parts on the stock runtime give what the whole gives.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lower } from '#ortune/lower/lower.js';
import { type Graph, prune } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { recognisePatterns } from '#ortune/onnx/restore/restore.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { elementCount, Tensor } from '#ortune/onnx/tensor.js';
import { hash, normals } from '#ortune/random.js';
import { chooseParameters, logitsOf } from '#ortune/transfer/parameters.js';
import { type Cut, findCut, keepAbove, keepBelow } from '#ortune/trunk/cut.js';
import { encoders, exporters, fixture } from '../support/exported.js';
import { runStock } from '../support/onnxruntime.js';

const batch = 4;
const length = 12;
const image = (name: string) => join(import.meta.dirname, '../fixtures/cnn', `${name}.onnx`);
const text = (size: number) => [size, length];
const pixels = (size: number) => [size, 3, 16, 16];

/** The model at a batch, restored, with what is trained. */
function open(path: string, freeze: string[], shape: (size: number) => number[]) {
  const model = openModel(path);
  const source = toGraph(model);
  source.outputs = source.outputs.filter(({ name }) => name === logitsOf(source));
  prune(source);
  const trained = new Set(chooseParameters(model, source, { freeze }).trainable.map(({ name }) => name));
  const at = (size: number): Graph => {
    const graph = specialize(source, Object.fromEntries(source.inputs.map(({ name }) => [name, shape(size)])), {
      trainable: trained,
    });
    recognisePatterns(graph);
    return graph;
  };
  const graph = at(batch);
  const other = { graph: at(batch + 1), batch: batch + 1 };
  return { graph, trained, cut: findCut(graph, batch, trained, other) };
}

const shapesOf = (cut: Cut | undefined) => cut?.values.map(({ dtype, shape }) => `${dtype} ${shape.join('x')}`);

function inputsOf(graph: Graph): Map<string, Tensor> {
  return new Map(
    graph.inputs.map(({ name, dtype }, stream) => {
      const shape = graph.shape(name);
      const count = elementCount(shape);
      // Two rows of four are padded.
      const token = (i: number) =>
        name === 'attention_mask'
          ? Number(i % length < 6 || Math.floor(i / length) % 2 === 0)
          : name === 'token_type_ids'
            ? 0
            : 5 + (hash(1, stream, i) % 20);
      return [
        name,
        dtype === 'float32'
          ? Tensor.of(dtype, normals(1, stream, count, 1), shape)
          : Tensor.of(
              dtype,
              Array.from({ length: count }, (_, i) => token(i)),
              shape,
            ),
      ];
    }),
  );
}

/** What the parts compute one after the other, and what the whole does. */
async function outputs({ graph, cut }: { graph: Graph; cut: Cut | undefined }) {
  const names = cut!.values.map(({ name }) => name);
  const [below, above] = [graph.clone(), graph.clone()];
  keepBelow(below, names);
  keepAbove(above, names);
  const inputs = inputsOf(graph);
  for (const part of [graph, below, above]) lower(part, new Set());
  const run = (part: Graph, given: ReadonlyMap<string, Tensor>) =>
    runStock(
      part,
      new Map(part.inputs.filter(({ name }) => reads(part, name)).map(({ name }) => [name, given.get(name)!])),
    );
  for (const part of [graph, below, above]) part.inputs = part.inputs.filter(({ name }) => reads(part, name));
  const kept = new Map([...inputs, ...(await run(below, inputs))]);
  const logits = graph.outputs[0]!.name;
  const onlyKept = new Map([...kept].filter(([name]) => names.includes(name)));
  return { whole: (await run(graph, inputs)).get(logits)!, parts: (await run(above, onlyKept)).get(logits)! };
}

const reads = (graph: Graph, input: string) => graph.nodes.some(({ inputs }) => inputs.includes(input));

describe.each(encoders)('%s by %s with a frozen trunk', (family, exporter) => {
  it('keeps one row of each text, and goes on from it to the same logits', async () => {
    const opened = open(fixture('encoders', family, exporter), ['trunk'], text);
    expect(shapesOf(opened.cut)).toEqual(['float32 4x32']);
    expect(opened.cut!.bytesPerSample).toBe(4 * 32);
    expect(opened.cut!.workPerSample).toBeGreaterThan(100_000);
    const { whole, parts } = await outputs(opened);
    expect(parts.numbers()).toEqual(whole.numbers());
  });
});

describe.each(exporters)('exported by %s', (exporter) => {
  it('a frozen first layer keeps its hidden states and a mask in its smallest form', async () => {
    const opened = open(fixture('encoders', 'bert', exporter), ['*embeddings*', '*layer.0.*'], text);
    expect(shapesOf(opened.cut)).toEqual(['bool 4x1x1x12', 'float32 4x12x32']);
    const { whole, parts } = await outputs(opened);
    expect(parts.numbers()).toEqual(whole.numbers());
  });

  it.each([
    ['residual', 12],
    ['mobile', 12],
    ['vit', 16],
  ])('the frozen trunk of %s keeps pooled channels', async (model, channels) => {
    const opened = open(image(`${model}-${exporter}`), ['trunk'], pixels);
    expect(shapesOf(opened.cut)).toEqual([`float32 4x${channels}`]);
    const { whole, parts } = await outputs(opened);
    expect(parts.numbers()).toEqual(whole.numbers());
  });

  it('there is no cut where frozen weights compute nothing worth keeping', () => {
    const path = fixture('encoders', 'bert', exporter);
    // Looking a token up again is as cheap as reading its row back.
    expect(open(path, ['*embeddings*'], text).cut).toBeUndefined();
    // The trained embeddings lie below the frozen layer.
    expect(open(path, ['*layer.0.*'], text).cut).toBeUndefined();
    expect(open(path, [], text).cut).toBeUndefined();
  });
});
