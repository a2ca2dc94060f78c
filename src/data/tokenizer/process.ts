// The tokenizing process as its parent sees it: started when it is first needed, asked one thing at a time, and started
// anew after it ended. Whatever it ends by becomes an error that names the tokenizer and the text.

import { type ChildProcess, fork } from 'node:child_process';
import { dirname, join } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { builtFile } from '../../built.js';
import { scriptEnvironment } from '../../environment.js';
import { ModelError } from '../../errors.js';
import { shown } from '../../quote.js';
import { beforeThreadEnds } from '../../threads/closing.js';
import { plugAndPlay } from '../../threads/exec-argv.js';
import type { Encoded, MaskVocabulary } from './encoded.js';
import {
  type Failed,
  maskVocabularyOf,
  type TextEncoding,
  type TokenizerAnswers,
  type TokenizerFacts,
  type TokenizerRequest,
  watchdogMark,
} from './protocol.js';
import { RepeatedTexts } from './repeated.js';

const service = fileURLToPath(builtFile('data/tokenizer/service.js'));

/** Why a process ended without an answer, and on which of the texts. */
export class TokenizerEnded extends Error {
  readonly item: number | undefined;

  constructor(message: string, item?: number) {
    super(message);
    this.item = item;
  }
}

/** What is left where nothing is heard, by the clock: the watchdog is to have ended the process long before. */
const silentMs = 300_000;

const reasons: Readonly<Record<string, string>> = {
  time: 'takes more processor time over it than any text should need',
  memory: 'makes so much of it that it fills the memory',
};

export class TokenizerProcess {
  readonly #encoding: TextEncoding;
  readonly #file: string;
  #child: ChildProcess | undefined;
  #facts: TokenizerFacts | undefined;
  #stderr = '';
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  readonly #background: boolean;
  readonly #repeated = new RepeatedTexts();

  /** Starts nothing yet. `background`: it gives way to other processes; default yes. */
  constructor(encoding: TextEncoding, { background = true }: { background?: boolean } = {}) {
    this.#encoding = encoding;
    this.#background = background;
    this.#file = join(encoding.directory, 'tokenizer.json');
    if (!isMainThread) beforeThreadEnds(() => this.close());
  }

  /** What the files say. @throws ModelError where they cannot be used */
  facts(): Promise<TokenizerFacts> {
    return this.#inTurn(() => this.#opened());
  }

  /** @throws TokenizerEnded; ModelError where the files cannot be used */
  request<K extends Exclude<TokenizerRequest['kind'], 'open'>>(
    request: Extract<TokenizerRequest, { kind: K }>,
  ): Promise<TokenizerAnswers[K]> {
    return this.#inTurn(async () => {
      for (let attempt = 1; ; attempt++) {
        await this.#opened();
        try {
          return (await this.#ask(request)) as TokenizerAnswers[K];
        } catch (error) {
          // One that was ended from outside may have been so by chance.
          if (!(error instanceof TokenizerEnded) || error.item !== undefined) throw error;
          if (attempt === 1) continue;
          await this.#findCause(request);
          throw error;
        }
      }
    });
  }

  /** Tokens of texts and pairs. @throws TokenizerEnded; ModelError where the files cannot be used */
  texts(texts: readonly (readonly [text: string, pair: string])[]): Promise<readonly (Encoded | Failed)[]> {
    return this.#repeated.each(
      texts,
      (some) => this.request({ kind: 'texts', texts: some }),
      (error, place) => {
        const item = error instanceof TokenizerEnded ? error.item : undefined;
        throw item === undefined ? error : new TokenizerEnded((error as Error).message, place(item));
      },
    );
  }

  /** Does the items of a request one by one, to know which of them ends the process. @throws TokenizerEnded with it */
  async #findCause(request: TokenizerRequest): Promise<void> {
    if (!('texts' in request) || request.kind === 'survey') return;
    for (const [i, text] of request.texts.entries()) {
      await this.#opened();
      await this.#ask({ ...request, texts: [text] } as TokenizerRequest).catch((error: Error) => {
        throw error instanceof TokenizerEnded ? new TokenizerEnded(error.message, i) : error;
      });
    }
  }

  /** @throws ModelError where the tokenizer names no mask token, or marks no words and whole ones are to be masked */
  async maskVocabulary(wholeWords: boolean): Promise<MaskVocabulary> {
    return maskVocabularyOf(await this.request({ kind: 'mask', wholeWords }).catch((error) => this.#unusable(error)));
  }

  /** Ends the process; settles when it is gone. May be called again. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await gone;
  }

  /** One request at a time, in their order. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  async #opened(): Promise<TokenizerFacts> {
    if (this.#child && this.#facts) return this.#facts;
    await this.#start();
    try {
      this.#facts = (await this.#ask({ kind: 'open', encoding: this.#encoding })) as TokenizerFacts;
    } catch (error) {
      this.#unusable(error as Error);
    }
    return this.#facts!;
  }

  #unusable(error: Error): never {
    if (error instanceof ModelError) throw error;
    const why = error instanceof TokenizerEnded ? `opening it ended its process: ${error.message}` : error.message;
    throw new ModelError(`${this.#file} cannot be used: ${shown(why, 500)}`);
  }

  async #start(): Promise<void> {
    if (this.#closed) throw new TokenizerEnded('the tokenizer is closed');
    const { NODE_OPTIONS: _, ...env } = scriptEnvironment();
    this.#stderr = '';
    const child = fork(service, this.#background ? ['background'] : [], {
      cwd: dirname(service),
      env: { ...env, TOKENIZERS_PARALLELISM: 'false', RAYON_NUM_THREADS: '1', UV_THREADPOOL_SIZE: '1' },
      execArgv: plugAndPlay(),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child.stderr!.on('data', (data: Buffer) => {
      this.#stderr = (this.#stderr + data.toString()).slice(-4096);
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => {
        this.#child = undefined;
        reject(new ModelError(`the process for ${this.#file} cannot be started: ${error.message}`));
      });
    });
    child.on('error', () => {}); // it ends then, and that is heard of
  }

  #ask(request: TokenizerRequest): Promise<unknown> {
    const child = this.#child!;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        child.off('message', answered).off('close', ended);
      };
      const answered = (message: unknown): void => {
        settle();
        const { value, error } = message as { value?: unknown; error?: string };
        if (error === undefined) resolve(value);
        else reject(new Error(error));
      };
      const ended = (code: number | null, signal: string | null): void => {
        settle();
        if (this.#child === child) this.#child = undefined;
        reject(this.#ended(request, code, signal));
      };
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
      }, silentMs);
      child.on('message', answered).on('close', ended);
      child.send(request, (error) => {
        if (error) child.kill('SIGKILL');
      });
    });
  }

  #ended({ kind }: TokenizerRequest, code: number | null, signal: string | null): TokenizerEnded {
    const [, reason, item] = new RegExp(`${watchdogMark} (time|memory) (\\d+)`).exec(this.#stderr) ?? [];
    const what = kind === 'chats' ? `the chat template of ${this.#encoding.directory}` : this.#file;
    if (reason !== undefined) return new TokenizerEnded(`${what} ${reasons[reason]}`, Number(item));
    const said = this.#stderr.trim().split('\n').at(-1) ?? '';
    return new TokenizerEnded(
      `the process for ${this.#file} ended by ${signal ?? `exit code ${code}`}${said && `: ${said.slice(0, 200)}`}`,
    );
  }
}
