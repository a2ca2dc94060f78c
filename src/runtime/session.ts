// What a device is: it makes sessions from graphs and says which fused ops it has. Parameters and gradients are bound
// once and used in place, batches are bound per run; nothing is copied. Runs and creations of one process are done one
// after the other on a thread of the device's own, so the event loop stays free.

import type { DataType, TypedArray } from '../onnx/dtype.js';
import { openCpu } from './cpu.js';

/** A tensor in shared memory, row-major. */
export interface TensorView {
  dtype: DataType;
  shape: readonly number[];
  /** Over a SharedArrayBuffer, because that cannot be transferred away under a run. */
  data: TypedArray;
}

/** How far the runtime may rewrite the graph before it runs. */
export type Optimization = 'none' | 'basic' | 'extended' | 'all';

export interface SessionSpec {
  /** ModelProto of a statically shaped graph. */
  model: Uint8Array;
  /** Data of initializers that the model declares without data (frozen weights): shared by all sessions. */
  constants?: ReadonlyMap<string, TensorView>;
  /** Bound once, in place; 64-byte aligned (see Arena). */
  bound?: { inputs: ReadonlyMap<string, TensorView>; outputs: ReadonlyMap<string, TensorView> };
  /** File the runtime's profile (Chrome trace JSON) is written to when the session is released. */
  profile?: string;
  /** Default: what measured best for training graphs. */
  optimization?: Optimization;
}

export interface Session {
  /**
   * Runs once with these inputs and outputs beside the bound ones; every input and output of the graph must be given.
   * The arrays belong to the run until the promise settles. Rejects with UsageError naming what does not fit.
   */
  run(inputs: ReadonlyMap<string, TensorView>, outputs: ReadonlyMap<string, TensorView>): Promise<void>;
  /** Frees the session after the runs already asked for. Safe to call twice. */
  release(): Promise<void>;
}

export interface Device {
  readonly name: string;
  /** Ops beyond the standard that it has, as 'ortune.GeluGrad' or 'com.microsoft.FusedMatMul'. */
  readonly kernels: ReadonlySet<string>;
  readonly threads: number;
  /** Version of the runtime. */
  readonly version: string;
  /** Whether sessions share one allocator arena; without it each cached session keeps its own peak. */
  readonly sharedMemory: boolean;
  /** Whether sessions share one thread pool. */
  readonly sharedThreads: boolean;
  createSession(spec: SessionSpec): Promise<Session>;
  /** Releases every session that is left. */
  close(): Promise<void>;
}

/**
 * Opens a device. `threads`: of the runtime's pool, the run thread included (default: ORTUNE_THREADS or the processors
 * this process may use). The first device of a process decides the size of the shared pool; one with another size
 * gives its sessions pools of their own.
 */
export function openDevice(name: 'cpu', options: { threads?: number } = {}): Promise<Device> {
  void name;
  return openCpu(options);
}
