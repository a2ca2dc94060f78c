// Every operator whose definition changed between opsets 7 and 25 has a row, and the form on the other side
// of 21 gives the same numbers as the normalised one on the stock runtime.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AttrInput } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { conversions } from '#ortune/onnx/normalize/opset.js';
import { temporaryDirectory } from '../support/temporary.js';
import { oldCases } from './old-opset-cases.js';
import { type Case, cases as newCases, positive, x } from './opset-cases.js';
import { initializer, modelProto, node, run, value, writeModel } from './support.js';

const cases = { ...newCases };
for (const [op, examples] of Object.entries(oldCases)) cases[op] = [...(cases[op] ?? []), ...examples];

const directory = temporaryDirectory();

async function bothForms(op: string, opset: number, { inputs, attrs = {}, outputs = ['float32'] }: Case) {
  const names = inputs.map((t, i) => (t ? `in${i}` : ''));
  const outs = outputs.map((_, i) => `out${i}`);
  const proto = modelProto({
    nodes: [node(op, names, outs, attrs)],
    inputs: [value('in0', inputs[0]!.dtype, undefined)],
    outputs: outs.map((o, i) => value(o, outputs[i]!, undefined)),
    initializers: inputs.flatMap((t, i) => (t && i > 0 ? [initializer(`in${i}`, t)] : [])),
    opset,
  });
  const file = writeModel(join(directory, `${op}-${opset}.onnx`), proto);
  const graph = toGraph(openModel(file));
  expect(graph.opset).toBe(21);
  const feeds = { in0: inputs[0]! };
  return [await run(file, feeds), await run(encodeGraph(graph), feeds)] as const;
}

describe('another form gives the same numbers in opset 21', () => {
  for (const { op, since } of conversions)
    for (const [i, example] of (cases[op] ?? []).entries()) {
      const opset = since > 21 ? since : since - 1;
      if (opset < (example.from ?? 0) || opset > (example.until ?? 25)) continue;
      test(`${op} of opset ${opset}, example ${i + 1}`, async () => {
        const [before, after] = await bothForms(op, opset, example);
        expect(Object.keys(after)).toEqual(Object.keys(before));
        for (const [name, old] of Object.entries(before)) {
          expect(after[name]!.dims).toEqual(old.dims);
          for (const [k, v] of old.data.entries()) expect(after[name]!.data[k]).toBeCloseTo(v, 5);
        }
      });
    }
});

test('statistics per channel, which files said for a while, are the only ones', async () => {
  const names = ['in', 'scale', 'bias', 'mean', 'variance'];
  const build = (attrs: Record<string, AttrInput>) =>
    modelProto({
      nodes: [node('BatchNormalization', names, ['y'], attrs)],
      inputs: [value('in', 'float32', undefined)],
      outputs: [value('y', 'float32', undefined)],
      initializers: names.slice(1).map((name, i) => initializer(name, i < 3 ? x(3) : positive(3))),
      opset: 9,
    });
  // The runtime does not read the attribute any more.
  const file = writeModel(join(directory, 'plain.onnx'), build({}));
  const spatial = writeModel(join(directory, 'spatial.onnx'), build({ spatial: 1 }));
  const feeds = { in: x(2, 3, 4) };
  const [before, after] = [await run(file, feeds), await run(encodeGraph(toGraph(openModel(spatial))), feeds)];
  for (const [k, v] of before.y!.data.entries()) expect(after.y!.data[k]).toBeCloseTo(v, 5);
});

// Operators on what is not a tensor, control flow, and quantisation: refused or never in a graph of tensors.
const outside =
  /^(If|Loop|Scan|Sequence.*|SplitToSequence|Optional.*|.*uantizeLinear|QLinear.*|Regex.*|String.*|ImageDecoder)$/;

test('every operator that changed after opset 7 has a row and an example', () => {
  const file = new URL('../fixtures/onnx/operator-versions.json', import.meta.url);
  const versions = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number[]>;
  for (const [op, all] of Object.entries(versions)) {
    if (outside.test(op) || all[0]! > 21) continue;
    const changes = all.filter((v, i) => i > 0 && v > 7 && v <= 25);
    expect([
      op,
      conversions
        .filter((c) => c.op === op)
        .map((c) => c.since)
        .sort((a, b) => a - b),
    ]).toEqual([op, changes]);
    if (changes.length > 0) expect(cases, `an example of ${op}`).toHaveProperty(op);
  }
});
