// Sessions of the addon over the onnxruntime-node package's library, on the CPU or on a provider's device. Checks what
// people can get wrong and says so by name; the addon checks again what would corrupt memory.

import { rename } from 'node:fs/promises';
import { types } from 'node:util';
import { ModelError, OrtuneError, UsageError } from '../errors.js';
import { bytesOfElements, dataTypeFromOnnx, onnxDataType } from '../onnx/dtype.js';
import { elementCount } from '../onnx/tensor.js';
import type { Optimization, Session, SessionSpec, Traffic } from './device.js';
import { asDeviceWork } from './device-errors.js';
import {
  addon,
  type NativeHostTensor,
  type NativeProvider,
  type NativeSession,
  type NativeSlot,
  type NativeTensor,
} from './native.js';
import type { BoundTensor, DeviceTensor, TensorView } from './tensors.js';

const optimizationLevels: Record<Optimization, number> = { none: 0, basic: 1, extended: 2, all: 99 };

const describe = (dtype: string | undefined, shape: readonly number[]): string => `${dtype} [${shape.join(', ')}]`;

/** Whether a tensor lies in a device's memory. */
export const isResident = (tensor: BoundTensor): tensor is DeviceTensor => 'buffer' in tensor;

/** Bytes of those that lie in the host's memory. */
const hostBytes = (tensors: ReadonlyMap<string, BoundTensor>): number =>
  [...tensors.values()].reduce((bytes, t) => bytes + (isResident(t) ? 0 : t.data.byteLength), 0);

function toHost(name: string, view: TensorView): NativeHostTensor {
  const { dtype, shape, data } = view;
  const bytes = bytesOfElements(dtype, elementCount(shape));
  if (data.byteLength !== bytes)
    throw new UsageError(
      `tensor '${name}' (${describe(dtype, shape)}) needs ${bytes} bytes, its array has ${data.byteLength}`,
    );
  if (!types.isSharedArrayBuffer(data.buffer))
    throw new UsageError(
      `tensor '${name}' must be a view of a SharedArrayBuffer, so that its memory cannot be transferred away`,
    );
  return { name, type: onnxDataType(dtype), shape, data };
}

const toNative = (name: string, tensor: BoundTensor): NativeTensor =>
  isResident(tensor) ? { name, buffer: tensor.buffer } : toHost(name, tensor);

const toNatives = (tensors: ReadonlyMap<string, BoundTensor> | undefined): NativeTensor[] =>
  [...(tensors ?? [])].map(([name, tensor]) => toNative(name, tensor));

function checkFits(
  kind: 'input' | 'output',
  given: ReadonlyMap<string, BoundTensor>,
  slots: readonly NativeSlot[],
): void {
  for (const [name, { dtype, shape }] of given) {
    const slot = slots.find((s) => s.name === name);
    if (!slot)
      throw new UsageError(
        `the graph has no ${kind} '${name}'; its ${kind}s are ${slots.map((s) => s.name).join(', ')}`,
      );
    const expected = dataTypeFromOnnx(slot.type);
    if (expected !== dtype || slot.shape.join() !== shape.join())
      throw new UsageError(
        `${kind} '${name}' must be ${describe(expected, slot.shape)}, found ${describe(dtype, shape)}`,
      );
  }
}

/** What a device makes its sessions with. */
export interface Host {
  /** Path of the runtime. */
  library: string;
  threads: number;
  /** Undefined: the CPU. */
  provider?: NativeProvider | undefined;
  /** Counts what crosses to the provider's device and back. */
  traffic: Traffic;
}

/** Rejects with OrtuneError that says why the runtime, or the device, does not take the graph. */
export async function createSession(
  host: Host,
  spec: SessionSpec,
  onRelease: (session: Session) => void,
): Promise<Session> {
  const { library, threads, provider } = host;
  const create = async (): Promise<NativeSession> =>
    addon().createSession(library, {
      model: spec.model,
      constants: [...(spec.constants ?? [])].map(([name, view]) => toHost(name, view)),
      inputs: toNatives(spec.bound?.inputs),
      inPlace: [...(spec.inPlace ?? [])].map(([name, view]) => toHost(name, view)),
      outputs: toNatives(spec.bound?.outputs),
      profile: spec.profile ?? '',
      optimization: optimizationLevels[spec.optimization ?? 'all'],
      threads,
      provider,
    });
  const created = await asDeviceWork(provider, 'the runtime does not accept the graph', create, ModelError);
  if (created.elsewhere.length > 0) {
    await addon().release(created.handle);
    const nodes = created.elsewhere.map(({ name, op }) => `${name} (${op})`).join(', ');
    throw new OrtuneError(
      `${provider?.name} has no kernel for ${created.elsewhere.length} nodes of the graph, and ortune leaves none to the CPU in ` +
        `silence, since every one would cross to it and back: ${nodes}. Train with device cpu, or with a model that does without.`,
    );
  }
  return new HostSession(host, created, spec, onRelease);
}

class HostSession implements Session {
  readonly #host: Host;
  readonly #created: NativeSession;
  readonly #bound: ReadonlySet<string>;
  readonly #profile: string | undefined;
  readonly #onRelease: (session: Session) => void;
  #released: Promise<void> | undefined;

  constructor(host: Host, created: NativeSession, spec: SessionSpec, onRelease: (session: Session) => void) {
    this.#host = host;
    this.#created = created;
    this.#bound = new Set(
      [spec.bound?.inputs, spec.inPlace, spec.bound?.outputs].flatMap((m) => [...(m?.keys() ?? [])]),
    );
    this.#profile = spec.profile;
    this.#onRelease = onRelease;
  }

  async run(inputs: ReadonlyMap<string, BoundTensor>, outputs: ReadonlyMap<string, BoundTensor>): Promise<void> {
    if (this.#released) throw new UsageError('the session was released');
    const { handle, inputs: inputSlots, outputs: outputSlots } = this.#created;
    const nativeInputs = toNatives(inputs);
    const nativeOutputs = toNatives(outputs);
    checkFits('input', inputs, inputSlots);
    checkFits('output', outputs, outputSlots);
    for (const slot of inputSlots)
      if (!inputs.has(slot.name) && !this.#bound.has(slot.name))
        throw new UsageError(`input '${slot.name}' is missing`);
    for (const slot of outputSlots)
      if (!outputs.has(slot.name) && !this.#bound.has(slot.name))
        throw new UsageError(`output '${slot.name}' is missing`);
    const run = () => addon().run(handle, nativeInputs, nativeOutputs);
    await asDeviceWork(this.#host.provider, 'a run of the graph failed', run);
    if (!this.#host.provider) return;
    this.#host.traffic.up += hostBytes(inputs);
    this.#host.traffic.down += hostBytes(outputs);
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    this.#onRelease(this);
    const file = await addon().release(this.#created.handle);
    if (file && this.#profile) await rename(file, this.#profile);
  }
}
