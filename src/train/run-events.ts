// How a host program hears of a run: listeners, promises of single events, and loops over all of them; and how it ends
// one. None of them can hold the run up, and all end with it, so that nobody waits for what will not come.

import { EventEmitter } from 'node:events';
import { checkHooks } from '../arguments.js';
import { OrtuneError, UsageError } from '../errors.js';
import type { TrainerEvents, TrainResult } from '../events.js';
import type { TaskName } from '../tasks/tasks.js';
import { EventQueue, type TrainerEvent } from './event-queue.js';
import { checkEvent, checkListener } from './listeners.js';
import type { Emit } from './outcomes.js';

type Listener<T extends TaskName, E extends keyof TrainerEvents<T>> = (event: TrainerEvents<T>[E]) => void;

/** A promise of an event. */
interface Awaited {
  event: string;
  resolve(payload: never): void;
  reject(error: unknown): void;
}

/** `T`: the task, where it is known. */
export class RunEvents<T extends TaskName = TaskName>
  implements AsyncIterable<TrainerEvent<T>, undefined>, AsyncDisposable
{
  readonly #emitter = new EventEmitter();
  readonly #queues = new Set<EventQueue<TrainerEvent<T>>>();
  readonly #awaited = new Set<Awaited>();
  readonly #stopping = new AbortController();
  #running: Promise<TrainResult<T>> | undefined;
  #ended: { error?: unknown } | undefined;

  /** @throws UsageError for an event that there is not, and a listener that is no function */
  on<E extends keyof TrainerEvents<T>>(event: E, listener: Listener<T, E>): this {
    checkListener('on', event, listener);
    this.#emitter.on(event, listener);
    return this;
  }

  /** @throws as `on` */
  off<E extends keyof TrainerEvents<T>>(event: E, listener: Listener<T, E>): this {
    checkListener('off', event, listener);
    this.#emitter.off(event, listener);
    return this;
  }

  /** Calls the listener for the next event of that name alone. @throws as `on` */
  once<E extends keyof TrainerEvents<T>>(event: E, listener: Listener<T, E>): this;
  /**
   * The next event of that name. Where the run ends without one, it rejects: with the run's error, or with an
   * OrtuneError that says so.
   */
  once<E extends keyof TrainerEvents<T>>(event: E): Promise<TrainerEvents<T>[E]>;
  once<E extends keyof TrainerEvents<T>>(event: E, listener?: Listener<T, E>): this | Promise<TrainerEvents<T>[E]> {
    if (listener === undefined) return this.#next(event);
    checkListener('once', event, listener);
    this.#emitter.once(event, listener);
    return this;
  }

  /**
   * Every event of the run from now on, each with its name as `type`. The loop ends with the run, and throws its error.
   * The run does not wait for it: at most 1,000 events that the loop has not taken are held, then the oldest step makes
   * room, and an event `missed` stands in its place. Leaving the loop leaves the run as it is.
   */
  [Symbol.asyncIterator](): EventQueue<TrainerEvent<T>> {
    const queue = new EventQueue<TrainerEvent<T>>(() => this.#queues.delete(queue));
    if (this.#ended) queue.end(this.#ended);
    else this.#queues.add(queue);
    return queue;
  }

  #next<E extends keyof TrainerEvents<T>>(event: E): Promise<TrainerEvents<T>[E]> {
    checkEvent('once', event);
    const next = new Promise<TrainerEvents<T>[E]>((resolve, reject) => {
      const awaited: Awaited = { event, resolve, reject };
      if (this.#ended) this.#refuse(awaited);
      else this.#awaited.add(awaited);
    });
    // Whoever waits for it is told; for the others the run's own promise is what tells.
    next.catch(() => {});
    return next;
  }

  #refuse({ event, reject }: Awaited): void {
    const { error = new OrtuneError(`the run has ended without the event '${event}' that was waited for`) } =
      this.#ended!;
    reject(error);
  }

  protected readonly emit: Emit = (event, payload) => {
    for (const awaited of this.#awaited) {
      if (awaited.event !== event) continue;
      this.#awaited.delete(awaited);
      awaited.resolve(payload as never);
    }
    for (const queue of this.#queues) queue.push({ type: event, ...payload } as TrainerEvent<T>);
    this.#emitter.emit(event, payload);
  };

  /** Begins the run, which may be done once, and has everybody told of its end. */
  protected begin(
    options: { signal?: AbortSignal | undefined },
    work: (signal: AbortSignal) => Promise<TrainResult>,
  ): Promise<TrainResult<T>> {
    try {
      checkHooks(options, 'run', ['signal']);
      if (this.#running)
        throw new UsageError('run was called twice on one Trainer; make another one for another run (new Trainer(…))');
    } catch (error) {
      return Promise.reject(error);
    }
    const running = this.#untilStopped(options.signal, work).then(
      (result) => {
        this.#end({});
        return result as unknown as TrainResult<T>;
      },
      (error: unknown) => {
        // A loop over the events throws it: it is not to be unhandled here as well.
        if (this.#end({ error })) running.catch(() => {});
        throw error;
      },
    );
    this.#running = running;
    return running;
  }

  /** Aborted by the host's signal, or by disposing. */
  #untilStopped<R>(given: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<R>): Promise<R> {
    const { signal } = this.#stopping;
    const abort = (): void => this.#stopping.abort(given!.reason);
    if (given?.aborted) abort();
    given?.addEventListener('abort', abort, { once: true });
    return work(signal).finally(() => given?.removeEventListener('abort', abort));
  }

  /**
   * Ends a run that is under way as an abort does, and waits until it has: for `await using`. What it ends with is told
   * by its own promise alone.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running?.catch(() => {});
  }

  /** The run is over, `ended.error` being what it ended with. Gives whether a loop is told of it. */
  #end(ended: { error?: unknown }): boolean {
    this.#ended = ended;
    const told = this.#queues.size > 0;
    for (const queue of this.#queues) queue.end(ended);
    this.#queues.clear();
    for (const awaited of this.#awaited) this.#refuse(awaited);
    this.#awaited.clear();
    return told;
  }
}
