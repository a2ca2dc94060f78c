// What every download has in common, of the hub's models and of the files of URLs: how it is written, told of and
// explained, and what it may take of a machine: so many bytes, unpacked, and so much waiting for a server that does not
// answer or lets bytes drip. A fetch that keeps to that, in place of the global one. Time is counted only while the
// server is waited for: a slow disk is not its fault.

import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeStream } from 'node:stream/web';
import { formatBytes } from '../format.js';
import { isErrorNamed } from '../realm.js';
import type { DownloadLimits } from './hub.js';

/** A download that would pass a bound on bytes. */
export class TooLarge extends Error {
  readonly advice: string;

  constructor(message: string, advice: string) {
    super(message);
    this.advice = advice;
  }
}

/** A server has to send more than this in every `timeoutMs`, in bytes a second. */
const leastBytesPerSecond = 1024;
/** How often is told how far a file is. */
const progressIntervalMs = 100;

/** Of an answer that is no file: what the server says of an error. */
const errorBytes = 1 << 20;

export class Bounds {
  /** Of the file under way. */
  #fileBytes = 0;
  #mostOfFile = 0;
  #file = '';
  #allBytes = 0;
  /** What ended the download; the hub's package does not hand on every error. */
  failure: Error | undefined;
  readonly #limits: DownloadLimits;
  readonly #stop: AbortSignal;

  constructor(limits: DownloadLimits, stop: AbortSignal) {
    this.#limits = limits;
    this.#stop = stop;
  }

  /** A file of that name follows. */
  begin(file: string): void {
    [this.#file, this.#mostOfFile, this.#fileBytes] = [file, mostBytes(file, this.#limits), 0];
  }

  /** @throws TooLarge for a file of this size, before any of it comes */
  announce(bytes: number): void {
    if (bytes > this.#mostOfFile) throw this.#fail(this.#tooLarge(this.#mostOfFile));
    if (this.#allBytes + bytes > this.#limits.maxBytes) throw this.#fail(this.#tooLarge(this.#limits.maxBytes));
  }

  readonly fetch = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const slow = new AbortController();
    const { timeoutMs } = this.#limits;
    const timer = setTimeout(() => slow.abort(this.#fail(tooSlow('no answer', timeoutMs))), timeoutMs);
    try {
      const signal = AbortSignal.any([this.#stop, slow.signal]);
      const response = await fetch(url, { ...init, signal });
      const body = response.body && this.#bounded(response.body, response, slow);
      const { status, statusText, headers } = response;
      const bounded = new Response(body, { status, statusText, headers });
      return Object.defineProperty(bounded, 'url', { value: response.url });
    } finally {
      clearTimeout(timer);
    }
  };

  /** The body as far as the bounds allow. */
  #bounded(
    body: ReadableStream<Uint8Array>,
    { ok, status }: Response,
    slow: AbortController,
  ): ReadableStream<Uint8Array> {
    const reader = body.getReader();
    const { timeoutMs } = this.#limits;
    let [waitedMs, came, all] = [0, 0, 0];
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      const started = performance.now();
      const timer = setTimeout(() => slow.abort(this.#fail(tooSlow('nothing', timeoutMs))), timeoutMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return controller.close();
      waitedMs += performance.now() - started;
      came += value.byteLength;
      all += value.byteLength;
      if (ok) this.#count(value.byteLength);
      else if (all > errorBytes)
        throw this.#fail(new Error(`${this.#file} was refused (${status}) with an answer that does not end.`));
      if (waitedMs >= timeoutMs) {
        if (came < (leastBytesPerSecond * waitedMs) / 1000) throw this.#fail(tooSlow(`only ${came} bytes`, waitedMs));
        [waitedMs, came] = [0, 0];
      }
      controller.enqueue(value);
    };
    const failing = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      try {
        await pull(controller);
      } catch (error) {
        reader.cancel().catch(() => {});
        throw error;
      }
    };
    return new ReadableStream({ pull: failing, cancel: (reason) => reader.cancel(reason) }, { highWaterMark: 0 });
  }

  #count(bytes: number): void {
    this.#fileBytes += bytes;
    this.#allBytes += bytes;
    if (this.#fileBytes > this.#mostOfFile) throw this.#fail(this.#tooLarge(this.#mostOfFile));
    if (this.#allBytes > this.#limits.maxBytes) throw this.#fail(this.#tooLarge(this.#limits.maxBytes));
  }

  #tooLarge(most: number): TooLarge {
    const advice =
      most === this.#limits.maxBytes
        ? 'ORTUNE_DOWNLOAD_MAX_BYTES, or the option maxDownloadBytes, allows more, for what you trust to be that large.'
        : 'No file of that name needs so many: choose another model.';
    return new TooLarge(`${this.#file} has more bytes than the ${formatBytes(most)} that are allowed.`, advice);
  }

  #fail(error: Error): Error {
    this.failure ??= error;
    return error;
  }
}

/** What is read into memory at once has less room: JSON to be parsed, and protobuf, which ends at 2 GiB by itself. */
function mostBytes(file: string, { maxBytes }: DownloadLimits): number {
  const most = file.endsWith('.json') ? 2 ** 28 : file.endsWith('.onnx') ? 2 ** 31 : maxBytes;
  return Math.min(most, maxBytes);
}

/**
 * Writes a body to a file, and gives its bytes.
 * @param totalBytes as they were announced; undefined: they were not
 * @param told how many bytes there are so far, ten times a second, and in the end
 * @throws Error for another number of bytes than was announced
 */
export async function save(
  { body, file, totalBytes }: { body: ReadableStream<Uint8Array>; file: string; totalBytes?: number | undefined },
  path: string,
  told: (loadedBytes: number, totalBytes?: number) => void,
): Promise<number> {
  let loaded = 0;
  let toldMs = Number.NEGATIVE_INFINITY;
  const counted = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      yield chunk;
      loaded += chunk.byteLength;
      if (totalBytes !== undefined && loaded > totalBytes) break;
      if (loaded === totalBytes || performance.now() - toldMs < progressIntervalMs) continue;
      toldMs = performance.now();
      told(loaded, totalBytes);
    }
    if (totalBytes !== undefined && loaded > totalBytes)
      throw new Error(`${file} has more than the ${totalBytes} bytes it was said to have.`);
    if (totalBytes !== undefined && loaded < totalBytes)
      throw new Error(`${file} ended after ${loaded} of ${totalBytes} bytes.`);
  };
  await pipeline(Readable.fromWeb(body as NodeStream), counted, createWriteStream(path));
  told(loaded, loaded);
  return loaded;
}

/** Why a server could not be reached, or a connection broke; undefined for an error that is of another kind. */
export function networkReason(error: unknown): string | undefined {
  const { name, cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  // What a fetch throws for a wrong argument is a TypeError too, without a cause.
  if (!(isErrorNamed(error, 'TypeError') && cause !== undefined) && name !== 'AbortError') return undefined;
  return cause?.code ?? cause?.message ?? message;
}

/** As a network that fails, which is what it amounts to. */
const tooSlow = (what: string, ms: number): TypeError =>
  new TypeError('too slow', { cause: { message: `${what} came in ${Number((ms / 1000).toPrecision(2))} s` } });
