// External data: tensors whose bytes lie in files beside the model. A location is untrusted text from the model file,
// so it must stay inside the model file's directory, symbolic links included.

import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { ModelError } from '../errors.js';
import { isCacheLink } from '../files/cache-links.js';
import { quote } from '../quote.js';
import { allBodies } from './blocks.js';
import type { Model } from './model.js';
import type { GraphProto, TensorProto } from './onnx_pb.js';

/** A part of an external file. */
export interface ExternalRange {
  file: string;
  offset: number;
  length: number;
}

const outside = (path: string): boolean => path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path);

/** Whether a location leads out of the folder that it is relative to. */
export const leadsOut = (folder: string, location: string): boolean =>
  isAbsolute(location) || outside(relative(folder, join(folder, location)));

/** Where a graph says that its external data lies, each location once. */
export const externalLocations = (graph: GraphProto): string[] => {
  const tensors = [graph, ...allBodies(graph.node)].flatMap(({ initializer }) => initializer);
  const entries = tensors.flatMap((t) => t.externalData.filter(({ key }) => key === 'location'));
  return [...new Set(entries.map(({ value }) => value))];
};

/**
 * Where an external tensor's bytes lie; `expected` is the length its shape requires, in bytes.
 * ModelError: the location is missing or leads out of the model's directory, the file is missing or too short.
 */
export function externalRange(tensor: TensorProto, what: string, expected: number, model: Model): ExternalRange {
  const entry = (key: string): string | undefined => tensor.externalData.find((e) => e.key === key)?.value;
  const location = entry('location');
  const offset = Number(entry('offset') ?? 0);
  const length = Number(entry('length') ?? expected);
  if (!location || !Number.isSafeInteger(offset) || offset < 0 || length !== expected)
    throw new ModelError(
      `${what} of ${model.path} is damaged: external data at '${location ?? ''}', offset ${offset}, length ${length}; ` +
        `its shape takes ${expected} bytes. Export or download the model again.`,
    );
  const base = dirname(model.path);
  const file = join(base, location);
  let real: string;
  try {
    if (leadsOut(base, location)) throw new ModelError(escapes(location, what, model));
    real = realpathSync(file);
    accessSync(real, constants.R_OK);
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new ModelError(
      `${what} of ${model.path} lies in the external data file ${quote(location)}, which cannot be read (${(error as NodeJS.ErrnoException).code}). ` +
        'Put the file beside the model, or download the model again.',
    );
  }
  if (outside(relative(realpathSync(base), real)) && !isCacheLink(file, real))
    throw new ModelError(escapes(location, what, model));
  if (!statSync(real).isFile())
    throw new ModelError(
      `${what} of ${model.path} names external data ${quote(location)}, which is not a file. Download the model again.`,
    );
  return { file: real, offset, length };
}

const escapes = (location: string, what: string, model: Model): string =>
  `${what} of ${model.path} names external data ${quote(location)}, which is outside of the model's directory. ` +
  'Only files beside the model are read, and those that the Hugging Face cache links to: put a copy of the data there.';

/** Calls `use` for the range in pieces of at most 8 MiB; each piece is valid until `use` returns. */
export function readPieces(range: ExternalRange, use: (piece: Uint8Array) => void): void {
  const fd = openSync(range.file, 'r');
  try {
    const buffer = new Uint8Array(Math.min(range.length, 8 * 2 ** 20));
    for (let done = 0; done < range.length; ) {
      const count = readSync(fd, buffer, 0, Math.min(buffer.length, range.length - done), range.offset + done);
      if (count === 0) throw new ModelError(`${range.file} ends ${range.length - done} bytes too early.`);
      use(buffer.subarray(0, count));
      done += count;
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * `readPieces` for a range of the model's. @throws ModelError for a file that has changed since the model was opened
 */
export function readTensor(range: ExternalRange, { external }: Model, use: (piece: Uint8Array) => void): void {
  external?.refuseChanged(range.file);
  readPieces(range, use);
  external?.refuseChanged(range.file);
}

/** The bytes of an external tensor. */
export function readExternal(tensor: TensorProto, what: string, expected: number, model: Model): Uint8Array {
  const range = externalRange(tensor, what, expected, model);
  const bytes = new Uint8Array(range.length);
  let at = 0;
  readTensor(range, model, (piece) => {
    bytes.set(piece, at);
    at += piece.length;
  });
  return bytes;
}

/** ModelError unless the range lies within its file. `sizes` remembers what was measured. */
export function checkExternal(
  tensor: TensorProto,
  what: string,
  expected: number,
  model: Model,
  sizes: Map<string, number>,
): void {
  const range = externalRange(tensor, what, expected, model);
  model.external?.note(range.file);
  const size = sizes.get(range.file) ?? statSync(range.file).size;
  sizes.set(range.file, size);
  if (range.offset + range.length > size)
    throw new ModelError(
      `${what} of ${model.path} takes bytes ${range.offset} to ${range.offset + range.length} of ${range.file}, ` +
        `which has only ${size}: the file is cut. Download the model again.`,
    );
}
