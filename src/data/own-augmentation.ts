// A function of the user's that changes training samples at random, loaded from a module in the threads that prepare
// batches. It gets one sample at a time and random numbers that are a function of (seed, epoch, sample), so the bits of
// a run depend neither on the number of threads nor on where it was resumed. Texts are given before they are encoded;
// numbers (pixels, tensors) as the model reads them, behind everything that the library does to them.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isObject, kindOfValue } from '../arguments.js';
import { UsageError } from '../errors.js';
import { quote } from '../quote.js';
import { messageOf } from '../realm.js';
import { ofKind, type Slices, type Spans, textAt, textsAt } from './columns.js';
import { type EncodedBatch, type EncodeRequest, SampleError } from './encode.js';
import { Rng, seedOf } from './images/augment/draws.js';
import type { Slot, SlotLayout } from './slots.js';

/** Where the function is. */
export interface AugmentModule {
  /** Path of the module. */
  module: string;
  /** Name of its export. */
  export: string;
}

/** What the function gets beside a sample. */
export interface AugmentContext {
  /** A number in [0, 1), the next of this sample in this epoch. */
  random(): number;
  /** From 0. */
  epoch: number;
  /** Number of the sample in its data. */
  sample: number;
}

/** Numbers of a sample, as the model reads them; `data` is changed in place. */
export interface AugmentTensor {
  dtype: string;
  /** Of this sample, such as [channels, height, width]. */
  shape: readonly number[];
  data: Float32Array | BigInt64Array | Int32Array | Uint8Array;
}

/**
 * A sample: of texts `{ text, pair }` or `{ words }`, in place of which another may be given back; of pictures and
 * tensors the model's inputs (and targets of tensors) by name, whose data are changed in place.
 */
export type AugmentSample = Record<string, string | string[] | AugmentTensor>;

/** May give a promise. */
export type Augment = (sample: never, context: AugmentContext) => unknown;

type Called = (sample: AugmentSample, context: AugmentContext) => unknown;

/** Stream of the random numbers, behind the steps of the library's own chain and its mixing. */
const ownStream = 2000;

/** Of tasks with labels: what is no part of a sample. */
const notOfSample = new Set(['labels', 'sample_weights']);

/** SHA-256 of the module's file. @throws UsageError where it cannot be read */
export function hashOfModule({ module }: AugmentModule): string {
  try {
    return createHash('sha256').update(readFileSync(module)).digest('hex');
  } catch (error) {
    throw new UsageError(`option 'augmentModule': ${quote(module)} cannot be read: ${messageOf(error)}`);
  }
}

export class OwnAugmentation {
  readonly #what: string;
  readonly #augment: Called;

  private constructor(what: string, augment: Called) {
    this.#what = what;
    this.#augment = augment;
  }

  /** @throws UsageError for a module that cannot be loaded, or has no such function */
  static async load({ module, export: name }: AugmentModule): Promise<OwnAugmentation> {
    const what = `augmentModule ${module}#${name}`;
    const loaded: Record<string, unknown> = await import(pathToFileURL(resolve(module)).href).catch((error) => {
      throw new UsageError(`${what}: the module cannot be loaded: ${messageOf(error)}`);
    });
    const found = loaded[name];
    if (typeof found !== 'function') {
      const functions = Object.keys(loaded).filter((key) => typeof loaded[key] === 'function');
      throw new UsageError(
        `${what}: expected a function, found ${kindOfValue(found)}; the module exports the functions ${functions.join(', ') || 'none'}`,
      );
    }
    return new OwnAugmentation(what, found as Called);
  }

