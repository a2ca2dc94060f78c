// The CPU device: sessions of the addon over the onnxruntime-node package's library. Checks what people can get wrong
// and says so by name; the addon checks again what would corrupt memory.

import { existsSync, realpathSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { defaultThreads, disableRuntimeTelemetry } from '../environment.js';
import { OrtuneError, UsageError } from '../errors.js';
import { bytesPerElement, dataTypeFromOnnx, onnxDataType } from '../onnx/dtype.js';
import { elementCount } from '../onnx/tensor.js';
import { addon, type NativeHandle, type NativeSlot, type NativeTensor, runtimeLibrary } from './native.js';
import type { Device, Optimization, Session, SessionSpec, TensorView } from './session.js';

// Ops of com.microsoft with a CPU kernel that rules, lowering or exports use.
const microsoftOps = [
  'FusedMatMul',
  'FusedGemm',
  'BiasGelu',
  'FastGelu',
  'Gelu',
  'QuickGelu',
  'SkipLayerNormalization',
];

const optimizationLevels: Record<Optimization, number> = { none: 0, basic: 1, extended: 2, all: 99 };

const describe = (dtype: string | undefined, shape: readonly number[]): string => `${dtype} [${shape.join(', ')}]`;

const realPath = (file: string): string => (existsSync(file) ? realpathSync(file) : file);

function refuseSecondRuntime(library: string): void {
  const others = addon()
    .loadedLibraries()
    .filter((file) => realPath(file) !== realPath(library));
  if (others.length > 0)
    throw new OrtuneError(
      `two different ONNX Runtimes are loaded in one process: ortune uses ${library}, and ${others.join(', ')} is loaded too. ` +
        `They would compete for threads and memory. Make all packages share one onnxruntime-node (npm dedupe, or "overrides" in package.json).`,
    );
}

function toNative(name: string, view: TensorView): NativeTensor {
  const { dtype, shape, data } = view;
  const bytes = elementCount(shape) * bytesPerElement(dtype);
  if (data.byteLength !== bytes)
    throw new UsageError(
      `tensor '${name}' (${describe(dtype, shape)}) needs ${bytes} bytes, its array has ${data.byteLength}`,
    );
  if (!(data.buffer instanceof SharedArrayBuffer))
    throw new UsageError(
      `tensor '${name}' must be a view of a SharedArrayBuffer, so that its memory cannot be transferred away`,
    );
  return { name, type: onnxDataType(dtype), shape, data };
}

const toNatives = (views: ReadonlyMap<string, TensorView> | undefined): NativeTensor[] =>
  [...(views ?? [])].map(([name, view]) => toNative(name, view));

function checkFits(kind: 'input' | 'output', given: readonly NativeTensor[], slots: readonly NativeSlot[]): void {
  for (const tensor of given) {
    const slot = slots.find((s) => s.name === tensor.name);
    if (!slot)
      throw new UsageError(
        `the graph has no ${kind} '${tensor.name}'; its ${kind}s are ${slots.map((s) => s.name).join(', ')}`,
      );
    if (slot.type !== tensor.type || slot.shape.join() !== tensor.shape.join())
      throw new UsageError(
        `${kind} '${tensor.name}' must be ${describe(dataTypeFromOnnx(slot.type), slot.shape)}, found ${describe(dataTypeFromOnnx(tensor.type), tensor.shape)}`,
      );
  }
}

class CpuSession implements Session {
  readonly #handle: NativeHandle;
  readonly #inputs: NativeSlot[];
  readonly #outputs: NativeSlot[];
  readonly #bound: ReadonlySet<string>;
  readonly #profile: string | undefined;
  readonly #onRelease: (session: CpuSession) => void;
  #released: Promise<void> | undefined;

  constructor(
    created: { handle: NativeHandle; inputs: NativeSlot[]; outputs: NativeSlot[] },
    spec: SessionSpec,
    onRelease: (session: CpuSession) => void,
  ) {
    this.#handle = created.handle;
    this.#inputs = created.inputs;
    this.#outputs = created.outputs;
    this.#bound = new Set([...(spec.bound?.inputs.keys() ?? []), ...(spec.bound?.outputs.keys() ?? [])]);
    this.#profile = spec.profile;
    this.#onRelease = onRelease;
  }

  async run(inputs: ReadonlyMap<string, TensorView>, outputs: ReadonlyMap<string, TensorView>): Promise<void> {
    if (this.#released) throw new UsageError('the session was released');
    const nativeInputs = toNatives(inputs);
    const nativeOutputs = toNatives(outputs);
    checkFits('input', nativeInputs, this.#inputs);
    checkFits('output', nativeOutputs, this.#outputs);
    for (const slot of this.#inputs)
      if (!inputs.has(slot.name) && !this.#bound.has(slot.name))
        throw new UsageError(`input '${slot.name}' is missing`);
    for (const slot of this.#outputs)
      if (!outputs.has(slot.name) && !this.#bound.has(slot.name))
        throw new UsageError(`output '${slot.name}' is missing`);
    await addon()
      .run(this.#handle, nativeInputs, nativeOutputs)
      .catch((error: Error) => {
        throw new OrtuneError(`a run of the graph failed: ${error.message}`);
      });
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    this.#onRelease(this);
    const file = await addon().release(this.#handle);
    if (file && this.#profile) await rename(file, this.#profile);
  }
}

class CpuDevice implements Device {
  readonly name = 'cpu';
  readonly #library: string;
  readonly #sessions = new Set<CpuSession>();

  constructor(
    library: string,
    readonly threads: number,
    readonly version: string,
    readonly kernels: ReadonlySet<string>,
    readonly sharedThreads: boolean,
    readonly sharedMemory: boolean,
  ) {
    this.#library = library;
  }

  async createSession(spec: SessionSpec): Promise<Session> {
    refuseSecondRuntime(this.#library);
    const create = async () =>
      addon().createSession(this.#library, {
        model: spec.model,
        constants: toNatives(spec.constants),
        inputs: toNatives(spec.bound?.inputs),
        outputs: toNatives(spec.bound?.outputs),
        profile: spec.profile ?? '',
        optimization: optimizationLevels[spec.optimization ?? 'all'],
        threads: this.threads,
      });
    const created = await create().catch((error: Error) => {
      if (error instanceof OrtuneError) throw error;
      throw new OrtuneError(`the runtime does not accept the graph: ${error.message}`);
    });
    const session = new CpuSession(created, spec, (released) => this.#sessions.delete(released));
    this.#sessions.add(session);
    return session;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.release()));
  }
}

/** Opens the CPU device; see openDevice. Throws UsageError for a bad `threads`, OrtuneError for a runtime that does not fit. */
export async function openCpu(options: { threads?: number }): Promise<Device> {
  const threads = options.threads ?? defaultThreads();
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024)
    throw new UsageError(`threads must be a whole number from 1 to 1024, found ${threads}`);
  const library = runtimeLibrary();
  disableRuntimeTelemetry();
  refuseSecondRuntime(library);
  const opened = await addon()
    .openDevice(library, threads)
    .catch((error: Error) => {
      throw new OrtuneError(error.message);
    });
  const kernels = [...opened.ops.map((op) => `ortune.${op}`), ...microsoftOps.map((op) => `com.microsoft.${op}`)];
  return new CpuDevice(
    library,
    threads,
    opened.version,
    new Set(kernels),
    opened.sharedThreads === threads,
    opened.sharedArena,
  );
}
