// The download of a hub model as a command shows it: a progress line that is gone when the download is, or has failed.
// Like all text for people it goes to stderr.

import type { DownloadEvent } from '../models/hub.js';
import { ProgressLine } from '../report/progress.js';
import { progressStream } from './output.js';

/** Runs work that may download a model, with a progress line for the download. */
export async function showDownload<T>(work: (onDownload: (event: DownloadEvent) => void) => Promise<T>): Promise<T> {
  const line = new ProgressLine(progressStream());
  try {
    return await work((event) => line.download(event));
  } finally {
    line.stop();
  }
}
