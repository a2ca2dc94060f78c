// Data files that are named by http(s) URLs: fetched to the folder of the data's thread before it reads them, and gone
// with it. Behind this they are files like any other.

import { join } from 'node:path';
import { DataError, OrtuneError, UsageError } from '../errors.js';
import { fetchRemote, isRemote } from '../models/remote-file.js';
import type { DataClient } from './data-client.js';
import { tableEndings } from './read/raw.js';

const endings = [...tableEndings, '.safetensors'];
let fetched = 0;

export interface Fetching {
  /** What was fetched is added. */
  notes: string[];
  /** Most bytes of each; default those of downloads. */
  maxDownloadBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * The files, with paths on this machine in place of URLs, which they stand in for.
 * @throws DataError for a URL that gives no data file; the signal's reason
 */
export async function withRemoteFiles(
  files: readonly string[],
  client: DataClient,
  { notes, maxDownloadBytes, signal }: Fetching,
): Promise<readonly string[]> {
  if (!files.some(isRemote)) return files;
  const paths: string[] = [];
  for (const file of files) {
    if (!isRemote(file)) {
      paths.push(file);
      continue;
    }
    // A folder for each: names may be the same.
    const folder = join(client.scratch, `fetched-${fetched++}`);
    try {
      const { path, name, note } = await fetchRemote(file, { folder, endings, maxDownloadBytes, signal });
      client.standIn(path, name);
      paths.push(path);
      notes.push(note);
    } catch (error) {
      if (!(error instanceof OrtuneError) || error instanceof UsageError) throw error;
      throw new DataError(error.message, { cause: error });
    }
  }
  return paths;
}
