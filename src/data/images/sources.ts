// Where the pictures of a table lie: stored tensors of one shape, picture files (JPEG, PNG, ...) by path, or encoded
// pictures within a larger file or in memory. Each holds rows 0 to rows - 1. All of it survives structured clone, and
// what grows with the number of pictures is in shared memory. How a source is read is for those who open it
// (image-inputs.ts) and for the worker's readers (read-picture.ts).

import type { DeclaredNames } from '../label-meaning.js';
import { shared } from '../shared-arrays.js';
import { type ImageShape, type PixelType, pixelBytes, pixelsOf } from './pixels.js';

/** Numbers as they are, of one shape. */
export interface PixelSource {
  kind: 'pixels';
  /** Path of the file, or what to call an array. */
  name: string;
  rows: number;
  /** First byte of the first picture. */
  begin: number;
  type: PixelType;
  shape: ImageShape;
  /** The bytes themselves, where they are in memory. */
  memory?: SharedArrayBuffer | undefined;
  /** Of the file, where it is a packed one that has been found whole. */
  sha256?: string | undefined;
}

/** Decoded pictures of sizes of their own in a packed file: uint8, channels last, one behind the other. */
export interface PackedSource {
  kind: 'packed';
  /** Path of the file. */
  name: string;
  rows: number;
  channels: number;
  /** First byte of each. */
  begin: Float64Array;
  height: Uint32Array;
  width: Uint32Array;
  /** Of the file, which has been found whole. */
  sha256: string;
}

/** A file for each picture. */
export interface FileSource {
  kind: 'files';
  /** The folder, or the table that lists them. */
  name: string;
  rows: number;
  paths: SharedTexts;
  /** Line of each in the table. */
  lines?: Uint32Array | undefined;
}

/** Encoded pictures that lie one after the other. */
export interface EncodedSource {
  kind: 'pieces';
  /** The file they came from, or what to call an array. */
  name: string;
  rows: number;
  /** What holds them. */
  file?: string | undefined;
  memory?: SharedArrayBuffer | undefined;
  /** The rows are a host program's, which count from 0, though a file holds them. */
  given?: boolean | undefined;
  /** First byte of each, and how many; none where the data has no picture in this row. */
  begin: Float64Array;
  length: Uint32Array;
}

export type PictureSource = PixelSource | PackedSource | FileSource | EncodedSource;

/** What a source says beside the pictures. */
export interface SourceLabels {
  /** A number for each picture, or [rows, width] of them. Undefined where there are none. */
  labels?: { values: Float64Array; width: number | undefined } | undefined;
  /** Of the classes, where the source says. */
  names?: readonly string[] | undefined;
  /** The names are labels that were met: there may be more in other sources. */
  open?: boolean | undefined;
  /** They are numbers that were stored as such. */
  numeric?: boolean | undefined;
  /** What the data set says that labels which were met stand for. */
  declared?: DeclaredNames | undefined;
  weights?: Float64Array | undefined;
}

/** A source with its labels. */
export type ImageSource = PictureSource & SourceLabels;

/** The source alone, as tables and workers have it. */
export function pictureSource({
  labels: _,
  names: __,
  open: ___,
  weights: ____,
  numeric: _____,
  declared: ______,
  ...source
}: ImageSource): PictureSource {
  return source;
}

/** What of stored tensors decides how they become a model's input: shape and whether they are floats. */
export interface StoredShape {
  name: string;
  shape: ImageShape;
  floats: boolean;
}

/** Of each source of stored tensors; pictures that have to be decoded have a size each. */
export const storedShapes = (sources: readonly PictureSource[]): StoredShape[] =>
  sources.flatMap((source) =>
    source.kind === 'pixels' ? [{ name: source.name, shape: source.shape, floats: source.type !== 'uint8' }] : [],
  );

/** Bytes that a picture of stored tensors takes. */
export const bytesOf = ({ type, shape }: PixelSource): number => pixelBytes[type] * pixelsOf(shape);

/** Texts in shared memory: text i is the UTF-8 bytes from at[i] to at[i + 1]. */
export interface SharedTexts {
  bytes: SharedArrayBuffer;
  at: Float64Array;
}

export function shareTexts(texts: readonly string[]): SharedTexts {
  const at = shared.float64(texts.length + 1);
  for (const [i, text] of texts.entries()) at[i + 1] = at[i]! + Buffer.byteLength(text);
  const bytes = new SharedArrayBuffer(at[texts.length]!);
  const all = Buffer.from(bytes);
  for (const [i, text] of texts.entries()) all.write(text, at[i]!);
  return { bytes, at };
}

export const textAt = ({ bytes, at }: SharedTexts, i: number): string =>
  Buffer.from(bytes, at[i]!, at[i + 1]! - at[i]!).toString();

/**
 * Where a picture is, for messages: 'file:row 17' of tensors, whose rows count from 0; 'file:17' and paths as people
 * write them.
 */
export function placeInSource(source: PictureSource, row: number): string {
  if (source.kind === 'pixels' || source.kind === 'packed') return `${source.name}:row ${row}`;
  if (source.kind === 'pieces')
    return source.memory || source.given ? `${source.name}:row ${row}` : `${source.name}:${row + 1}`;
  const path = textAt(source.paths, row);
  return source.lines ? `${source.name}:${source.lines[row]} (${path})` : path;
}
