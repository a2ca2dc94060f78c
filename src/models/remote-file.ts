// A file of an http(s) URL, fetched once to a folder of this machine, within the bounds of downloads (download.ts).
// Nothing of the user's goes along: no token, no cookie, and a URL with a password in it is refused. What a server
// sends in place of a file (an error, a page of HTML) is named and not kept. The hub's models come another way
// (hub.ts).

import { mkdir, open } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { downloadLimits } from '../environment.js';
import { OrtuneError } from '../errors.js';
import { formatBytes } from '../format.js';
import { quote } from '../quote.js';
import { messageOf } from '../realm.js';
import { Bounds, networkReason, save, TooLarge } from './download.js';

/** How often a server may name another place of the file. */
const mostRedirects = 5;

export const isRemote = (path: unknown): path is string => typeof path === 'string' && /^https?:\/\//i.test(path);

export interface RemoteFile {
  /** Where it is now. */
  path: string;
  /** The URL as it is shown. */
  name: string;
  /** For a note: where it came from, with its size. */
  note: string;
}

export interface FetchOptions {
  /** A folder of its own for the file; made when it is needed. */
  folder: string;
  /** Endings of names that can be read. */
  endings: readonly string[];
  /** Most bytes; default those of downloads (environment.ts). */
  maxDownloadBytes?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Called with the bytes so far, and those that the server announced. */
  onProgress?: ((file: string, loadedBytes: number, totalBytes?: number) => void) | undefined;
}

/**
 * Fetches a file.
 * @throws OrtuneError, with the URL, for one that names no readable file, where the server cannot be reached or sends
 *   no file, and where bounds are passed; the signal's reason
 */
export async function fetchRemote(text: string, options: FetchOptions): Promise<RemoteFile> {
  const { folder, endings, signal = new AbortController().signal } = options;
  const url = parsed(text);
  const file = fileOf(url, endings);
  const shown = quote(shownUrl(url));
  const path = join(folder, file);
  const bounds = new Bounds(downloadLimits(options.maxDownloadBytes), signal);
  bounds.begin(file);
  try {
    const response = await follow(url, bounds);
    const announced = response.headers.get('content-length');
    const packed = response.headers.has('content-encoding');
    const totalBytes = announced === null || packed ? undefined : Number(announced);
    if (totalBytes !== undefined) bounds.announce(totalBytes);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const body = response.body ?? new Blob([]).stream();
    const loaded = await save({ body, file, totalBytes }, path, (bytes, of) => options.onProgress?.(file, bytes, of));
    await refusePage(path, response, shown);
    return { path, name: shownUrl(url), note: `${shown} was fetched for this run: ${formatBytes(loaded)}` };
  } catch (error) {
    signal.throwIfAborted();
    throw explained(bounds.failure ?? error, shown);
  }
}

function parsed(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new OrtuneError(`${quote(text)} is no URL; write it as https://host/path/file`);
  }
  if (url.username !== '' || url.password !== '')
    throw new OrtuneError(
      `${quote(shownUrl(url))}: a URL with a name or a password in it is not fetched; fetch the file yourself, and give its path or its bytes`,
    );
  return url;
}

/** The URL in messages, which must not show what may be a secret: without name, password and query. */
const shownUrl = ({ origin, pathname }: URL): string => `${origin}${pathname}`;

/** The name that the file gets, which says what it is. */
function fileOf(url: URL, endings: readonly string[]): string {
  const name = posix.basename(url.pathname).replaceAll(/[^\w.-]+/g, '_');
  if (endings.some((ending) => name.toLowerCase().endsWith(ending) && name.length > ending.length)) return name;
  throw new OrtuneError(
    `${quote(shownUrl(url))} does not say what it is: the path of a URL must end in ${endings.join(', ')}. Fetch it yourself, and give its path or its bytes`,
  );
}

/** The answer that has the file, of the URL or of those that it leads to. */
async function follow(from: URL, bounds: Bounds): Promise<Response> {
  let url = from;
  for (let redirects = 0; ; redirects++) {
    const response = await bounds.fetch(url, { redirect: 'manual', credentials: 'omit' });
    const to = [301, 302, 303, 307, 308].includes(response.status) ? response.headers.get('location') : null;
    if (to === null) {
      if (response.ok) return response;
      await response.body?.cancel();
      throw new OrtuneError(
        `${quote(shownUrl(url))}: the server answered ${response.status} ${response.statusText}`.trimEnd(),
      );
    }
    await response.body?.cancel();
    if (redirects === mostRedirects)
      throw new OrtuneError(`it leads from place to place, more than ${mostRedirects} times`);
    const next = new URL(to, url);
    if (!isRemote(next.href) || (url.protocol === 'https:' && next.protocol === 'http:'))
      throw new OrtuneError(`it leads to ${quote(next.origin)}, which is not fetched from ${url.protocol}//`);
    if (next.username !== '' || next.password !== '') throw new OrtuneError('it leads to a URL with a password in it');
    url = next;
  }
}

/** @throws OrtuneError for a page in place of the file, such as that of a login, and for nothing */
async function refusePage(path: string, { headers }: Response, shown: string): Promise<void> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0);
    const start = buffer
      .toString('latin1', 0, bytesRead)
      .replace(/^\u00ef\u00bb\u00bf/, '')
      .trimStart();
    if (bytesRead === 0) throw new OrtuneError(`${shown}: the server sent nothing`);
    const isPage = /^text\/html\b/i.test(headers.get('content-type') ?? '') || /^<(!doctype html|html)\b/i.test(start);
    if (isPage)
      throw new OrtuneError(
        `${shown}: the server sent a page of HTML in place of the file, which begins with ${quote(start.slice(0, 60))}`,
      );
  } finally {
    await file.close();
  }
}

function explained(error: unknown, shown: string): Error {
  const named = (message: string): Error =>
    new OrtuneError(message.startsWith(shown) ? message : `${shown} cannot be fetched: ${message}`, { cause: error });
  if (error instanceof TooLarge) return named(`${error.message} ${error.advice}`);
  if (error instanceof OrtuneError) return named(error.message);
  if ((error as NodeJS.ErrnoException).path) return named(`it cannot be written (${messageOf(error)})`);
  const reason = networkReason(error);
  if (reason === undefined) return named(messageOf(error));
  return named(`the server could not be reached, or the connection broke (${reason}); try again with a connection`);
}
