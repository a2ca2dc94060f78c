// The precisions of a device beside float32, found by trying them: a graphics card may have float16 or not.

import { OrtuneError, UsageError } from '../errors.js';
import type { DeviceKind, HalfType, Precision } from '../lower/target.js';
import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { cast } from '../onnx/formulas.js';
import { Graph } from '../onnx/graph.js';
import { sharedTensor } from './arena.js';
import type { Device } from './device.js';
import { addon, setsOfBfloat16 } from './native.js';

/** A precision to train in, and what people should know of it. */
export interface ChosenPrecision {
  precision: Precision;
  note?: string;
}

/**
 * The requested precision, or float32 where the device lacks it and was not chosen explicitly. bfloat16 on the CPU is
 * refused by no processor that was: where it has no instructions for it, products are computed from the same rounded
 * operands in float32.
 * @throws UsageError where the device lacks it
 */
export async function supportedPrecision(
  device: Device,
  wanted: Precision,
  deviceIsFree: boolean,
): Promise<ChosenPrecision> {
  if (wanted === 'float32') return { precision: wanted };
  const reason = await whyNot(device, wanted);
  if (reason === undefined) return { precision: wanted };
  if (deviceIsFree)
    return { precision: 'float32', note: `precision is float32: ${device.name} does not compute in ${wanted}` };
  if (device.kind === 'cpu' && wanted === 'bfloat16')
    return { precision: wanted, note: `precision bfloat16 makes nothing faster here: ${reason}` };
  throw new UsageError(
    `precision ${wanted} does not work on device ${device.name}: ${reason}. Set precision to float32.`,
  );
}

/** Everything that a device trains in. */
export async function precisionsOf(device: Device): Promise<Precision[]> {
  const halves: Precision[] = [];
  for (const precision of ['float16', 'bfloat16'] as const)
    if ((await whyNot(device, precision)) === undefined) halves.push(precision);
  return ['float32', ...halves];
}

/** The precisions that no device of a kind computes in, and why; the rest are tried on each device. */
const lacking: Readonly<Record<DeviceKind, Partial<Record<HalfType, string>>>> = {
  cpu: { float16: 'the kernels of the CPU compute in float32 and bfloat16' },
  webgpu: { bfloat16: 'WebGPU has no bfloat16' },
  cuda: {},
};

const noInstructions =
  'this processor has no instructions for products of bfloat16 (AVX512_BF16), so that operands are only rounded';

async function whyNot(device: Device, precision: HalfType): Promise<string | undefined> {
  const known = lacking[device.kind][precision];
  if (known !== undefined) return known;
  if (device.kind === 'cpu') return setsOfBfloat16.includes(addon().instructionSet()) ? undefined : noInstructions;
  const graph = new Graph();
  const b = new Builder(graph);
  const half = cast(b, b.input('x', 'float32', [4]), precision);
  const y = cast(b, b.op('Add', [half, half]), 'float32');
  b.output(y);
  const x = sharedTensor('float32', [4]);
  try {
    const session = await device.createSession({ model: encodeGraph(graph), optimization: 'none' });
    await session.run(new Map([['x', x]]), new Map([[y, sharedTensor('float32', [4])]]));
    await session.release();
    return undefined;
  } catch (error) {
    if (!(error instanceof OrtuneError)) throw error;
    return /requires f16/.test(error.message) ? 'its adapter has no shader-f16' : error.message;
  }
}
