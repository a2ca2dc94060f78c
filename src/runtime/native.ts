// The only door to the addon: loads it and types its functions. Callers have validated their arguments; the addon
// re-checks what would corrupt memory. Promises settle when the run thread has done the work.

import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { chosenInstructionSet } from '../environment.js';
import { OrtuneError, UsageError } from '../errors.js';
import type { TypedArray } from '../onnx/dtype.js';
import { messageOf } from '../realm.js';
import { addonFile, toBuild } from './addon-file.js';

declare const handle: unique symbol;
declare const memory: unique symbol;
declare const buffer: unique symbol;
export interface NativeHandle {
  readonly [handle]: never;
}
/** Where tensors of a device are allocated. */
export interface NativeMemory {
  readonly [memory]: never;
}
/** A tensor in a device's memory. */
export interface NativeBuffer {
  readonly [buffer]: never;
}

/** In the process's memory; `type` is a TensorProto.DataType number. */
export interface NativeHostTensor {
  name: string;
  type: number;
  shape: readonly number[];
  data: TypedArray;
}
export type NativeTensor = NativeHostTensor | { name: string; buffer: NativeBuffer };

/** An execution provider by the runtime's name, its options, and the name of its memory. */
export interface NativeProvider {
  name: string;
  options: [string, string][];
  memory: string;
  id: number;
}

export interface NativeSlot {
  name: string;
  type: number;
  shape: number[];
}

export interface NativeDevice {
  version: string;
  /** Threads of the pool all sessions share; 0 when the environment was made by another session. */
  sharedThreads: number;
  sharedArena: boolean;
  /** Ops of the domain `ortune` that the addon has kernels for. */
  ops: string[];
  /** Execution providers that the runtime was built with. */
  providers: string[];
}

/** A node and who runs it. */
export interface NativePlacement {
  name: string;
  op: string;
  provider: string;
}

export interface NativeSession {
  handle: NativeHandle;
  inputs: NativeSlot[];
  outputs: NativeSlot[];
  /** Nodes that do not run on the requested provider. */
  elsewhere: NativePlacement[];
}

export interface NativeSpec {
  model: Uint8Array;
  constants: NativeHostTensor[];
  inputs: NativeTensor[];
  /** Further inputs that are bound, wherever they lie. */
  inPlace: NativeHostTensor[];
  outputs: NativeTensor[];
  /** Prefix of the profile's file; '' for none. */
  profile: string;
  optimization: number;
  threads: number;
  /** Undefined: the CPU. */
  provider?: NativeProvider | undefined;
}

/** 'avx512_bf16': AVX-512 and products of bfloat16; 'amx': that and tiles of them. */
export const instructionSets = ['baseline', 'avx2', 'avx512', 'avx512_bf16', 'amx', 'neon'] as const;
export type InstructionSet = (typeof instructionSets)[number];
/** Those whose products of bfloat16 are instructions; elsewhere ortune.GemmBf16 multiplies in float32. */
export const setsOfBfloat16: readonly InstructionSet[] = ['avx512_bf16', 'amx'];

