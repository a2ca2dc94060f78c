// Opens devices: the CPU, or one of the runtime's execution providers with memory of its own. Which of them a machine
// has is found by trying: see probe.ts.

import { defaultThreads, disableRuntimeTelemetry } from '../environment.js';
import { OrtuneError, UsageError } from '../errors.js';
import type { DeviceKind } from '../lower/target.js';
import { onnxDataType } from '../onnx/dtype.js';
import type { Arena } from './arena.js';
import type { Device, Session, SessionSpec, Traffic } from './device.js';
import { asDeviceWork, reasonIn } from './device-errors.js';
import { parseDeviceName } from './kinds.js';
import { refuseSecondRuntime, runtimeLibrary } from './library.js';
import { addon, type NativeBuffer, type NativeDevice, type NativeMemory } from './native.js';
import { createSession, type Host } from './native-session.js';
import { inBuffers, inPlace } from './placed.js';
import { providerOf } from './providers.js';
import type { DeviceTensor, DeviceTensors } from './tensors.js';

// Ops of com.microsoft with a CPU kernel that rules, lowering or exports use.
const microsoftOps = ['FusedMatMul', 'FusedGemm', 'BiasGelu', 'FastGelu', 'Gelu', 'SkipLayerNormalization'];

type TensorType = Pick<DeviceTensor, 'dtype' | 'shape'>;

/** What every device has: the sessions that it made. */
abstract class SessionDevice implements Device {
  abstract readonly name: string;
  abstract readonly kind: DeviceKind;
  abstract readonly ownMemory: boolean;
  abstract readonly asynchronous: boolean;
  abstract readonly kernels: ReadonlySet<string>;
  abstract readonly sharedMemory: boolean;
  abstract readonly sharedThreads: boolean;
  readonly threads: number;
  readonly version: string;
  protected readonly host: Host;
  readonly #sessions = new Set<Session>();

  constructor(host: Host, { version }: NativeDevice) {
    this.host = host;
    this.threads = host.threads;
    this.version = version;
  }

  get traffic(): Readonly<Traffic> {
    return this.host.traffic;
  }

  async createSession(spec: SessionSpec): Promise<Session> {
    refuseSecondRuntime(this.host.library);
    const session = await createSession(this.host, spec, (released) => this.#sessions.delete(released));
    this.#sessions.add(session);
    return session;
  }

  abstract place(arena: Arena, names?: readonly string[]): Promise<DeviceTensors>;
  abstract allocate(types: readonly TensorType[]): Promise<DeviceTensor[]>;

  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.release()));
  }
}

class CpuDevice extends SessionDevice {
  readonly name = 'cpu';
  readonly kind = 'cpu';
  readonly ownMemory = false;
  readonly asynchronous = false;
  readonly kernels: ReadonlySet<string>;
  readonly sharedMemory: boolean;
  readonly sharedThreads: boolean;

  constructor(host: Host, opened: NativeDevice) {
    super(host, opened);
    this.kernels = new Set([
      ...opened.ops.map((op) => `ortune.${op}`),
      ...microsoftOps.map((op) => `com.microsoft.${op}`),
    ]);
    this.sharedThreads = opened.sharedThreads === host.threads;
    this.sharedMemory = opened.sharedArena;
  }

  async place(arena: Arena): Promise<DeviceTensors> {
    return inPlace(arena);
  }

  async allocate(): Promise<never> {
    throw new Error('the CPU computes in the memory of the host: bind an arena');
  }
}

class ProviderDevice extends SessionDevice {
  readonly ownMemory = true;
  readonly asynchronous = true;
  // Standard operators only: the kernels of the addon compute on the CPU.
  readonly kernels: ReadonlySet<string> = new Set();
  // Each session keeps the buffers of its own peak.
  readonly sharedMemory = false;
  readonly sharedThreads = false;
  readonly #memory: NativeMemory;
  readonly #placed = new Map<Arena, Promise<DeviceTensors>>();
  readonly #buffers: NativeBuffer[] = [];

  constructor(
    readonly name: string,
    readonly kind: DeviceKind,
    memory: NativeMemory,
    host: Host,
    opened: NativeDevice,
  ) {
    super(host, opened);
    this.#memory = memory;
  }

  place(arena: Arena, names = arena.entries.map(({ name }) => name)): Promise<DeviceTensors> {
    const known = this.#placed.get(arena);
    if (known) return known;
    const placed = inBuffers(this, arena, names);
    this.#placed.set(arena, placed);
    return placed;
  }

  async allocate(types: readonly TensorType[]): Promise<DeviceTensor[]> {
    const wanted = types.map(({ dtype, shape }) => ({ type: onnxDataType(dtype), shape }));
    const allocate = () => addon().allocate(this.#memory, wanted);
    const what = `${this.name} could not allocate its buffers`;
    const buffers = await asDeviceWork(this.host.provider, what, allocate);
    this.#buffers.push(...buffers);
    return types.map(({ dtype, shape }, i) => ({ dtype, shape, buffer: buffers[i]! }));
  }

  override async close(): Promise<void> {
    await super.close();
    addon().freeBuffers(this.#buffers.splice(0));
    this.#placed.clear();
  }
}

/**
 * Opens a device by its name: cpu, webgpu, cuda or cuda:N. `threads`: of the runtime's pool on the CPU, the run thread
 * included (default: ORTUNE_THREADS or the processors this process may use). The first device of a process decides the
 * size of the shared pool; one with another size gives its sessions pools of their own.
 * @throws UsageError for a name that is none and a bad `threads`; OrtuneError for a runtime that does not fit and for a
 *   device that does not work here, with the reason
 */
export async function openDevice(name: string, options: { threads?: number | undefined } = {}): Promise<Device> {
  const { kind, index } = parseDeviceName(name);
  const threads = options.threads ?? defaultThreads();
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024)
    throw new UsageError(`threads must be a whole number from 1 to 1024, found ${threads}`);
  const library = runtimeLibrary();
  disableRuntimeTelemetry();
  refuseSecondRuntime(library);
  const fail = (error: Error): never => {
    throw new OrtuneError(error.message);
  };
  const opened = await addon().openDevice(library, threads).catch(fail);
  const provider = kind === 'cpu' ? undefined : providerOf(kind, index);
  const host: Host = { library, threads, provider, traffic: { up: 0, down: 0 } };
  if (!provider) return new CpuDevice(host, opened);
  const memory = await addon()
    .openMemory(library, threads, provider)
    .catch((error: Error) => {
      const reason = reasonIn(error.message);
      throw new OrtuneError(`device ${name} does not work here: ${reason}. 'ortune doctor' says what is missing.`, {
        cause: new Error(reason),
      });
    });
  return new ProviderDevice(name, kind, memory, host, opened);
}
