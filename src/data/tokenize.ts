// Text to token ids in one call that returns them: for programs that have a few texts, and tests. Loaders and packers
// use a process (tokenizer/process.ts). The library under both answers later, so that a thread does the work here, and
// the caller sleeps until it is done.

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { TokenizerContents } from './tokenizer/as-python.js';
import { type EncodedWords, type MaskFacts, maskVocabularyOf, type TokenizerFacts } from './tokenizer/protocol.js';
import type { Encoded, MaskVocabulary } from './tokenizer/rust.js';

export type { Encoded, MaskVocabulary };

/** What the thread is started with. */
export interface TokenizeWorkerData {
  contents: TokenizerContents;
  maxLength: number;
  port: MessagePort;
  /** Int32: how many answers there have been. */
  answers: SharedArrayBuffer;
}

export type TokenizeTask =
  | { kind: 'open' }
  | { kind: 'text'; text: string; pair: string | undefined }
  | { kind: 'words'; words: readonly string[] }
  | { kind: 'mask'; wholeWords: boolean };

export class TextTokenizer {
  readonly padId: number;
  readonly padLeft: boolean;
  readonly maxLength: number;
  /** What the user should know of the files. */
  readonly notes: readonly string[];
  readonly #answers = new Int32Array(new SharedArrayBuffer(4));
  readonly #port: MessagePort;

  /**
   * @param tokenizer contents of tokenizer.json
   * @param config of tokenizer_config.json
   * @param maxLength most tokens of a row, special tokens included
   * @throws Error for files that cannot be used
   */
  constructor(
    tokenizer: TokenizerContents['tokenizer'],
    config: TokenizerContents['config'],
    maxLength: number,
    others: Omit<TokenizerContents, 'tokenizer' | 'config'> = {},
  ) {
    this.maxLength = maxLength;
    this.#port = this.#start({ tokenizer, config, ...others });
    const { padId, padLeft, notes } = this.#ask<TokenizerFacts>({ kind: 'open' });
    this.padId = padId;
    this.padLeft = padLeft;
    this.notes = notes;
  }

  /** See RustTokenizer. */
  maskVocabulary(wholeWords: boolean): MaskVocabulary {
    return maskVocabularyOf(this.#ask<MaskFacts>({ kind: 'mask', wholeWords }));
  }

  /** The ids of one text or one pair; throws when the vocabulary has no token for a part of it. */
  encode(text: string, pair?: string): Encoded {
    return this.#ask<Encoded>({ kind: 'text', text, pair });
  }

  /** Those of words that are cut already; see RustTokenizer. */
  encodeWords(words: readonly string[]): EncodedWords {
    return this.#ask<EncodedWords>({ kind: 'words', words });
  }

  #ask<A>(task: TokenizeTask): A {
    const before = Atomics.load(this.#answers, 0);
    this.#port.postMessage(task);
    Atomics.wait(this.#answers, 0, before);
    const { value, error } = receiveMessageOnPort(this.#port)!.message as { value: A; error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  }

  #start(contents: TokenizerContents): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const answers = this.#answers.buffer as SharedArrayBuffer;
    const workerData: TokenizeWorkerData = { contents, maxLength: this.maxLength, port: port2, answers };
    const url = new URL('./tokenizer/tokenize-worker.js', import.meta.url);
    new Worker(url, { workerData, transferList: [port2], execArgv: [] }).unref();
    port1.unref();
    return port1;
  }
}
