// Where the tensors of an arena are for a device: in place on the CPU; elsewhere in buffers of the device, of which the
// arena is the image on the host, up to date after `download` and written back by `upload`. Copies go through graphs
// that name each value again, since the runtime's bindings carry tensors to a device and back.

import { DeviceError } from '../errors.js';
import { Builder } from '../onnx/builder.js';
import { bytesPerElement } from '../onnx/dtype.js';
import { encodeGraph } from '../onnx/encode.js';
import { Graph } from '../onnx/graph.js';
import { elementCount } from '../onnx/tensor.js';
import type { Arena } from './arena.js';
import type { Device } from './device.js';
import type { BoundTensor, DeviceTensor, DeviceTensors, TensorView } from './tensors.js';

/** On a device that computes in the host's memory. */
export const inPlace = (arena: Arena): DeviceTensors => ({
  tensor: (name) => arena.view(name),
  upload: async () => {},
  download: async () => {},
});

/**
 * Buffers for these tensors of the arena, with its values.
 * @throws DeviceError for a device that they do not fit in, or that is lost
 */
export async function inBuffers(device: Device, arena: Arena, names: readonly string[]): Promise<DeviceTensors> {
  const views = names.map((name) => arena.view(name));
  const what = `placing ${megabytes(views)} on ${device.name} failed`;
  const tensors = await explain(what, () => device.allocate(views));
  const buffers = new Map(names.map((name, i) => [name, tensors[i]!]));
  const placed: DeviceTensors = {
    tensor: (name) => {
      const tensor = buffers.get(name);
      if (!tensor) throw new Error(`'${name}' has no buffer on ${device.name}`);
      return tensor;
    },
    upload: () =>
      copy(
        device,
        'to',
        [...buffers].map(([name, to]) => ({ from: arena.view(name), to })),
      ),
    download: () =>
      copy(
        device,
        'from',
        [...buffers].map(([name, from]) => ({ from, to: arena.view(name) })),
      ),
  };
  await placed.upload();
  return placed;
}

interface Copy {
  from: TensorView | DeviceTensor;
  to: TensorView | DeviceTensor;
}

/** What goes through one session: its staging buffers are freed before the next. */
export const bytesAtOnce = 16 * 2 ** 20;

const megabytes = (views: readonly BoundTensor[]): string => {
  const bytes = views.reduce((sum, { dtype, shape }) => sum + elementCount(shape) * bytesPerElement(dtype), 0);
  return `${(bytes / 1e6).toFixed(1)} MB`;
};

/** Does what a device cannot train without; its error says `what` was done, and what to do. */
async function explain<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DeviceError) {
      const todo = 'Freeze more of the model, set batchSize lower, or train on another device, such as cpu.';
      error.message = `${what}: ${error.message}${error.exhausted ? `. ${todo}` : ''}`;
    }
    throw error;
  }
}

/** Copies between the host and a device; the sessions are released, and what they staged with them. */
async function copy(device: Device, direction: 'to' | 'from', copies: readonly Copy[]): Promise<void> {
  const what = `copying ${megabytes(copies.map(({ from }) => from))} ${direction} ${device.name} failed`;
  await explain(what, async () => {
    for (const part of parts(copies)) await copyPart(device, part);
  });
}

async function copyPart(device: Device, part: readonly Copy[]): Promise<void> {
  const model = copyGraph(part.map(({ from }) => from));
  const session = await device.createSession({ model, optimization: 'none' });
  try {
    await session.run(
      new Map(part.map(({ from }, i) => [`from${i}`, from])),
      new Map(part.map(({ to }, i) => [`to${i}`, to])),
    );
  } finally {
    await session.release();
  }
}

function* parts(copies: readonly Copy[]): Generator<Copy[]> {
  let part: Copy[] = [];
  let bytes = 0;
  for (const item of copies) {
    const size = elementCount(item.from.shape) * bytesPerElement(item.from.dtype);
    if (part.length > 0 && bytes + size > bytesAtOnce) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(item);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

/** to0 = from0, to1 = from1, … */
export function copyGraph(tensors: readonly Pick<TensorView, 'dtype' | 'shape'>[]): Uint8Array {
  const graph = new Graph();
  const b = new Builder(graph);
  for (const [i, { dtype, shape }] of tensors.entries()) b.output(`to${i}`, b.input(`from${i}`, dtype, shape));
  return encodeGraph(graph);
}
