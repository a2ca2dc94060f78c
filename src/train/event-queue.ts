// The events of a run for one who reads them in a loop. The run never waits for its readers: what one has not taken is
// held, up to a bound, and beyond it the oldest step makes room (or, where none is left, the oldest event). A reader is
// told how many it missed, where it missed them.

import type { TrainerEvents } from '../events.js';
import type { TaskName } from '../tasks/tasks.js';

/** Stands where events were left out because they were taken too slowly. */
interface Missed {
  type: 'missed';
  events: number;
}

/** An event with its name as `type`. */
export type TrainerEvent<T extends TaskName = TaskName> =
  | { [E in keyof TrainerEvents<T>]: { type: E } & TrainerEvents<T>[E] }[keyof TrainerEvents<T>]
  | Missed;

/** Events that are held for a reader at most. */
export const mostHeld = 1000;

interface Waiting<E> {
  resolve(result: IteratorResult<E | Missed, undefined>): void;
  reject(error: unknown): void;
}

/** An event, and how many were left out before it. */
interface Held<E> {
  event: E;
  missed: number;
}

export class EventQueue<E extends { type: string }> implements AsyncIterableIterator<E | Missed, undefined> {
  readonly #held: Held<E>[] = [];
  readonly #waiting: Waiting<E>[] = [];
  /** Left out behind the last that is held. */
  #missedLast = 0;
  /** What the run ended with, once it has; an error is thrown once. */
  #ended: { error?: unknown } | undefined;
  readonly #onReturn: () => void;

  /** @param onReturn called when the reader leaves the loop */
  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
  }

  push(event: E): void {
    const reader = this.#waiting.shift();
    if (reader) reader.resolve({ done: false, value: event });
    else this.#hold(event);
  }

  #hold(event: E): void {
    this.#held.push({ event, missed: this.#missedLast });
    this.#missedLast = 0;
    if (this.#held.length > mostHeld) this.#makeRoom();
  }

  #makeRoom(): void {
    const step = this.#held.findIndex(({ event }) => event.type === 'step');
    const [left] = this.#held.splice(Math.max(0, step), 1) as [Held<E>];
    const missed = left.missed + 1;
    const next = this.#held[Math.max(0, step)];
    if (next) next.missed += missed;
    else this.#missedLast = missed;
  }

  /** No more events: the loop ends when it has taken those that are held, with the error where there is one. */
  end(ended: { error?: unknown }): void {
    this.#ended = ended;
    for (const reader of this.#waiting.splice(0)) this.#finish(reader);
  }

  #finish(reader: Waiting<E>): void {
    const { error } = this.#ended!;
    const failed = 'error' in this.#ended!;
    this.#ended = {};
    if (failed) reader.reject(error);
    else reader.resolve({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<E | Missed, undefined>> {
    return new Promise((resolve, reject) => {
      const [first] = this.#held;
      if (first && first.missed === 0) resolve({ done: false, value: this.#held.shift()!.event });
      else if (first || this.#missedLast > 0) resolve({ done: false, value: this.#missed(first) });
      else if (this.#ended) this.#finish({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  /** What was left out before the first that is held, or where none is. */
  #missed(first: Held<E> | undefined): Missed {
    const events = first?.missed ?? this.#missedLast;
    if (first) first.missed = 0;
    else this.#missedLast = 0;
    return { type: 'missed', events };
  }

  return(): Promise<IteratorResult<E | Missed, undefined>> {
    this.#held.length = 0;
    this.#missedLast = 0;
    this.end({});
    this.#onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
