// The events that a Trainer has, by name, so that a listener for one that it has not is refused.

import { kindOfValue, unknownKey } from '../arguments.js';
import { UsageError } from '../errors.js';
import type { TrainerEvents } from '../events.js';

const events: Record<keyof TrainerEvents, true> = {
  download: true,
  start: true,
  resumed: true,
  trunk: true,
  step: true,
  skipped: true,
  badSample: true,
  epoch: true,
  evaluation: true,
  checkpoint: true,
  stopped: true,
  warning: true,
  saved: true,
};

/** @throws UsageError for an event that there is not */
export function checkEvent(method: string, event: unknown): void {
  if (typeof event !== 'string')
    throw new UsageError(`${method}: the event must be a text, found ${kindOfValue(event)}`);
  if (!Object.hasOwn(events, event)) throw unknownKey('Trainer: the list of events', event, Object.keys(events));
}

/** @throws UsageError for an event that there is not, and a listener that is no function */
export function checkListener(method: string, event: unknown, listener: unknown): void {
  checkEvent(method, event);
  if (typeof listener !== 'function')
    throw new UsageError(`${method}('${event}', …): the listener must be a function, found ${kindOfValue(listener)}`);
}
