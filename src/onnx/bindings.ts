// Inputs of a model that have one value for all samples, as the option bind states them: NAME=VALUE.

import { UsageError } from '../errors.js';
import { quote } from '../quote.js';
import { isFloat } from './dtype.js';
import type { ValueInfo } from './graph.js';
import type { Model } from './model.js';
import { elementCount, Tensor } from './tensor.js';

export type Bindings = ReadonlyMap<string, number>;

const words = new Map([
  ['true', 1],
  ['false', 0],
]);

/** @throws UsageError for a text that is not NAME=VALUE, and for a name that is there twice */
export function parseBindings(texts: readonly string[]): Bindings {
  const found = new Map<string, number>();
  for (const text of texts) {
    const at = text.lastIndexOf('=');
    const [name, word] = [text.slice(0, at), text.slice(at + 1).trim()];
    const value = words.get(word) ?? (word === '' ? Number.NaN : Number(word));
    if (at < 1 || !Number.isFinite(value))
      throw new UsageError(`bind: expected NAME=VALUE with a number, true or false, found ${quote(text)}`);
    if (found.has(name)) throw new UsageError(`bind: ${quote(name)} is there twice`);
    found.set(name, value);
  }
  return found;
}

/** @throws UsageError for a name that no file has among its inputs */
export function checkBindings(bindings: Bindings, models: readonly Model[]): void {
  const names = models.flatMap(({ proto }) => proto.graph?.input.map(({ name }) => name) ?? []);
  for (const name of bindings.keys())
    if (!names.includes(name))
      throw new UsageError(
        `bind: the model has no input ${quote(name)}; its inputs are ${names.map((n) => quote(n)).join(', ') || 'none'}`,
      );
}

/**
 * An input filled with its value; axes that the file leaves open have length 1. @throws UsageError where it cannot be
 */
export function boundTensor({ name, dtype, shape }: ValueInfo, value: number): Tensor {
  const dims = (shape ?? []).map((d) => (typeof d === 'number' ? d : 1));
  const fits = isFloat(dtype) || (dtype === 'bool' ? value === 0 || value === 1 : Number.isInteger(value));
  if (!fits) throw new UsageError(`bind: input ${quote(name)} is ${dtype}, which cannot be ${value}`);
  return Tensor.of(dtype, Array<number>(elementCount(dims)).fill(value), dims);
}
