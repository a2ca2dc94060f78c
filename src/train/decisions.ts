// The callbacks of a host program, called between two steps, and what they and the program ask of the run. An event is
// heard when it happens and its callback called at the next place where the run can act on it (`settle`), so decisions
// depend on the steps alone. What is asked for lasts until it is done; the learning rate's factor is part of the run's
// progress, and so of its checkpoints.

import { checkOptions, kindOfValue } from '../arguments.js';
import type { Callbacks, Control, NextBatch } from '../callbacks.js';
import { CallbackError, UsageError } from '../errors.js';
import type { TrainerEvents } from '../events.js';
import { placesOf } from './pending-steps.js';
import type { Progress } from './run-state.js';
import type { StepBatches } from './taken-step.js';

/** The callback of an event, where there is one. */
const ofEvent = {
  start: 'onStart',
  step: 'onStep',
  epoch: 'onEpoch',
  evaluation: 'onEvaluation',
} as const satisfies Partial<Record<keyof TrainerEvents, keyof Callbacks>>;

const names: readonly (keyof Callbacks)[] = [...Object.values(ofEvent), 'onBatch'];

type Request = 'stop' | 'save' | 'evaluate';

/** What the decisions are of. */
interface Decided {
  progress: Progress;
  signal: AbortSignal | undefined;
  /** Whether there is something to evaluate on. */
  evaluates: boolean;
}

/** @throws UsageError for what are no callbacks, or none that there are */
export function checkCallbacks(callbacks: unknown): asserts callbacks is Callbacks {
  checkOptions(callbacks, "option 'callbacks'", names);
  for (const [name, value] of Object.entries(callbacks as object))
    if (value !== undefined && typeof value !== 'function')
      throw new UsageError(`option 'callbacks.${name}' must be a function, found ${kindOfValue(value)}`);
}

export class Decisions {
  readonly #callbacks: Callbacks;
  readonly #asked = new Set<Request>();
  #calls: (() => Promise<void>)[] = [];
  #run: Decided | undefined;
  /** The factor where there is no run yet, to begin with. */
  #factor: number | undefined;
  readonly control: Control;

  constructor(callbacks: Callbacks) {
    this.#callbacks = callbacks;
    this.control = this.#makeControl();
  }

  /** Whether the outcome of each step is needed before the next. */
  get everyStep(): boolean {
    return this.#callbacks.onStep !== undefined;
  }

  /** From here on the decisions are about this run. */
  begin(run: Decided): void {
    this.#run = run;
    run.progress.learningRateFactor = this.#factor ?? run.progress.learningRateFactor;
    if (this.#asked.has('evaluate')) this.#checkEvaluates();
  }

  /** An event, whose callback is due at the next `settle`. */
  hear<E extends keyof TrainerEvents>(event: E, payload: TrainerEvents[E]): void {
    const name = ofEvent[event as keyof typeof ofEvent];
    if (name === undefined || this.#callbacks[name] === undefined) return;
    this.#calls.push(() => this.#call(name, payload));
  }

  /** Calls the callbacks that are due, in the order of their events. @throws CallbackError */
  async settle(): Promise<void> {
    for (let call = this.#calls.shift(); call; call = this.#calls.shift()) await call();
  }

  /** Whether a callback leaves the batches of the next step out. @throws CallbackError */
  async leavesOut({ step, epoch, batches }: StepBatches): Promise<boolean> {
    if (!this.#callbacks.onBatch) return false;
    let skipped = false;
    const batch: NextBatch = {
      step: step + 1,
      epoch,
      samples: batches.reduce((sum, { samples }) => sum + samples.length, 0),
      places: () => placesOf(batches),
      skip: () => {
        skipped = true;
      },
    };
    await this.#call('onBatch', batch);
    return skipped;
  }

  /** Whether it was asked for, which is over with this. */
  take(request: Request): boolean {
    return this.#asked.delete(request);
  }

  async #call(name: keyof Callbacks, payload: unknown): Promise<void> {
    try {
      await (this.#callbacks[name] as (payload: unknown, control: Control) => unknown)(payload, this.control);
    } catch (cause) {
      const at =
        name === 'onBatch' || name === 'onStart'
          ? `before step ${this.control.step + 1}`
          : `after step ${this.control.step}`;
      throw new CallbackError(`callbacks.${name}, ${at}`, cause);
    }
  }

  #checkEvaluates(): void {
    if (this.#run?.evaluates === false)
      throw new UsageError("control.evaluate: the run has no data to evaluate on; give 'eval' or 'evalSplit'");
  }

  #makeControl(): Control {
    const decisions = this;
    return {
      stop: () => void decisions.#asked.add('stop'),
      save: () => void decisions.#asked.add('save'),
      evaluate() {
        decisions.#checkEvaluates();
        decisions.#asked.add('evaluate');
      },
      get learningRateFactor() {
        return decisions.#run?.progress.learningRateFactor ?? decisions.#factor ?? 1;
      },
      set learningRateFactor(factor) {
        if (typeof factor !== 'number' || !Number.isFinite(factor) || factor < 0)
          throw new UsageError(
            `control.learningRateFactor must be a number of at least 0, found ${kindOfValue(factor)}`,
          );
        if (decisions.#run) decisions.#run.progress.learningRateFactor = factor;
        else decisions.#factor = factor;
      },
      get step() {
        return decisions.#run?.progress.step ?? 0;
      },
      get signal() {
        return decisions.#run?.signal;
      },
    };
  }
}
