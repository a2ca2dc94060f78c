// Quantises the matrices of a model file, as ONNX Runtime's tools do: the nearest of 16 numbers between a block's least
// and largest for MatMulNBits, of 255 with a scale for each column for DequantizeLinear.

import { writeFileSync } from 'node:fs';
import { toBinary } from '@bufbuild/protobuf';
import { decodeTensor } from '#ortune/onnx/decode.js';
import { openModel } from '#ortune/onnx/load.js';
import { ModelProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { initializer, node } from '../onnx/support.js';

const block = 16;

/** @param columns [K, N] by rows */
function inBlocks(columns: ArrayLike<number>, k: number, n: number): [Tensor, Tensor, Tensor] {
  const blocks = Math.ceil(k / block);
  const packed = new Uint8Array((n * blocks * block) / 2);
  const scales = new Float32Array(n * blocks);
  const zeros = new Uint8Array(n * Math.ceil(blocks / 2));
  const put = (bytes: Uint8Array, at: number, half: number): void => {
    bytes[at >> 1]! |= half << (4 * (at & 1));
  };
  for (let row = 0; row < n; row++)
    for (let part = 0; part < blocks; part++) {
      const values = Array.from({ length: Math.min(block, k - part * block) }, (_, i) =>
        Number(columns[(part * block + i) * n + row]),
      );
      const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
      const scale = (high - low) / 15 || 1;
      const zero = Math.round(-low / scale);
      scales[row * blocks + part] = scale;
      put(zeros, row * 2 * Math.ceil(blocks / 2) + part, zero);
      for (const [i, v] of values.entries())
        put(packed, (row * blocks + part) * block + i, Math.min(15, Math.max(0, Math.round(v / scale) + zero)));
    }
  return [
    Tensor.view('uint8', [n, blocks, block / 2], packed),
    Tensor.view('float32', [n, blocks], scales),
    Tensor.view('uint8', [n, Math.ceil(blocks / 2)], zeros),
  ];
}

function ofColumns(matrix: ArrayLike<number>, k: number, n: number): [Tensor, Tensor] {
  const column = (j: number) => Array.from({ length: k }, (_, i) => Number(matrix[i * n + j]));
  const scales = Float32Array.from({ length: n }, (_, j) => Math.max(...column(j).map(Math.abs)) / 127 || 1);
  const numbers = Int8Array.from({ length: k * n }, (_, i) => Math.round(Number(matrix[i]) / scales[i % n]!));
  return [Tensor.view('int8', [k, n], numbers), Tensor.view('float32', [n], scales)];
}

/**
 * Writes the file again with every matrix that a MatMul reads quantised, but those of nodes whose name has `but`.
 * @param factor of all of them: an encoder that has learnt nothing passes on little, and its matrices will not learn
 * @returns the names of the new tensors
 */
export function quantise(
  file: string,
  form: 'MatMulNBits' | 'DequantizeLinear',
  { but, factor }: { but: string; factor: number },
): string[] {
  const model = openModel(file);
  const { graph } = model.proto;
  const made: string[] = [];
  graph!.node = graph!.node.flatMap((of) => {
    const tensor = graph!.initializer.find(({ name }) => name === of.input[1]);
    if (of.opType !== 'MatMul' || !tensor || of.name.includes(but)) return [of];
    const weight = decodeTensor(tensor, 'weight', model);
    const numbers = (weight.data() as Float32Array).map((v) => factor * v);
    const [k, n] = weight.shape as [number, number];
    const [x, w] = of.input as [string, string];
    const nbits = form === 'MatMulNBits';
    const parts: Tensor[] = nbits ? inBlocks(numbers, k, n) : ofColumns(numbers, k, n);
    const names = parts.map((_, i) => `${w}.${['numbers', 'scales', 'zeros'][i]}`);
    made.push(...names);
    graph!.initializer = graph!.initializer.filter((other) => other !== tensor);
    graph!.initializer.push(...parts.map((part, i) => initializer(names[i]!, part)));
    if (nbits)
      return [
        node(
          form,
          [x, ...names],
          of.output,
          { K: k, N: n, bits: 4, block_size: block },
          {
            name: of.name,
            domain: 'com.microsoft',
          },
        ),
      ];
    const dequantised = `${w}.dequantised`;
    return [
      node(form, names, [dequantised], { axis: 1 }, { name: `${of.name}/dequantise` }),
      node('MatMul', [x, dequantised], of.output, {}, { name: of.name }),
    ];
  });
  if (!model.proto.opsetImport.some(({ domain }) => domain === 'com.microsoft'))
    model.proto.opsetImport.push({ ...model.proto.opsetImport[0]!, domain: 'com.microsoft', version: 1n });
  writeFileSync(file, toBinary(ModelProtoSchema, model.proto));
  return made;
}
