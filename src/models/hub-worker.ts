// A worker thread that downloads one model of the hub with @huggingface/hub, and checks what came. It is a thread
// because a check parses a whole file, which an event loop must not wait for, and so that the package (0.1 s) is loaded
// only where something is downloaded. A file is written into a directory of this download alone and renamed when it is
// complete.

import { createWriteStream, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { parentPort, workerData } from 'node:worker_threads';
import { downloadFile } from '@huggingface/hub';
import { outcomeOf } from '../errors.js';
import type { HubMessage, HubModel } from './hub.js';
import { Bounds } from './hub-bounds.js';
import { downloadModel } from './hub-download.js';

const progressIntervalMs = 100;

const model = workerData as HubModel;
const stop = new AbortController();
const bounds = new Bounds(model.limits, stop.signal);
parentPort!.once('message', () => stop.abort());
const send = (message: HubMessage): void => parentPort!.postMessage(message);

/** Puts a file into the model's directory; false where the model has none of that name. */
async function fetchFile(file: string): Promise<boolean> {
  bounds.begin(file, mostBytes(file));
  try {
    return await download(file);
  } catch (error) {
    throw bounds.failure ?? error;
  }
}

/** What is read into memory at once has less room: JSON to be parsed, and protobuf, which ends at 2 GiB by itself. */
function mostBytes(file: string): number {
  if (file.endsWith('.json')) return 2 ** 28;
  return file.endsWith('.onnx') ? 2 ** 31 : model.limits.maxBytes;
}

async function download(file: string): Promise<boolean> {
  const blob = await downloadFile({
    repo: model.id,
    path: file.split('/').map(encodeURIComponent).join('/'),
    revision: model.revision,
    hubUrl: model.endpoint.slice(0, -1),
    ...(model.token && { accessToken: model.token }),
    fetch: bounds.fetch,
    // Plain HTTP, which every mirror serves and the tests' server too; the hub's chunk protocol is served by the hub
    // alone.
    xet: false,
  });
  if (!blob) return false;
  bounds.announce(blob.size);
  const [partial, path] = [model.partial, model.directory].map((directory) => join(directory, file)) as [
    string,
    string,
  ];
  for (const place of [partial, path]) mkdirSync(dirname(place), { recursive: true });
  const stream = Readable.fromWeb(blob.stream() as ReadableStream);
  await pipeline(stream, counted(file, blob.size), createWriteStream(partial));
  renameSync(partial, path);
  return true;
}

/** Passes the bytes of a file on, and says how far it is. */
function counted(file: string, totalBytes: number) {
  return async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let loadedBytes = 0;
    let sentMs = Number.NEGATIVE_INFINITY;
    for await (const chunk of chunks) {
      yield chunk;
      loadedBytes += chunk.byteLength;
      if (loadedBytes > totalBytes) break;
      const now = performance.now();
      if (loadedBytes >= totalBytes || now - sentMs < progressIntervalMs) continue;
      sentMs = now;
      send({ progress: { file, loadedBytes, totalBytes } });
    }
    if (loadedBytes > totalBytes) throw new Error(`${file} has more than the ${totalBytes} bytes it was said to have.`);
    if (loadedBytes < totalBytes) throw new Error(`${file} ended after ${loadedBytes} of ${totalBytes} bytes.`);
    send({ progress: { file, loadedBytes, totalBytes } });
  };
}

send({ outcome: await outcomeOf(() => downloadModel(model, fetchFile)) });
