// A model argument as a path on this machine. What exists as a path is that path; the name of a model that comes with
// ortune is its package's directory (packaged.ts). A name of the hub, owner/name or
// owner/name@revision, is a directory of the cache, which a thread fills (hub-worker.ts); once it is whole there,
// the network is not used. Files of URLs are fetched by remote-file.ts; nothing else downloads.

import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { builtFile } from '../built.js';
import { downloadLimits, hubEndpoint, hubToken, modelCache } from '../environment.js';
import { type Outcome, unwrap } from '../errors.js';
import { Lock } from '../files/lock.js';
import { asOnDisk } from '../files/unicode-paths.js';
import { ThreadError } from '../threads/causes.js';
import { startThread } from '../threads/start-thread.js';
import { packagedModel } from './packaged.js';

export interface DownloadEvent {
  /** The model as it was named. */
  model: string;
  /** Path in the model's directory. */
  file: string;
  loadedBytes: number;
  /** Undefined where the server does not say; the last event of a file has it equal to loadedBytes. */
  totalBytes?: number;
}

export interface ResolveOptions {
  /** Stops a download; what is whole by then stays in the cache. */
  signal?: AbortSignal | undefined;
  /** Called with the state of the download, about ten times a second. */
  onDownload?: ((event: DownloadEvent) => void) | undefined;
}

/** The same with the bound that an option sets. */
export interface Resolving extends ResolveOptions {
  /** Default that of downloads (environment.ts). */
  maxDownloadBytes?: number | undefined;
}

/** A model of the hub, where it comes from and where it goes. */
export interface HubModel {
  /** As the user wrote it. */
  name: string;
  id: string;
  revision: string;
  /** With a slash at its end. */
  endpoint: string;
  /** What opens private and gated models; undefined for another host than the hub's own. */
  token: string | undefined;
  /** Directory of all models. */
  cache: string;
  /** The model's own, in the cache. */
  directory: string;
  /** Directory for files under way, of this download alone. */
  partial: string;
  limits: DownloadLimits;
}

export interface DownloadLimits {
  /** Of a model in all, unpacked. */
  maxBytes: number;
  /** How long a server may leave the download waiting. */
  timeoutMs: number;
}

/** What the download thread says: how far a file is, and in the end how it went. */
export type HubMessage = { progress: Omit<DownloadEvent, 'model'> } | { outcome: Outcome<void> };

/** Written into the model's directory when the model is whole: the files it consists of. */
export const RECORD = '.downloaded.json';

/** How the directories begin that files under way lie in. */
const PARTIAL = '.partial-';

/** In such a directory: the lock of whoever downloads. */
const LOCK = '.lock';

const HUB_NAME = /^(?<id>\w[\w.-]*\/\w[\w.-]{0,95})(?:@(?<revision>\w[\w./-]*))?$/;

/** The parts of a name of the hub; undefined for what can only be a path. */
export function parseHubName(name: string): { id: string; revision: string } | undefined {
  const { id, revision = 'main' } = HUB_NAME.exec(name)?.groups ?? {};
  if (!id || /\.\.|--|[.-]\/|[./-]$|\.(onnx|ort|git|ipynb)$/i.test(id) || revision.includes('..')) return undefined;
  return { id, revision };
}

/**
 * The path of a model: of one that comes with ortune its package's directory; of a name of the hub its directory in the
 * cache, downloaded where it is not there yet; anything else, and what begins with a directory that exists, as it is,
 * to be judged by whoever opens it.
 * @throws ModelError for a model that cannot be had from the hub; UsageError for a wrong HF_ENDPOINT; the signal's
 * reason
 */
export async function resolveModel(name: string, options: Resolving = {}): Promise<string> {
  const packaged = packagedModel(name);
  if (packaged !== undefined) return packaged;
  const parsed = parseHubName(name);
  // models/tiny-em, where there is a models/ here, is a path mistyped: no request to the hub.
  if (!parsed || existsSync(name) || existsSync(name.split('/')[0]!)) return asOnDisk(name);
  const { id, revision } = parsed;
  const cache = modelCache();
  const directory = join(cache, id, revision === 'main' ? '' : revision);
  if (isWhole(directory)) return directory;
  const partial = join(cache, `${PARTIAL}${randomUUID()}`);
  const endpoint = hubEndpoint();
  const source = {
    name,
    id,
    revision,
    endpoint,
    token: hubToken(endpoint),
    limits: downloadLimits(options.maxDownloadBytes),
  };
  await download({ ...source, cache, directory, partial }, options);
  return directory;
}

/** Whether the record names the files of a model, and they are there with the bytes they had. */
function isWhole(directory: string): boolean {
  try {
    const { files } = JSON.parse(readFileSync(join(directory, RECORD), 'utf8')) as {
      files: { file: string; bytes: number }[];
    };
    const names = files.map(({ file }) => file);
    if (!names.includes('config.json') || !names.some((name) => name.endsWith('model.onnx'))) return false;
    return files.every(({ file, bytes }) => statSync(join(directory, file)).size === bytes);
  } catch {
    // None, cut, or of an earlier version: the download looks at each file itself.
    return false;
  }
}

/**
 * Has a thread download what is missing. Files under way are removed when the thread, which may write them, is gone.
 */
async function download(model: HubModel, { signal, onDownload }: ResolveOptions): Promise<void> {
  signal?.throwIfAborted();
  const role = 'that downloads models';
  // A cache that can only be read may still have it all.
  const lock = await Lock.take(join(model.partial, LOCK), 'the download').catch(() => undefined);
  const thread = startThread({ url: builtFile('models/hub-worker.js'), workerData: model, role });
  const abort = (): void => thread.postMessage('abort');
  signal?.addEventListener('abort', abort);
  try {
    const outcome = await new Promise<Outcome<void>>((resolve, reject) => {
      thread.on('error', (error) => reject(ThreadError.atStart(role, error)));
      thread.on('exit', (code) => reject(ThreadError.atWork(role, `it ended with code ${code}`)));
      thread.on('message', (message: HubMessage) => {
        if ('outcome' in message) return resolve(message.outcome);
        try {
          onDownload?.({ model: model.name, ...message.progress });
        } catch (error) {
          reject(error);
        }
      });
    });
    signal?.throwIfAborted();
    unwrap(outcome);
  } finally {
    signal?.removeEventListener('abort', abort);
    await thread.terminate();
    const left = [model.partial, ...(await leftBehind(model.cache))];
    await Promise.allSettled(left.map((path) => rm(path, { recursive: true, force: true })));
    lock?.release();
  }
}

/** What downloads left that were killed: nobody has its lock, or it is older than any download lasts. */
async function leftBehind(cache: string): Promise<string[]> {
  const before = Date.now() - 24 * 3600 * 1000;
  const names = await readdir(cache).catch(() => []);
  const left: string[] = [];
  for (const path of names.filter((name) => name.startsWith(PARTIAL)).map((name) => join(cache, name))) {
    const old = (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? before) < before;
    if (old || (await isAbandoned(join(path, LOCK)))) left.push(path);
  }
  return left;
}

async function isAbandoned(lock: string): Promise<boolean> {
  if (!existsSync(lock)) return false;
  const taken = await Lock.take(lock, 'the download').catch(() => undefined);
  taken?.release();
  return taken !== undefined;
}
