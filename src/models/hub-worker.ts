// Runs in a worker thread: downloads one model of the hub with the transformers library's own code. The library is
// configured by module state and cannot be aborted, so each download has a module instance of its own, and a fetch that
// can be. What is loaded is the library's hub module alone, which its package ships but does not export: the entry point
// would load the runtime and sharp (0.4 s, and a second user of the runtime in a process that is about to train).

import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { OrtuneError, outcomeOf } from '../errors.js';
import type { HubMessage, HubModel } from './hub.js';
import { downloadModel } from './hub-download.js';

interface Progress {
  status: string;
  loaded?: number;
  total?: number;
}

/** What is used of the library. */
interface Library {
  env: { [setting: string]: unknown };
  LogLevel: { NONE: number };
  getModelFile(
    id: string,
    file: string,
    fatal: boolean,
    options: { revision: string; progress_callback: (progress: Progress) => void },
    returnPath: boolean,
  ): Promise<unknown>;
  FileCache: new (
    path: string,
  ) => {
    path: string;
    match(key: string): Promise<unknown>;
    put(key: string, response: Response, progress?: (progress: object) => void): Promise<void>;
  };
}

const progressIntervalMs = 100;

const model = workerData as HubModel;
const stop = new AbortController();
parentPort!.once('message', () => stop.abort());
const tell = (message: HubMessage): void => parentPort!.postMessage(message);

async function openLibrary(): Promise<Library> {
  const entry = import.meta.resolve('@xenova/transformers');
  try {
    const modules = ['env.js', 'utils/hub.js', 'utils/cache/FileCache.js'];
    const loaded = await Promise.all(modules.map((module) => import(new URL(`../src/${module}`, entry).href)));
    return Object.assign({}, ...loaded);
  } catch (error) {
    throw new OrtuneError(
      `the transformers library at ${entry} has not the modules of version 4.3.1, which ortune downloads with ` +
        `(${(error as Error).message}). Install the version that ortune asks for: npm ls @xenova/transformers`,
    );
  }
}

function configure({ env, LogLevel, FileCache }: Library): void {
  const partial = new FileCache(model.partial);
  class WholeFiles extends FileCache {
    // The library's own lookup opens every file it finds and reads it into memory; of a path it asks no more.
    override async match(key: string): Promise<string | undefined> {
      const file = join(this.path, key);
      return existsSync(file) ? file : undefined;
    }

    // The library may leave a file under way behind when the connection breaks, so it writes where all of it is removed.
    override async put(key: string, response: Response, progress?: (progress: object) => void): Promise<void> {
      await partial.put(key, response, progress);
      const file = join(this.path, key);
      mkdirSync(dirname(file), { recursive: true });
      renameSync(join(partial.path, key), file);
    }
  }
  Object.assign(env, {
    remoteHost: model.endpoint,
    allowLocalModels: false,
    useCustomCache: true,
    customCache: new WholeFiles(model.cache),
    logLevel: LogLevel.NONE,
    fetch: (url: string, init: RequestInit) => fetch(url, { ...init, signal: stop.signal }),
  });
}

async function fetchFile(library: Library, file: string): Promise<void> {
  let toldMs = Number.NEGATIVE_INFINITY;
  const progress_callback = ({ status, loaded = 0, total = 0 }: Progress): void => {
    const now = performance.now();
    if (status !== 'progress' || loaded === 0 || now - toldMs < progressIntervalMs) return;
    toldMs = now;
    // A compressed answer is shorter than what comes out of it.
    tell({ progress: { file, loadedBytes: loaded, ...(total > loaded && { totalBytes: total }) } });
  };
  await library.getModelFile(model.id, file, true, { revision: model.revision, progress_callback }, true);
  const { size } = statSync(join(model.directory, file));
  tell({ progress: { file, loadedBytes: size, totalBytes: size } });
}

tell({
  outcome: await outcomeOf(async () => {
    const library = await openLibrary();
    configure(library);
    await downloadModel(model, (file) => fetchFile(library, file));
  }),
});
