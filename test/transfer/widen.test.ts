import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildEncoder, type EncoderOptions } from '#ortune/models/encoder.js';
import { TorchScriptWriter } from '#ortune/models/torchscript.js';
import { convertFloat } from '#ortune/onnx/convert.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { widenStoredWeights } from '#ortune/transfer/widen.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('widen');
let files = 0;

function open(bytes: Uint8Array) {
  const file = join(directory, `${files++}.onnx`);
  writeFileSync(file, bytes);
  const model = openModel(file);
  return { model, graph: toGraph(model) };
}

const sizes: EncoderOptions = { layers: 1, hidden: 8, heads: 2, vocabulary: 30, positions: 16, head: 'language-model' };

test('weights that are stored in float16 are those of the float32 model, rounded', () => {
  const [whole, half] = (['float32', 'float16'] as const).map((storage) => {
    const { model, graph } = open(buildEncoder({ ...sizes, storage }));
    return { graph, parameters: chooseParameters(model, graph).trainable };
  });
  expect(half!.parameters).toEqual(whole!.parameters);
  for (const { name } of half!.parameters) {
    const rounded = convertFloat(whole!.graph.initializers.get(name)!, 'float16');
    expect(half!.graph.initializers.get(name)!.numbers(), name).toEqual(convertFloat(rounded, 'float32').numbers());
  }
  const operators = (graph: typeof whole) => graph!.graph.nodes.map(({ op }) => op);
  expect(operators(half)).toEqual(operators(whole));
});

/** A graph with one float16 table [4, 2]; what `build` returns is its output. */
function withTable(build: (w: TorchScriptWriter, table: string, ids: string) => string) {
  const w = new TorchScriptWriter(17);
  const ids = w.input('ids', 'int64', ['n']);
  const table = w.weight('table.weight', [4, 2], new Float32Array(8).fill(0.5), 'float16');
  const y = build(w, table, ids);
  w.output(y, 'float32', ['n', 2]);
  const { graph } = open(w.finish());
  widenStoredWeights(graph);
  return { dtype: graph.initializers.get('table.weight')!.dtype, nodes: graph.nodes };
}

const float32 = { to: 1 };

test('a table may be looked up in and arranged before it is cast', () => {
  const { dtype, nodes } = withTable((w, table, ids) => {
    const rows = w.op('/a', 'Cast', [w.op('/a', 'Gather', [table, ids])], float32);
    const turned = w.op('/b', 'Cast', [w.op('/b', 'Transpose', [table])], float32);
    return w.op('/c', 'MatMul', [w.op('/c', 'MatMul', [rows, turned]), w.op('/d', 'Cast', [table], float32)]);
  });
  expect(dtype).toBe('float32');
  expect(nodes.map(({ op }) => op)).toEqual(['Gather', 'Transpose', 'MatMul', 'MatMul']);
  expect(nodes.at(-1)!.inputs[1]).toBe('table.weight');
});

test.each<[string, (w: TorchScriptWriter, table: string, ids: string) => string]>([
  [
    'is computed with',
    (w, table, ids) => {
      const rows = w.op('/a', 'Gather', [table, ids]);
      return w.op('/a', 'Cast', [w.op('/a', 'Add', [rows, rows])], float32);
    },
  ],
  [
    'is cast to another type as well',
    (w, table, ids) => {
      const rows = w.op('/a', 'Cast', [w.op('/a', 'Gather', [table, ids])], float32);
      const cast = w.op('/b', 'Cast', [table], { to: 11 });
      return w.op('/b', 'Add', [rows, w.op('/b', 'Cast', [w.op('/b', 'Gather', [cast, ids])], float32)]);
    },
  ],
  ['is cast to an output', (w, table) => w.op('/a', 'Cast', [table], float32)],
])('a table that %s stays', (_, build) => {
  expect(withTable(build).dtype).toBe('float16');
});
