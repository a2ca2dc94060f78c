// What a program gives to the functions of the library beside their options: paths, hooks, lists of texts. Each is
// checked where it comes in, so that a wrong one is named, and not the place where it would have failed. Values may
// come from another realm (vm contexts, test runners), whose arrays and typed arrays are no `instanceof` ours.

import { types } from 'node:util';
import { UsageError } from './errors.js';
import { pathOf } from './files/path-of.js';
import { nearest } from './nearest.js';
import { quote } from './quote.js';

/** What a value is, for messages. */
export function kindOfValue(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (value === '') return 'an empty text';
  if (typeof value === 'string') return `the text ${quote(value, 40)}`;
  if (typeof value === 'number' || typeof value === 'bigint') return `the number ${value}`;
  if (typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return 'a list';
  if (ArrayBuffer.isView(value)) return `a ${Object.prototype.toString.call(value).slice(8, -1)}`;
  if (types.isPromise(value)) return 'a promise; await it before';
  if (typeof value !== 'object') return `a ${typeof value}`;
  return isObject(value) ? 'an object' : `a ${Object.prototype.toString.call(value).slice(8, -1)}`;
}

/** Whether it is an object with keys of its own, and no list, date, map or promise. */
export const isObject = (value: unknown): value is object =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value) &&
  ![types.isDate, types.isMap, types.isSet, types.isRegExp, types.isPromise, types.isBoxedPrimitive].some((is) =>
    is(value),
  );

/** @throws UsageError for what is no object with options; `keys`, where given, are the only ones there are */
export function checkOptions(value: unknown, what: string, keys?: readonly string[]): void {
  if (!isObject(value)) throw new UsageError(`${what} must be an object, found ${kindOfValue(value)}`);
  if (keys) for (const key of Object.keys(value)) if (!keys.includes(key)) throw unknownKey(what, key, keys);
}

/** The path, of a file: URL too. @throws UsageError for what is no text that could be one */
export function checkPath(value: unknown, what: string): string {
  const path = pathOf(value);
  if (typeof path !== 'string' || path === '')
    throw new UsageError(`${what} must be a path, found ${kindOfValue(value)}`);
  return path;
}

/**
 * Hooks of a call: `signal`, and functions.
 * @param call the function of the library, for messages
 * @throws UsageError for another value, and for a key that is none of `keys`
 */
export function checkHooks(hooks: unknown, call: string, keys: readonly string[]): void {
  const what = `${call}: the last argument`;
  if (!isObject(hooks))
    throw new UsageError(`${what} must be an object with ${keys.join(', ')}, found ${kindOfValue(hooks)}`);
  for (const [key, value] of Object.entries(hooks)) {
    if (!keys.includes(key)) throw unknownKey(what, key, keys);
    if (value === undefined) continue;
    if (key !== 'signal' && typeof value !== 'function')
      throw new UsageError(`${call}: ${key} must be a function, found ${kindOfValue(value)}`);
    if (key === 'signal' && !isSignal(value))
      throw new UsageError(`${call}: signal must be an AbortSignal, found ${kindOfValue(value)}`);
  }
}

/** Hooks of what resolves a model. */
export const resolvingKeys: readonly string[] = ['signal', 'onDownload'];

/** The error for a key that there is none of. */
export function unknownKey(what: string, key: string, keys: readonly string[]): UsageError {
  const meant = nearest(
    key,
    keys.map((one) => ({ key: one, aliases: [] })),
  );
  const advice = meant === undefined ? `there are ${keys.join(', ')}` : `did you mean '${meant}'?`;
  return new UsageError(`${what} has no ${quote(key)}; ${advice}`);
}

function isSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener, throwIfAborted } = value as AbortSignal;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function' && typeof throwIfAborted === 'function';
}

/** @throws UsageError for what is no list or typed array of finite numbers; `what` names it */
export function checkNumbers(value: unknown, what: string): void {
  if (!Array.isArray(value) && (!ArrayBuffer.isView(value) || types.isDataView(value)))
    throw new UsageError(`${what} must be a list or a typed array of numbers, found ${kindOfValue(value)}`);
  const numbers = value as ArrayLike<unknown>;
  for (let i = 0; i < numbers.length; i++)
    if (typeof numbers[i] !== 'bigint' && !Number.isFinite(numbers[i]))
      throw new UsageError(`${what}[${i}] must be a number, found ${kindOfValue(numbers[i])}`);
}

/** @throws UsageError for what is no list of texts that are not empty; `what` names the list */
export function checkTexts(value: unknown, what: string): void {
  if (!Array.isArray(value)) throw new UsageError(`${what} must be a list of texts, found ${kindOfValue(value)}`);
  // Not forEach, which passes over holes.
  for (const [i, text] of value.entries())
    if (typeof text !== 'string' || text === '')
      throw new UsageError(`${what}[${i}] must be a text, found ${kindOfValue(text)}`);
}