  /** The request with the texts that the function makes of its own. @throws SampleError */
  async texts(request: EncodeRequest): Promise<EncodeRequest> {
    const { slices, samples } = request;
    const roles = Object.keys(slices).filter((role) => ['text', 'texts'].includes(slices[role]!.kind));
    if (roles.length === 0) {
      if (Object.values(slices).some(({ kind }) => kind === 'tokens'))
        throw new SampleError(0, `${this.#what}: packed texts are tokens already; give the texts themselves`);
      return request;
    }
    const rows: Record<string, string | string[]>[] = [];
    for (const row of samples.keys()) {
      const given = Object.fromEntries(roles.map((role) => [role, valueAt(slices, role, row)]));
      const made = await this.#call({ ...given }, request, row);
      rows.push(made === undefined ? given : this.#checked(made, given, row));
    }
    const changed = roles.map((role) => [role, sliceOf(rows.map((one) => one[role]!))] as const);
    return { ...request, slices: { ...slices, ...Object.fromEntries(changed) } as Slices };
  }

  /** Has the function change the numbers of each sample in the slot. @throws SampleError */
  async numbers(request: EncodeRequest, slot: Slot, { bad = [] }: EncodedBatch): Promise<void> {
    const fields = slot.layout.fields.filter(ofSample);
    const left = new Set(bad.map(({ row }) => row));
    const kept = Array.from(request.samples.keys()).filter((row) => !left.has(row));
    if (fields.length === 0 || kept.length === 0) return;
    const views = fields.map(({ name, dtype, shape }) => {
      const data = slot.field(name) as Float32Array;
      return { name, dtype, shape: shape.slice(1) as number[], data, size: data.length / slot.batchSize };
    });
    for (const [at, row] of kept.entries()) {
      const sample = Object.fromEntries(
        views.map(({ name, dtype, shape, data, size }) => [
          name,
          { dtype, shape, data: data.subarray(at * size, (at + 1) * size) },
        ]),
      );
      const made = await this.#call(sample, request, row);
      if (made !== undefined)
        throw new SampleError(
          row,
          `${this.#what}: pixels and tensors are changed in place (${Object.keys(sample).join(', ')}: its data); it gave back ${kindOfValue(made)}`,
        );
    }
    // Rows behind the last sample repeat it.
    const last = kept.length - 1;
    for (const { data, size } of views)
      for (let b = last + 1; b < slot.batchSize; b++) data.copyWithin(b * size, last * size, (last + 1) * size);
  }

  async #call(sample: AugmentSample, { seed, epoch, samples }: EncodeRequest, row: number): Promise<unknown> {
    const rng = new Rng(seedOf({ seed, epoch, sample: samples[row]! }), ownStream);
    try {
      return await this.#augment(sample, { random: () => rng.unit(), epoch, sample: samples[row]! });
    } catch (error) {
      throw new SampleError(row, `${this.#what}: it threw: ${messageOf(error)}`);
    }
  }

  /** What the function gave in place of a sample of texts. @throws SampleError */
  #checked(made: unknown, given: Record<string, string | string[]>, row: number): Record<string, string | string[]> {
    const wrong = (why: string): SampleError => new SampleError(row, `${this.#what}: ${why}`);
    if (!isObject(made)) throw wrong(`it must give a sample, or nothing, found ${kindOfValue(made)}`);
    const all: Record<string, string | string[]> = {};
    for (const [role, before] of Object.entries(given)) {
      const value: unknown = Object.hasOwn(made, role) ? (made as Record<string, unknown>)[role] : before;
      if (typeof before === 'string' && typeof value !== 'string')
        throw wrong(`${role} must be a text, found ${kindOfValue(value)}`);
      if (Array.isArray(before)) {
        if (!Array.isArray(value) || value.some((word) => typeof word !== 'string'))
          throw wrong(`${role} must be a list of texts, found ${kindOfValue(value)}`);
        if (value.length !== before.length)
          throw wrong(`${role} must stay ${before.length}, which have a tag each, found ${value.length}`);
      }
      all[role] = value as string | string[];
    }
    return all;
  }
}

/** Fields with as many numbers for each sample, whatever its length. */
const ofSample = ({ name, shape }: SlotLayout['fields'][number]): boolean =>
  shape[0] === 'batch' && shape.slice(1).every((dim) => typeof dim === 'number') && !notOfSample.has(name);

function valueAt(slices: Slices, role: string, row: number): string | string[] {
  const text = ofKind(slices, role, 'text');
  return text ? textAt(text, row) : textsAt(ofKind(slices, role, 'texts')!, row);
}

/** Texts, or lists of them, as a slice. */
function sliceOf(values: readonly (string | string[])[]): Slices[string] {
  const bytes = values.flat().map((text) => Buffer.from(text));
  const chunk = new SharedArrayBuffer(bytes.reduce((sum, { length }) => sum + length, 0));
  const spans = new Uint32Array(3 * bytes.length);
  let begin = 0;
  for (const [i, text] of bytes.entries()) {
    new Uint8Array(chunk, begin, text.length).set(text);
    spans.set([0, begin, text.length], 3 * i);
    begin += text.length;
  }
  const held: Spans = { chunks: [chunk], spans };
  if (typeof values[0] === 'string') return { kind: 'text', ...held };
  const offsets = new Uint32Array(values.length + 1);
  for (const [i, list] of values.entries()) offsets[i + 1] = offsets[i]! + list.length;
  return { kind: 'texts', ...held, offsets };
}
