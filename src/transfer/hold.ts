// Large tensors in memory that all sessions of a model read where it is and that saving reads too: they are there once,
// however many graphs there are. Tensors of rounded numbers and what scales them have such memory each; parameters are
// in the arena, so that what was read of the file goes.

import { types } from 'node:util';
import type { Graph } from '../onnx/graph.js';
import { graphOf, type Model } from '../onnx/model.js';
import { Tensor } from '../onnx/tensor.js';
import { sharedTensor } from '../runtime/arena.js';
import { storedTensors } from './stored.js';

/** Smaller ones stay in each graph. */
const least = 1024;

/**
 * Makes held ones of the graph's tensors of rounded numbers, in place, and of what the files have of them.
 * @param files that the graph was made from
 */
export function holdStored(graph: Graph, files: readonly Model[]): void {
  const moved = new Map<ArrayBufferLike, Uint8Array>();
  for (const name of storedTensors(graph).keys()) {
    const tensor = graph.initializers.get(name)!;
    if (tensor.byteLength < least) continue;
    const held = hold(tensor);
    graph.initializers.set(name, held);
    moved.set(tensor.bytes().buffer, held.bytes());
  }
  exchange(files, moved);
}

/**
 * Takes the values of parameters from the arena from now on, in the graph and in what the files have of them, in place:
 * saving writes all that have changed. Those that a file has in another form, or among others, stay there.
 * @param arrays of the arena, by the parameters' names
 */
export function holdParameters(graph: Graph, files: readonly Model[], arrays: ReadonlyMap<string, Float32Array>): void {
  const moved = new Map<ArrayBufferLike, Uint8Array>();
  for (const [name, array] of arrays) {
    const tensor = graph.initializers.get(name)!;
    const held = Tensor.view(tensor.dtype, tensor.shape, array);
    moved.set(tensor.bytes().buffer, held.bytes());
    graph.initializers.set(name, held);
  }
  exchange(files, moved);
}

/** Lets files have other memory of the same bytes, by what they had them in. */
function exchange(files: readonly Model[], moved: ReadonlyMap<ArrayBufferLike, Uint8Array>): void {
  for (const file of files)
    for (const proto of graphOf(file).initializer) {
      const held = moved.get(proto.rawData.buffer);
      // Of a tensor that has memory of its own.
      if (held?.byteLength === proto.rawData.buffer.byteLength) proto.rawData = held as Uint8Array<ArrayBuffer>;
    }
}

/** In shared memory, where it may be already. */
function hold(tensor: Tensor): Tensor {
  const { dtype, shape } = tensor;
  const bytes = tensor.bytes();
  if (types.isSharedArrayBuffer(bytes.buffer) && bytes.byteOffset === 0) return new Tensor(dtype, shape, bytes, true);
  const { data } = sharedTensor('uint8', [bytes.byteLength]);
  data.set(bytes as never);
  return new Tensor(dtype, shape, data as Uint8Array, true);
}
