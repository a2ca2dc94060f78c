// CUDA without a graphics card: everything that ortune gives to that device, run by the runtime's CPU provider. Graphs
// are those of CUDA, and refused where its provider lacks a kernel (cuda-kernels.ts); buffers are tensors apart from
// arenas, as on a device. What is not shown: the kernels' own arithmetic and speed, and memory that is not the host's.

import { type Arena, sharedTensor } from '#ortune/runtime/arena.js';
import { inBuffers } from '#ortune/runtime/placed.js';
import type { Device, DeviceTensor, DeviceTensors, Session, SessionSpec } from '#ortune/runtime/session.js';
import { missingOnCuda, readModel } from './cuda-kernels.js';

export class RehearsedCuda implements Device {
  readonly name = 'cuda';
  readonly kind = 'cuda';
  readonly ownMemory = true;
  readonly asynchronous = true;
  readonly kernels: ReadonlySet<string> = new Set();
  readonly sharedMemory = false;
  readonly sharedThreads = false;
  readonly #cpu: Device;
  readonly #placed = new Map<Arena, Promise<DeviceTensors>>();

  /** Takes the device over: it is closed with this. */
  constructor(cpu: Device) {
    this.#cpu = cpu;
  }

  get threads() {
    return this.#cpu.threads;
  }

  get version() {
    return this.#cpu.version;
  }

  get traffic() {
    return this.#cpu.traffic;
  }

  async createSession(spec: SessionSpec): Promise<Session> {
    const missing = missingOnCuda(readModel(spec.model));
    if (missing.length > 0) throw new Error(`CUDA has no kernel for ${missing.join('; ')}`);
    // As it stands: on a device an Identity is a copy.
    return this.#cpu.createSession({ ...spec, optimization: 'none' });
  }

  place(arena: Arena, names = arena.entries.map(({ name }) => name)): Promise<DeviceTensors> {
    const placed = this.#placed.get(arena) ?? inBuffers(this, arena, names);
    this.#placed.set(arena, placed);
    return placed;
  }

  async allocate(types: readonly Pick<DeviceTensor, 'dtype' | 'shape'>[]): Promise<DeviceTensor[]> {
    return types.map(({ dtype, shape }) => sharedTensor(dtype, shape) as unknown as DeviceTensor);
  }

  close(): Promise<void> {
    return this.#cpu.close();
  }
}
