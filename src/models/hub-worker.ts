// A worker thread that downloads one model of the hub with @huggingface/hub, and checks what came. It is a thread
// because a check parses a whole file, which an event loop must not wait for, and so that the package (0.1 s) is loaded
// only where something is downloaded. A file is written into a directory of this download alone and renamed when it is
// complete.

import { mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { downloadFile } from '@huggingface/hub';
import { outcomeOf } from '../errors.js';
import { Bounds, save } from './download.js';
import type { HubMessage, HubModel } from './hub.js';
import { downloadModel } from './hub-download.js';

const model = workerData as HubModel;
const stop = new AbortController();
const bounds = new Bounds(model.limits, stop.signal);
parentPort!.once('message', () => stop.abort());
const send = (message: HubMessage): void => parentPort!.postMessage(message);

/** Puts a file into the model's directory; false where the model has none of that name. */
async function fetchFile(file: string): Promise<boolean> {
  bounds.begin(file);
  try {
    return await download(file);
  } catch (error) {
    throw bounds.failure ?? error;
  }
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
  const totalBytes = blob.size;
  await save({ body: blob.stream(), file, totalBytes }, partial, (loadedBytes) =>
    send({ progress: { file, loadedBytes, totalBytes } }),
  );
  renameSync(partial, path);
  return true;
}

send({ outcome: await outcomeOf(() => downloadModel(model, fetchFile)) });
