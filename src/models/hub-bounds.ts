// What a download may take of a machine: so many bytes, unpacked, and so much waiting for a server that does not answer
// or lets bytes drip. A fetch that keeps to that, in place of the global one. Time is counted only while the server is
// waited for: a slow disk is not its fault.

import { formatBytes } from '../format.js';
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

  /** A file follows that is to have at most so many bytes. */
  begin(file: string, most: number): void {
    [this.#file, this.#mostOfFile, this.#fileBytes] = [file, most, 0];
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
        ? 'ORTUNE_DOWNLOAD_MAX_BYTES allows more, for what you trust to be that large.'
        : 'No file of that name needs so many: choose another model.';
    return new TooLarge(`${this.#file} has more bytes than the ${formatBytes(most)} that are allowed.`, advice);
  }

  #fail(error: Error): Error {
    this.failure ??= error;
    return error;
  }
}

/** As a network that fails, which is what it amounts to. */
const tooSlow = (what: string, ms: number): TypeError =>
  new TypeError('too slow', { cause: { message: `${what} came in ${Number((ms / 1000).toPrecision(2))} s` } });
