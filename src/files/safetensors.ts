// The safetensors format: 8 bytes with the header's length (little-endian), a JSON header that gives
// every tensor's type, shape and place, padded with spaces to 8 bytes, then the tensors without gaps. Nothing here
// reads or writes files. A header is not believed: what it says must fit together and fit the file, byte for byte.
// Source: https://github.com/huggingface/safetensors, "Format".

import { DataError } from '../errors.js';
import { elementCount } from '../onnx/tensor.js';
import { quote, shown } from '../quote.js';
import { isObject } from './json.js';

/** Bytes in front of the header: its length. */
export const prefixBytes = 8;
const longestHeader = 100_000_000; // the safetensors library takes no longer one
const metadataKey = '__metadata__';
/** Bytes of an element by the format's name of its type. */
const elementBytes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
};
export type StoredType = keyof typeof elementBytes;

/** A file that is shorter than its header says. */
export class CutFile extends DataError {}

export interface TensorPlace {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  /** In bytes from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

/**
 * Length and header of a file whose tensors follow in this order, float32 unless they say otherwise; `metadata` is for
 * people and other programs. `leastBytes`: of both, filled up with spaces, so that the tensors may be written first.
 */
export function encodeHeader(
  tensors: readonly { name: string; shape: readonly number[]; dtype?: StoredType }[],
  metadata: Readonly<Record<string, string>>,
  leastBytes = 0,
): Uint8Array {
  let end = 0;
  // Entry by entry, because an object would put names that are numbers first.
  const entries = tensors.map(({ name, shape, dtype = 'F32' }) => {
    if (name === metadataKey) throw new Error(`a tensor of a safetensors file cannot be called ${metadataKey}`);
    const begin = end;
    end += elementCount(shape) * elementBytes[dtype];
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`;
  });
  const json = Buffer.from(`{${[`"${metadataKey}":${JSON.stringify(metadata)}`, ...entries].join(',')}}`);
  const length = Math.max(Math.ceil(json.length / 8) * 8, leastBytes - prefixBytes);
  const bytes = Buffer.alloc(prefixBytes + length, ' ');
  bytes.writeBigUInt64LE(BigInt(length));
  bytes.set(json, prefixBytes);
  return bytes;
}

/**
 * The header's length, from the first 8 bytes of a file of `fileBytes`.
 * @throws DataError when the file cannot hold such a header; messages start with `file`
 */
export function headerLength(prefix: Uint8Array, file: string, fileBytes: number): number {
  if (fileBytes < prefixBytes) throw new CutFile(`${file} is cut: ${fileBytes} bytes found, not even a header`);
  const length = Buffer.from(prefix).readBigUInt64LE();
  if (length > longestHeader)
    throw new DataError(`${file} is not a safetensors file: its header would have ${length} bytes`);
  if (prefixBytes + Number(length) > fileBytes)
    throw new CutFile(
      `${file} is cut: a header of ${prefixBytes + Number(length)} bytes expected, ${fileBytes} found in all`,
    );
  return Number(length);
}

/**
 * Where the tensors are. `header` is the JSON with its padding, `dataBytes` how many bytes follow it in the file,
 * `types` those that tensors may have; default float32 alone.
 * @throws DataError for a header that contradicts itself or the file; messages start with `file`
 */
export function decodeHeader(
  header: Uint8Array,
  file: string,
  dataBytes: number,
  types: readonly StoredType[] = ['F32'],
): Map<string, TensorPlace> {
  const entries = Object.entries(parse(header, file));
  const places = new Map<string, TensorPlace>();
  for (const [name, entry] of entries) {
    if (name === metadataKey) checkMetadata(entry, file);
    else places.set(name, locationOf(name, entry, file, types));
  }
  checkCoverage(places, file, dataBytes);
  return places;
}

const refuse = (file: string, problem: string): never => {
  throw new DataError(`${file} is not a valid safetensors file: ${problem}`);
};

function parse(header: Uint8Array, file: string): Record<string, unknown> {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
    json = JSON.parse(text);
  } catch (error) {
    return refuse(file, `its header is not JSON: ${(error as Error).message}`);
  }
  if (!isObject(json) || !text.startsWith('{')) return refuse(file, 'its header is not an object at once');
  // JSON.parse takes the last of two equal keys without a word.
  const keys = outerKeys(text);
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  if (new Set(keys).size !== keys.length) return refuse(file, `its header has ${quote(twice!)} twice`);
  return json;
}

/** The keys of the outermost object of a JSON text whose values there are objects: its strings at depth 1. */
function outerKeys(json: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1) keys.push(JSON.parse(token) as string);
  }
  return keys;
}

function checkMetadata(entry: unknown, file: string): void {
  if (!isObject(entry) || Object.values(entry).some((value) => typeof value !== 'string'))
    refuse(file, `${metadataKey} must map names to strings`);
}

/** What the file says of itself, for people and other programs. @throws DataError for a header that is no JSON */
export function decodeMetadata(header: Uint8Array, file: string): Readonly<Record<string, string>> {
  const metadata = parse(header, file)[metadataKey] ?? {};
  checkMetadata(metadata, file);
  return metadata as Record<string, string>;
}

export const storedTypes = Object.keys(elementBytes) as StoredType[];

/** What stands there, also where nothing does. */
const asJson = (value: unknown): string => shown(JSON.stringify(value) ?? 'missing');

function locationOf(name: string, entry: unknown, file: string, types: readonly StoredType[]): TensorPlace {
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (!isObject(entry)) return refuse(file, `tensor ${quote(name)} is not described by an object`);
  const { dtype, shape, data_offsets: offsets, ...others } = entry;
  const type = types.find((known) => known === dtype);
  if (!type) return refuse(file, `tensor ${quote(name)} is ${asJson(dtype)}, expected ${types.join(', ')}`);
  if (!Array.isArray(shape) || !shape.every(isCount))
    return refuse(file, `the shape of tensor ${quote(name)} is ${asJson(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    return refuse(file, `the offsets of tensor ${quote(name)} are ${asJson(offsets)}`);
  const [other] = Object.keys(others);
  if (other !== undefined) return refuse(file, `tensor ${quote(name)} has an unknown property ${quote(other)}`);
  const [begin, end] = offsets as [number, number];
  const bytes = elementCount(shape) * elementBytes[type];
  if (end - begin !== bytes)
    return refuse(
      file,
      `tensor ${quote(name)} of shape [${shape}] takes ${bytes} bytes, its offsets [${offsets}] leave ${end - begin}`,
    );
  return { dtype: type, shape, begin, end };
}

/** The tensors must follow each other without gap or overlap and end where the file does. */
function checkCoverage(places: ReadonlyMap<string, TensorPlace>, file: string, dataBytes: number): void {
  const ordered = [...places].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const [name, place] of ordered) {
    if (place.begin !== end) refuse(file, `tensor ${quote(name)} starts at byte ${place.begin}, expected ${end}`);
    end = place.end;
  }
  if (dataBytes < end) throw new CutFile(`${file} is cut: ${end} bytes of tensors expected, ${dataBytes} found`);
  if (dataBytes > end) refuse(file, `${dataBytes - end} bytes follow its last tensor`);
}