export interface Addon {
  openDevice(library: string, threads: number): Promise<NativeDevice>;
  createSession(library: string, spec: NativeSpec): Promise<NativeSession>;
  run(handle: NativeHandle, inputs: NativeTensor[], outputs: NativeTensor[]): Promise<void>;
  /** Resolves to the profile's file, '' when there is none. */
  release(handle: NativeHandle): Promise<string>;
  /** Opens a provider's device; rejects with the runtime's reason where it does not work. */
  openMemory(library: string, threads: number, provider: NativeProvider): Promise<NativeMemory>;
  /** Tensors of undefined content. */
  allocate(memory: NativeMemory, types: { type: number; shape: readonly number[] }[]): Promise<NativeBuffer[]>;
  /** Sessions bound to one keep it until they are released. */
  freeBuffers(buffers: readonly NativeBuffer[]): void;
  /** Every copy of the runtime that this process has loaded. */
  loadedLibraries(): string[];
  /** Ends the run under way early and waits for it; later work is never done. For the end of the process. */
  shutdown(): void;
  /** The instruction sets that this build and this processor have kernels for, the narrowest first. */
  instructionSets(): InstructionSet[];
  /** The one in use: the widest, unless another was chosen. */
  instructionSet(): InstructionSet;
  /** Chooses the kernels of this process. @throws RangeError for a set that is not among `instructionSets` */
  useInstructionSet(name: InstructionSet): void;
  /** Operators that update parameters: arenas of state, and the numbers for each range ('rate, momentum'), in order. */
  optimizers(): { op: string; states: number; numbers: string }[];
  /** Opens libjpeg-turbo, once for the process; throws the loader's message. */
  openJpegLibrary(path: string): void;
  /**
   * Decodes the part of a JPEG that lies at (left, top) of its picture at `eighths`/8 of the size, in pixels of that
   * scale, into packed rows of RGB or grey. Returns what is wrong with the file, '' when nothing is.
   */
  decodeJpeg(
    file: Uint8Array,
    eighths: number,
    left: number,
    top: number,
    width: number,
    height: number,
    grey: boolean,
    out: Uint8Array,
  ): string;
  /** The same for the four values of CMYK, as the file has them. */
  decodeCmykJpeg(
    file: Uint8Array,
    eighths: number,
    left: number,
    top: number,
    width: number,
    height: number,
    out: Uint8Array,
  ): string;
  /**
   * Writes one sample: the program on decoded pixels (native/data/render.h), then a scale and a bias for each of the
   * model's channels. `flags`: 1 flips the channels, 2 puts them last. Callable in any thread.
   * @throws RangeError for a program that does not fit
   */
  renderPicture(
    pixels: Uint8Array,
    from: readonly [height: number, width: number, channels: number],
    program: Float64Array,
    finish: Float32Array,
    flags: number,
    out: Float32Array,
    to: readonly [height: number, width: number],
  ): void;
  /** Each of `count` samples becomes share * itself + (1 - share) * the one before it, the first following the last. */
  mixSamples(samples: Float32Array, count: number, share: number): void;
  /**
   * Locks an open file until it is closed, or the process is gone; 'held' where another open file has the lock. An
   * addon that was built before there were locks has none.
   */
  lockFile?(fd: number): 'locked' | 'held' | 'unsupported';
  /** Ends the process at once: no exit handlers, of whomever. Missing as `lockFile` may be. */
  leave?(code: number): never;
  /** Address of the array's first element modulo 64. */
  misalignment(data: TypedArray): number;
}

const require = createRequire(import.meta.url);
let loaded: Addon | undefined;

/**
 * The addon; throws OrtuneError when it is neither installed nor built, or this system cannot load it, UsageError for
 * an ORTUNE_INSTRUCTION_SET that is not there.
 */
export function addon(): Addon {
  if (loaded) return loaded;
  const file = addonFile();
  let native: Addon;
  try {
    native = require(file) as Addon;
  } catch (error) {
    throw new OrtuneError(`${file} cannot be loaded: ${messageOf(error)}. ${toBuild()}`);
  }
  useChosenInstructionSet(native);
  // process.exit() runs the exit handlers of every library while other threads go on: the run thread must be idle
  // before. A worker thread that ends is awaited by the addon itself.
  if (isMainThread) process.once('exit', () => native.shutdown());
  loaded = native;
  return native;
}

/** The instruction set that the environment names, in place of the widest. */
function useChosenInstructionSet(native: Addon): void {
  const name = chosenInstructionSet();
  if (name === undefined) return;
  const known = native.instructionSets();
  const set = known.find((candidate) => candidate === name);
  if (set === undefined)
    throw new UsageError(`ORTUNE_INSTRUCTION_SET must be one of ${known.join(', ')} on this machine, found '${name}'`);
  native.useInstructionSet(set);
}
