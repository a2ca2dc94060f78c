// Paths as programs give them: a text, a URL object, or a text that begins with file:. Everything behind this sees
// plain paths.

import { fileURLToPath } from 'node:url';
import { UsageError } from '../errors.js';
import { quote } from '../quote.js';
import { messageOf } from '../realm.js';

/** Whether it is a URL object, of any realm. */
export const isUrl = (value: unknown): value is URL => Object.prototype.toString.call(value) === '[object URL]';

/** The value with texts in place of the URL objects in its lists and objects; the value itself where it has none. */
export function withoutUrls(value: unknown): unknown {
  if (isUrl(value)) return value.href;
  if (Array.isArray(value)) {
    const items = value.map(withoutUrls);
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  if (Object.prototype.toString.call(value) !== '[object Object]') return value;
  const entries = Object.entries(value as object).map(([key, one]) => [key, one, withoutUrls(one)] as const);
  if (entries.every(([, before, after]) => before === after)) return value;
  return Object.fromEntries(entries.map(([key, , after]) => [key, after]));
}

/**
 * The path of a file: URL, and any other value as it is; of another URL its text.
 * @throws UsageError for a file: URL that names no file of this machine
 */
export function pathOf(value: string): string;
export function pathOf(value: unknown): unknown;
export function pathOf(value: unknown): unknown {
  const text = isUrl(value) ? value.href : value;
  if (typeof text !== 'string' || !/^file:/i.test(text)) return text;
  try {
    return fileURLToPath(text);
  } catch (error) {
    throw new UsageError(`${quote(text)} names no file of this machine: ${messageOf(error)}`);
  }
}
