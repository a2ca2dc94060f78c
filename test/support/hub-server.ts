// A server on this machine that answers like the hub: /{owner}/{name}/resolve/{revision}/{file} out of a directory,
// with an ETag and byte ranges; 404 for what is not there. A test may answer a request itself, to be slow, wrong or
// gone.

import { createReadStream, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';

/**
 * Answers a request for a file and returns true, or leaves it to the server; the first request for each asks for one
 * byte.
 */
export type Answer = (file: string, response: ServerResponse) => boolean;

export interface HubServer {
  url: string;
  /** Paths of the requests since the last look, decoded. */
  asked(): string[];
  answer: Answer;
  /** Adds a file to a model. */
  put(id: string, revision: string, file: string, content: Uint8Array | string): void;
  close(): Promise<void>;
}

export const leave: Answer = () => false;

export async function startHub(root: string): Promise<HubServer> {
  let paths: string[] = [];
  const pathOf = (id: string, revision: string, file: string) => join(root, id, encodeURIComponent(revision), file);
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url!);
    paths.push(path);
    const [, id, revision, file] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(request.url!) ?? [];
    const { range } = request.headers;
    if (file && hub.answer(file, response)) return;
    const place = file && pathOf(id!, decodeURIComponent(revision!), file);
    if (!place || !existsSync(place)) {
      const inRevision = place && existsSync(pathOf(id!, decodeURIComponent(revision!), ''));
      response.writeHead(404, { 'x-error-code': inRevision ? 'EntryNotFound' : 'RevisionNotFound' }).end('Not found');
      return;
    }
    const { size } = statSync(place);
    response.setHeader('etag', `"${size}"`);
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
    if (last === undefined) response.writeHead(200, { 'content-length': size });
    else response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${size}` });
    createReadStream(place, last === undefined ? {} : { start: Number(first), end: Number(last) }).pipe(response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const hub: HubServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => paths.splice(0),
    answer: leave,
    put(id, revision, file, content) {
      const place = pathOf(id, revision, file);
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, content);
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
  paths = [];
  return hub;
}
