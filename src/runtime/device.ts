// What a device is: it makes sessions from graphs, holds tensors in its memory, and says which fused ops it has.
// Parameters and gradients are bound once and used in place, batches are bound per run. Runs and creations of one
// process are done one after the other on a thread of the addon's own, so the event loop stays free.

import type { DeviceKind } from '../lower/target.js';
import type { DataType } from '../onnx/dtype.js';
import type { Arena } from './arena.js';
import type { BoundTensor, DeviceTensor, DeviceTensors, TensorView } from './tensors.js';

/** How far the runtime may rewrite the graph before it runs. */
export type Optimization = 'none' | 'basic' | 'extended' | 'all';

export interface SessionSpec {
  /** ModelProto of a statically shaped graph. */
  model: Uint8Array;
  /** Data of initializers that the model declares without data (frozen weights): shared by all sessions. */
  constants?: ReadonlyMap<string, TensorView>;
  /** Bound once, in place; 64-byte aligned (see Arena). */
  bound?: { inputs: ReadonlyMap<string, BoundTensor>; outputs: ReadonlyMap<string, BoundTensor> };
  /** Further inputs that it is bound to, which lie where a file was read to; nothing is summed over them. */
  inPlace?: ReadonlyMap<string, TensorView>;
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
  run(inputs: ReadonlyMap<string, BoundTensor>, outputs: ReadonlyMap<string, BoundTensor>): Promise<void>;
  /** Frees the session after the runs already requested. Safe to call twice. */
  release(): Promise<void>;
}

/** Bytes that have crossed between the host's memory and the device's; always 0 on the CPU. */
export interface Traffic {
  up: number;
  down: number;
}

export interface Device {
  /** 'cpu', 'webgpu', 'cuda:1'. */
  readonly name: string;
  readonly kind: DeviceKind;
  /** Whether it has memory of its own, so that tensors are copied to it; else arenas of the host are bound in place. */
  readonly ownMemory: boolean;
  /** Whether a run is enqueued and not waited for, so that only a read of its results shows when it is over. */
  readonly asynchronous: boolean;
  /** Ops beyond the standard that it has, as 'ortune.GeluGrad' or 'com.microsoft.FusedMatMul'. */
  readonly kernels: ReadonlySet<string>;
  readonly threads: number;
  /** Version of the runtime. */
  readonly version: string;
  /** Whether sessions share one allocator arena; without it each cached session keeps its own peak. */
  readonly sharedMemory: boolean;
  /** Whether sessions share one thread pool. */
  readonly sharedThreads: boolean;
  readonly traffic: Readonly<Traffic>;
  /**
   * Rejects with OrtuneError when the runtime does not accept the graph, and when a node would run elsewhere than on
   * the device: every such node is named.
   */
  createSession(spec: SessionSpec): Promise<Session>;
  /**
   * Where the tensors of an arena are for this device, the same answer for the same arena: in place on the CPU,
   * elsewhere in buffers, which are made for `names` (default all) and start with the arena's values.
   */
  place(arena: Arena, names?: readonly string[]): Promise<DeviceTensors>;
  /** Tensors of undefined content in the device's memory. Not on the CPU, where arenas are bound in place. */
  allocate(types: readonly { dtype: DataType; shape: readonly number[] }[]): Promise<DeviceTensor[]>;
  /** Releases every session and every buffer that is left. */
  close(): Promise<void>;
}
