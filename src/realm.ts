// Values and modules across realms. Jest, vitest's vm pools and vm contexts run a program's modules with globals of
// their own, while what Node, the addon and other threads hand over is made with those of the outer realm: it is no
// `instanceof` a global here, though it is what it is. So no source asks `instanceof` of a built-in class; it asks
// here, or node:util's `types`, and a test reads the sources for it. Classes of this package and of others may be asked
// for: they are loaded into the realm that asks. Timers come from node:timers for the same reason: those of a global
// may be a browser's, which are numbers, or a test's, which never fire.

import { types } from 'node:util';
import { runInThisContext } from 'node:vm';
import type { TypedArray } from './onnx/dtype.js';

/** An Error, a subclass, or a DOMException such as an AbortSignal's reason. */
export const isError = (value: unknown): value is Error =>
  types.isNativeError(value) || Object.prototype.toString.call(value) === '[object DOMException]';

/** An Error of the built-in class of that name. */
export const isErrorNamed = <N extends 'RangeError' | 'ReferenceError' | 'TypeError'>(
  value: unknown,
  name: N,
): value is Error & { name: N } => isError(value) && value.name === name;

/** What was thrown, as text. */
export const messageOf = (thrown: unknown): string => (isError(thrown) ? thrown.message : String(thrown));

/**
 * A CommonJS package, loaded into the outer realm whichever this is: for one that asks `instanceof` of what its own
 * addon makes.
 * @param from URL of the module that it is a dependency of
 */
export function requireOutside<M>(name: string, from: string): M {
  return outerProcess().getBuiltinModule('node:module').createRequire(from)(name);
}

/** Jest has a process and a node:module of its own, which would load packages into this realm. */
export const outerProcess = (): NodeJS.Process => runInThisContext('process');

/** A copy of the elements in memory of their own, as an array of the outer realm. */
export function copyOutside<A extends TypedArray>(array: A): A {
  const copy: new (elements: A) => A = runInThisContext(Object.prototype.toString.call(array).slice(8, -1));
  return new copy(array);
}
