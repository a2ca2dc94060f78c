// Which files make a model of the hub, in which order they are fetched, and the errors when one cannot be had. The
// small ones come first, the record that the model is whole comes last. What is in the cache already is not requested,
// so a cache that another program filled serves too, without a network.

import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { HubApiError, InvalidApiResponseFormatError } from '@huggingface/hub';
import { ModelError } from '../errors.js';
import { writeAtomically } from '../files/atomic-file.js';
import { externalLocations, leadsOut } from '../onnx/external.js';
import { ModelProtoSchema } from '../onnx/onnx_pb.js';
import { quote } from '../quote.js';
import { isErrorNamed } from '../realm.js';
import { networkReason, TooLarge } from './download.js';
import { type HubModel, RECORD } from './hub.js';

/** Fetched where the model has them. */
const optional = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'generation_config.json',
  'preprocessor_config.json',
] as const;

/**
 * Completes the model's directory. `fetchFile` puts a file of the model into it and returns whether there is one, or
 * throws: HubApiError for an answer that says no, TypeError with a cause where the network fails, a system error where
 * the cache cannot be written.
 * @throws ModelError
 */
export async function downloadModel(model: HubModel, fetchFile: (file: string) => Promise<boolean>): Promise<void> {
  let networkFailure: Error | undefined;
  /** Whether the directory has the file now. */
  const has = async (file: string): Promise<boolean> => {
    if (existsSync(join(model.directory, file))) return true;
    if (networkFailure) return false;
    try {
      if (!(await fetchFile(file))) return false;
    } catch (error) {
      if (error instanceof HubApiError && error.statusCode === 404) return false;
      if (networkReason(error) === undefined) throw refused(error as Error, file, model);
      networkFailure = error as Error;
      return false;
    }
    checkContent(file, model);
    return true;
  };
  const need = async (...files: readonly [string, ...string[]]): Promise<string> => {
    for (const file of files) if (await has(file)) return file;
    throw networkFailure ? unreachable(networkFailure, files, model) : missing(files, model);
  };
  const files = [await need('config.json')];
  for (const file of optional) if (await has(file)) files.push(file);
  const onnx = await need('onnx/model.onnx', 'model.onnx');
  const needed = [...new Set([onnx, ...dataOf(onnx, model)])];
  for (const data of needed) files.push(await need(data));
  // Without the network it is not known which optional files there are.
  if (!networkFailure) record(files, model);
}

/** The external data of an .onnx file in the directory. Its locations are untrusted text. */
function dataOf(onnx: string, model: HubModel): string[] {
  const file = join(model.directory, onnx);
  const locations = locationsIn(file) ?? [];
  return locations.map((location) => {
    if (leadsOut(dirname(file), location))
      throw new ModelError(
        `${file} names external data ${quote(location)}, which is outside of the model's directory: not downloaded. ` +
          'Choose another model.',
      );
    return posix.join(posix.dirname(onnx), location);
  });
}

/** Undefined for a file that is no ONNX model; whoever opens a cached one says so. */
function locationsIn(file: string): string[] | undefined {
  try {
    const { graph } = fromBinary(ModelProtoSchema, readFileSync(file));
    return graph && externalLocations(graph);
  } catch {
    return undefined;
  }
}

/** Refuses what only answered in place of the file, such as the page of a proxy, before it counts as the file. */
function checkContent(file: string, model: HubModel): void {
  const path = join(model.directory, file);
  const kind = file.endsWith('.json') ? 'JSON' : file.endsWith('.onnx') ? 'ONNX model' : undefined;
  if (!kind || (kind === 'JSON' ? isJson(path) : locationsIn(path))) return;
  const start = readFileSync(path).subarray(0, 60).toString('latin1').replaceAll(/\s+/g, ' ');
  rmSync(path);
  throw new ModelError(
    `${urlOf(model)}${file} is no ${kind}: it begins with ${quote(start)}, and was not kept. ` +
      'Check that no proxy answers in place of the hub, or choose another model or revision.',
  );
}

function isJson(path: string): boolean {
  try {
    JSON.parse(readFileSync(path, 'utf8'));
    return true;
  } catch {
    return false;
  }
}

/** The record spares the next start a look at each file, no more: a cache that is only read needs none. */
function record(files: readonly string[], { directory }: HubModel): void {
  try {
    const sized = files.map((file) => ({ file, bytes: statSync(join(directory, file)).size }));
    writeAtomically(join(directory, RECORD), `${JSON.stringify({ files: sized })}\n`);
  } catch {
    // The model is whole all the same.
  }
}

const urlOf = ({ endpoint, id, revision }: HubModel): string =>
  `${endpoint}${id}/resolve/${encodeURIComponent(revision)}/`;

/** `why` and `advice` are sentences; `files` are those that could not be had. */
function failure(model: HubModel, files: readonly string[], why: string, advice: string): ModelError {
  const { name, directory } = model;
  const wanted = [...new Set(['config.json', 'tokenizer.json', 'onnx/model.onnx', ...files])];
  const there = wanted.filter((file) => existsSync(join(directory, file)));
  return new ModelError(
    `${quote(name)} is no path on this machine, and the hub model of that name cannot be had: ${why}\n` +
      `Looked for ${wanted.join(', ')} in the cache ${directory} (there: ${there.join(', ') || 'none of them'}) and at ${urlOf(model)}.\n` +
      `${advice} A model directory or .onnx file on this machine is named by its path, which wins over the hub.`,
  );
}

function unreachable(error: Error, files: readonly string[], model: HubModel): ModelError {
  return failure(
    model,
    files,
    `${new URL(model.endpoint).host} could not be reached, or the connection broke (${networkReason(error)}).`,
    'Try again with a connection; HF_ENDPOINT names another host, ORTUNE_CACHE a directory of models downloaded before.',
  );
}

function missing(files: readonly string[], model: HubModel): ModelError {
  const advice = files.includes('onnx/model.onnx')
    ? 'Choose a model with an ONNX export in float32, such as those of Xenova or onnx-community, or export it.'
    : 'Check the name and the revision.';
  return failure(model, files, `it has no ${files.join(' and no ')} (404).`, advice);
}

function refused(error: Error, file: string, model: HubModel): ModelError {
  return failure(model, [file], ...reasonOf(error, file));
}

/** Why a file was not had, and what to do. */
function reasonOf(error: Error & { syscall?: string }, file: string): [why: string, advice: string] {
  if (error.syscall)
    return [
      `the cache cannot be written (${error.message}).`,
      'Make room, or set ORTUNE_CACHE to a directory that can be written.',
    ];
  if (error instanceof HubApiError && (error.statusCode === 401 || error.statusCode === 403))
    return [
      `${file} is refused (${error.statusCode}), so there is no such model, or it is private or gated.`,
      'Check the name; HF_TOKEN holds a token that may read it.',
    ];
  if (error instanceof InvalidApiResponseFormatError)
    return [
      `${file} was answered without its size or its ETag (${error.message}), which the hub sends.`,
      'Check that no proxy answers in place of the hub, and that the host in HF_ENDPOINT serves byte ranges and ETags.',
    ];
  if (error instanceof TooLarge) return [error.message, error.advice];
  if (isErrorNamed(error, 'TypeError')) return [`${error.message}.`, 'Check HF_TOKEN.'];
  return [error.message, 'Try again later.'];
}
