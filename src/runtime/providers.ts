// The runtime's execution providers as ortune uses them: name, options, and the name of the memory they compute in.

import type { DeviceKind } from '../lower/target.js';
import type { NativeProvider } from './native.js';

/** How a device is named to the runtime. */
export function providerOf(kind: Exclude<DeviceKind, 'cpu'>, index: number): NativeProvider {
  if (kind === 'webgpu')
    return {
      name: 'WebGPU',
      // Layouts are ortune's business: it has laid images out before gradients were derived.
      options: [
        ['preferredLayout', 'NCHW'],
        // Buffers are kept for the next of their size, however many. By default some are let go after each use and made
        // anew, and where steps are not waited for the device holds both: three times the memory after eight steps.
        ['storageBufferCacheMode', 'simple'],
      ],
      memory: 'WebGPU_Buf',
      id: 0,
    };
  return {
    name: 'CUDA',
    options: [
      ['device_id', String(index)],
      // Memory that doubles is soon more than the device has.
      ['arena_extend_strategy', 'kSameAsRequested'],
      ['use_tf32', '0'],
    ],
    memory: 'Cuda',
    id: index,
  };
}
