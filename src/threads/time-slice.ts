// Lets long loops on the JavaScript thread give way: parsing a corpus must not keep events, timers and the trainer's
// callbacks waiting. Time is looked at per record; a turn of the event loop is taken only when some have gone by.

import { setImmediate } from 'node:timers/promises';

export class TimeSlice {
  readonly #sliceMs: number;
  #since = performance.now();

  /** `sliceMs`: how long to work before giving way, in milliseconds. */
  constructor(sliceMs = 5) {
    this.#sliceMs = sliceMs;
  }

  /** True when it is time to `rest`; call it between small pieces of work. */
  get due(): boolean {
    return performance.now() - this.#since > this.#sliceMs;
  }

  /** Lets waiting events run. */
  async rest(): Promise<void> {
    await setImmediate();
    this.#since = performance.now();
  }
}
