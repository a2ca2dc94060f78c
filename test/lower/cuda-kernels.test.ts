// Every graph that ortune makes for CUDA consists of operators that the runtime's CUDA provider has kernels for, in the
// opset and the element types in which they are there: the fixtures' in all modes, and every gradient rule's.

import { describe, expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { compile } from '#ortune/compile/compile.js';
import type { Mode } from '#ortune/compile/protocol.js';
import { lowerForDevice } from '#ortune/lower/devices/forms.js';
import type { Precision } from '#ortune/lower/target.js';
import { type AttrInput, Builder } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { Graph } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { chooseStatistics } from '#ortune/transfer/batch-norm.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { channelsLastRows } from '../autodiff/channels-last-rows.js';
import { operatorGraph } from '../autodiff/graphs.js';
import { rows } from '../autodiff/rows.js';
import { compileGolden, fixtures, maskedFixtures, readGolden } from '../golden.js';
import { missingOnCuda, readModel } from '../support/cuda-kernels.js';
import { compileVision, readVisionGolden, visionFixtures } from '../vision-golden.js';

const modes: Mode[] = ['train', 'evaluate', 'predict', 'diagnose'];

/** A fixture of one label for each picture, compiled in a mode as training does it, with dropout and recomputation. */
function compilePictures(name: string, mode: Mode, batchStatistics: boolean, precision: Precision): Uint8Array {
  const { file, images } = readVisionGolden(name);
  const model = openModel(file);
  const graph = toGraph(model);
  const trained = new Set(chooseParameters(model, graph).trainable.map((p) => p.name));
  const { updated } = chooseStatistics(graph, trained, 'batch');
  const request = { mode, shapes: { [images.name]: images.tensor.shape } };
  const compiled = compile(graph, request, {
    ...{ trained, statistics: new Set(batchStatistics ? updated.map((s) => s.name) : []), frozen: new Set<string>() },
    task: { name: 'image-classification', options: { targets: 'class' } },
    ...{ dropout: { hidden: 0.1, attention: 0.1, head: 0.1 }, labelSmoothing: 0.1, recompute: 'layers' },
    ...{ family: '', kernels: new Set(), target: 'cuda', precision },
  });
  return compiled.model;
}

const missing = (model: Uint8Array): string[] => missingOnCuda(readModel(model));

const labelled = visionFixtures.filter((name) => !name.startsWith('unet'));
const segmented = visionFixtures.filter((name) => name.startsWith('unet'));

describe('CUDA has a kernel for every node of', () => {
  describe.each(['float32', 'float16', 'bfloat16'] as const)('a graph in %s:', (precision) => {
    // Other modes compute in float32.
    const compiled = precision === 'float32' ? modes : modes.slice(0, 1);
    it.each([...fixtures, ...maskedFixtures])('$family of $kind from the $exporter exporter', (fixture) => {
      const golden = readGolden(fixture);
      for (const mode of compiled)
        expect(missing(compileGolden(golden, mode, new Set(), 'cuda', precision).compiled.model)).toEqual([]);
    });

    it.each(labelled)('%s', (name) => {
      for (const batchStatistics of [false, true])
        for (const mode of compiled)
          expect(missing(compilePictures(name, mode, batchStatistics, precision))).toEqual([]);
    });

    it.each(segmented)('%s', (name) => {
      const { graph } = compileVision(readVisionGolden(name), new Set(), 'frozen', 'cuda', precision);
      expect(missingOnCuda(graph)).toEqual([]);
    });
  });
});

/**
 * No model among the fixtures has them: a run on CUDA names their nodes and ends before its first step, with quantised
 * files when they are opened.
 */
const lacking = new Set(
  'Acos Acosh Asin Asinh Atan Atanh Cosh DynamicFakeQuantize GlobalLpPool LpPool MatMulBnb4 Sinh Tan'.split(' '),
);
/** Their gradients, or they themselves, add up at places that the data says: right, but in any order. */
const unordered = new Set(
  'GatherElements NegativeLogLikelihoodLoss ScatterElements ScatterND SoftmaxCrossEntropyLoss'.split(' '),
);

describe('CUDA has a kernel for every node of the gradient of', () => {
  // Those with channels last are for the kernels of the CPU.
  const ours = rows.filter((row) => !channelsLastRows.includes(row));
  it.each(ours.map((row, i) => [`${row.op}${row.what ? `, ${row.what}` : ''} (${i})`, row] as const))(
    '%s',
    (_, row) => {
      const { graph, floats } = operatorGraph(row);
      const b = new Builder(graph);
      const y = graph.outputs[0]!.name;
      const gradients = backward(b, b.op('ReduceSum', [y], { keepdims: 0 }), [...floats.values()]);
      graph.outputs = [y, ...gradients.values()].map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
      lowerForDevice(graph, 'cuda');
      const missing = missingOnCuda(graph).filter((why) => !(unordered.has(row.op) && why.endsWith('in any order')));
      if (lacking.has(row.op)) expect(missing).not.toEqual([]);
      else expect(missing).toEqual([]);
    },
  );
});

describe('the check itself', () => {
  /** What is missing for one operator over inputs of these types. */
  const lacks = (op: string, types: [DataType, number[]][], attrs: Record<string, AttrInput> = {}) => {
    const graph = new Graph();
    const names = types.map(([dtype, shape], i) => {
      graph.types.set(`x${i}`, { dtype, shape });
      if (shape.length === 0) graph.initializers.set(`x${i}`, Tensor.of(dtype, [3], []));
      return `x${i}`;
    });
    const b = new Builder(graph);
    b.op(op, names, attrs, { name: 'n' });
    return missingOnCuda(graph);
  };

  it.each([
    ['Atan', [['float32', [2]]], {}, 'n (Atan): no kernel'],
    ['Clip', [['int32', [2]]], {}, 'n (Clip): x0 is int32, n.y is int32'],
    [
      'GatherND',
      [
        ['float32', [2]],
        ['int32', [1, 1]],
      ],
      {},
      'n (GatherND): x1 is int32',
    ],
    ['ArgMax', [['float32', [2]]], { select_last_index: 1 }, 'n (ArgMax): the last of equal values'],
    [
      'ConvTranspose',
      [
        ['float32', [1, 1, 2]],
        ['float32', [1, 1, 2]],
      ],
      { pads: [0, 1] },
      'n (ConvTranspose): pads that differ before and behind',
    ],
    [
      'ScatterElements',
      [
        ['float32', [2]],
        ['int32', [2]],
        ['float32', [2]],
      ],
      { reduction: 'add' },
      'n (ScatterElements): atomics add in any order',
    ],
    [
      'OneHot',
      [
        ['int32', [2]],
        ['int64', []],
        ['float32', [2]],
      ],
      {},
      'n (OneHot): indices and depth of two types',
    ],
  ] as [string, [DataType, number[]][], Record<string, AttrInput>, string][])(
    'names what %s lacks',
    (op, types, attrs, why) => {
      expect(lacks(op, types, attrs)).toEqual([why]);
    },
  );
});
