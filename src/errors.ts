// Errors a user can cause. The message says what was wrong, what was expected, what was found (file, line,
// node, parameter) and what to do; the command line prints it without a stack and exits with `exitCode`.

import { types } from 'node:util';
import { printable } from './quote.js';

export class OrtuneError extends Error {
  override readonly name: string = 'OrtuneError';
  /** Exit code of the command line: 1 the work failed, 2 wrong usage. */
  readonly exitCode: number = 1;

  /** What others say of a file, parsers above all, may hold what stands in it: a terminal is to obey none of it. */
  constructor(message?: string, options?: ErrorOptions) {
    super(message === undefined ? undefined : printable(message), options);
  }
}

/** Wrong options, configuration or arguments: nothing has been started. */
export class UsageError extends OrtuneError {
  override readonly name = 'UsageError';
  override readonly exitCode = 2;
}

/** A model file that cannot be read, is damaged, or holds what ortune does not train. */
export class ModelError extends OrtuneError {
  override readonly name = 'ModelError';
}

/** A data file that cannot be read or does not hold what the options require. */
export class DataError extends OrtuneError {
  override readonly name = 'DataError';
}

/** A training whose loss or gradients are no longer finite, of its options and not of a bad sample or weight. */
export class DivergedError extends OrtuneError {}

/** A function of the host program that threw, or gave what it must not: `cause` is the error. */
export class CallbackError extends OrtuneError {
  override readonly name = 'CallbackError';

  /** `what`: which function, and when. */
  constructor(what: string, cause: unknown) {
    const said = types.isNativeError(cause) ? cause.message : String(cause);
    // What it gave or asked for was wrong: the library's own word says so.
    super(`${what}: ${cause instanceof UsageError ? '' : 'it threw: '}${said}`, { cause });
  }
}

/** A device that ended a run: its memory does not suffice, or it is gone, or one for the sake of the other. */
export class DeviceError extends OrtuneError {
  override readonly name = 'DeviceError';
  /** Its memory does not suffice: smaller batches may help. */
  readonly exhausted: boolean;
  /** It is gone, with everything in its memory. */
  readonly lost: boolean;
  /** Nothing of the parameters or of the optimizer's state has been written since the last step. */
  weightsIntact = false;

  constructor(message: string, { exhausted, lost }: { exhausted: boolean; lost: boolean }) {
    super(message);
    this.exhausted = exhausted;
    this.lost = lost;
  }
}

// Structured clone turns an error of ours into a plain Error, so worker threads return the outcome as data.
const kinds = { OrtuneError, UsageError, ModelError, DataError };

/** What a worker's function returned, or the user's error it threw. Other errors are thrown as they are. */
export type Outcome<T> = { value: T } | { failure: { kind: keyof typeof kinds; message: string } };

/** In the worker: runs `work`, turning errors a user can cause into data. */
export async function outcomeOf<T>(work: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    if (!(error instanceof OrtuneError)) throw error;
    const kind = error.name in kinds ? (error.name as keyof typeof kinds) : 'OrtuneError';
    return { failure: { kind, message: error.message } };
  }
}

/** In the caller: the value, or the error as the class it was. */
export function unwrap<T>(outcome: Outcome<T>): T {
  if ('value' in outcome) return outcome.value;
  throw new kinds[outcome.failure.kind](outcome.failure.message);
}
