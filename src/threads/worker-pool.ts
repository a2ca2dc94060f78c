// Threads that do tasks, the first that is free the next one. A thread that ends is replaced when there is work for
// another, and its task fails with the cause; one that cannot be started fails what waits for it, unless others can do
// that. So every task settles, and a call after a failure starts over. Threads that have nothing to do do not keep the
// process from ending.
//
// Not Piscina: it leaves tasks waiting for ever where a thread ends before it is ready, and where the system gives no
// thread for one that died, it ends the process (decision 52).

import type { Worker } from 'node:worker_threads';
import { OrtuneError } from '../errors.js';
import { ThreadError } from './causes.js';
import type { PostedAnswer, PostedTask } from './serve.js';
import { startThread, stopThread, type ThreadSource, threadReady } from './start-thread.js';

export interface PoolOptions extends ThreadSource {
  /** How many; default 1. */
  workers?: number | undefined;
  /** What a thread holds is lost with it: it is not replaced, and later tasks fail with what ended it. */
  keepsState?: boolean | undefined;
}

/** A task and who waits for it. */
interface Waiting extends PostedTask {
  /** Its number among tasks and starts of threads. */
  order: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

interface Member {
  thread: Worker;
  ready: boolean;
  task?: Waiting | undefined;
}

export class WorkerPool {
  readonly #source: PoolOptions;
  readonly #members = new Set<Member>();
  readonly #queue: Waiting[] = [];
  /** Ends of threads that have been stopped. */
  readonly #ending = new Set<Promise<unknown>>();
  /** At most so many threads: fewer than wanted where the system gives no more, until none is left. */
  #most: number;
  /** Starts of threads and tasks so far. */
  #count = 0;
  /** What ended a thread that cannot be replaced. */
  #lost: ThreadError | undefined;
  #closed = false;

  /** Starts the threads; one that cannot be started is said when there is work for it. */
  constructor(source: PoolOptions) {
    this.#source = source;
    this.#most = this.#wanted;
    for (let i = 0; i < this.#wanted; i++) this.#start();
  }

  get #wanted(): number {
    return this.#source.workers ?? 1;
  }

  /** The threads at this moment, for diagnosis. */
  get threads(): readonly Worker[] {
    return [...this.#members].map(({ thread }) => thread);
  }

  /**
   * The answer of the thread's function `name`.
   * @throws what the function throws; ThreadError where the thread ends, or none can be started; OrtuneError when
   *   closed
   */
  run<Result>(task: unknown, name = 'default'): Promise<Result> {
    if (this.#closed) return Promise.reject(this.#closedError());
    if (this.#lost) return Promise.reject(this.#lost);
    return new Promise<Result>((resolve, reject) => {
      this.#queue.push({ name, task, order: this.#count++, resolve: resolve as (value: unknown) => void, reject });
      this.#advance();
    });
  }

  /** Ends the threads; tasks that are not done fail. May be called again. */
  async destroy(): Promise<void> {
    this.#closed = true;
    for (const waiting of this.#queue.splice(0)) waiting.reject(this.#closedError());
    for (const member of this.#members) {
      this.#remove(member);
      member.task?.reject(this.#closedError());
    }
    await Promise.all(this.#ending);
  }

  /** Gives what waits to threads that are free, and starts others where these do not suffice. */
  #advance(): void {
    for (const member of this.#members) {
      if (!member.ready || member.task) continue;
      const next = this.#queue.shift();
      if (!next) break;
      this.#give(member, next);
    }
    let starting = [...this.#members].filter(({ ready }) => !ready).length;
    while (starting < this.#queue.length && this.#members.size < this.#most && this.#start()) starting++;
    // A thread that somebody waits for keeps the process going.
    for (const member of this.#members) {
      if (member.task || (!member.ready && this.#queue.length > 0)) member.thread.ref();
      else member.thread.unref();
    }
  }

  #give(member: Member, task: Waiting): void {
    try {
      member.thread.postMessage({ name: task.name, task: task.task } satisfies PostedTask);
      member.task = task;
    } catch (error) {
      task.reject(error); // it cannot be cloned
    }
  }

  /** False where that fails at once. */
  #start(): boolean {
    const { role } = this.#source;
    const order = this.#count++;
    let thread: Worker;
    try {
      thread = startThread(this.#source);
    } catch (error) {
      this.#failed(error as ThreadError, order);
      return false;
    }
    const member: Member = { thread, ready: false };
    this.#members.add(member);
    thread.unref();
    threadReady(thread, this.#source).then(
      () => {
        member.ready = true;
        this.#most = Math.max(this.#most, this.#members.size);
        this.#advance();
      },
      (error: ThreadError) => {
        if (!this.#members.has(member)) return;
        this.#remove(member);
        this.#failed(error, order);
      },
    );
    thread.on('message', (answer: PostedAnswer | string) => {
      if (typeof answer === 'string') return; // of its start
      const { task } = member;
      member.task = undefined;
      if ('error' in answer) task?.reject(answer.error);
      else task?.resolve(answer.value);
      this.#advance();
    });
    // Before it is ready, its end is threadReady's to tell.
    const ended = (cause: unknown): void => {
      if (!member.ready || !this.#members.has(member)) return;
      this.#remove(member);
      const error = ThreadError.atWork(role, cause);
      member.task?.reject(error);
      if (this.#source.keepsState) this.#lose(error);
      else this.#advance();
    };
    thread.on('error', ended);
    thread.on('messageerror', ended);
    thread.on('exit', (code) => ended(`it ended with code ${code}`));
    return true;
  }

  /**
   * A thread could not be started: others go on, or whoever has waited for it is told. For tasks that came after its
   * start, when what kept it from starting may be over, another is started.
   */
  #failed(error: ThreadError, order: number): void {
    this.#most = Math.max(1, this.#members.size);
    if (this.#members.size > 0) return;
    this.#most = this.#wanted;
    const later = this.#queue.filter((waiting) => waiting.order > order);
    for (const waiting of this.#queue.splice(0)) if (waiting.order < order) waiting.reject(error);
    this.#queue.push(...later);
    if (later.length > 0) this.#advance();
  }

  #lose(error: ThreadError): void {
    this.#lost = error;
    for (const waiting of this.#queue.splice(0)) waiting.reject(error);
  }

  #closedError(): OrtuneError {
    return new OrtuneError(`the thread ${this.#source.role} has been closed`);
  }

  #remove(member: Member): void {
    this.#members.delete(member);
    // One that is not ready has started nothing.
    const stopped: Promise<unknown> = member.ready ? stopThread(member.thread) : member.thread.terminate();
    const end = stopped.finally(() => this.#ending.delete(end));
    this.#ending.add(end);
  }
}
