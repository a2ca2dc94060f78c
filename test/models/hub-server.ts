// A server on this machine that answers like the hub: /{owner}/{name}/resolve/{revision}/{file} out of a directory, 404
// for what is not there. A test may answer a request itself, to be slow, wrong or gone.

import { createReadStream, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';

/** Answers a request for a file and says so, or leaves it to the server. */
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
    if (file && hub.answer(file, response)) return;
    const place = file && pathOf(id!, decodeURIComponent(revision!), file);
    if (!place || !existsSync(place)) response.writeHead(404).end('Entry not found');
    else {
      response.writeHead(200, { 'content-length': statSync(place).size });
      createReadStream(place).pipe(response);
    }
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
