// Tensors that are one weight of the model, written out several times: by an exporter, once for each use, or in each of
// the files of a model that share it. They become one, so that they stay equal in training; saving writes each.

import type { Graph, Value } from '../onnx/graph.js';
import type { Tensor } from '../onnx/tensor.js';
import { isReadable } from './names.js';
import { kindOf, type Use } from './weights.js';

/** The properties that distinguish copies from weights that happen to be equal. */
export interface Weights {
  graph: Graph;
  /** Where each is used. */
  uses: ReadonlyMap<string, Use[]>;
  /** The file that a tensor lies in. */
  partOf(name: Value): string;
}

/**
 * Makes one of tensors that are one weight, in place, and drops the others from `aliases`. Within a file those are
 * equal ones with one alias: it is shared where two products have the same bias, so equal bytes can only be one weight
 * written twice. Of two files see `isShared`. An alias that weights of several files keep gets the file's name in
 * front.
 * @returns for each first one its copies
 */
export function mergeCopies(weights: Weights, aliases: Map<string, string>): Map<string, string[]> {
  const { graph, uses, partOf } = weights;
  const across = new Sharing(weights, aliases);
  const tensor = (name: string): Tensor => graph.initializers.get(name)!;
  const firsts = new Map<string, string[]>();
  const copies = new Map<string, string[]>();
  const renamed = new Map<Value, Value>();
  const merge = (name: string, first: string): void => {
    aliases.delete(name);
    renamed.set(name, first);
    graph.initializers.delete(name);
    uses.get(first)!.push(...uses.get(name)!);
    copies.set(first, [...(copies.get(first) ?? []), name]);
  };
  for (const [name, alias] of aliases) {
    const known = firsts.get(alias) ?? [];
    const own = known.find((first) => partOf(first) === partOf(name));
    const first = own ?? across.first(name);
    if (first === undefined) firsts.set(alias, [...known, name]);
    else if (first !== own || equal(tensor(first), tensor(name))) merge(name, first);
    else aliases.set(name, name);
  }
  if (renamed.size > 0)
    for (const node of graph.nodes) node.inputs = node.inputs.map((input) => renamed.get(input) ?? input);
  for (const [alias, names] of firsts)
    if (names.length > 1) for (const name of names) aliases.set(name, `${partOf(name)}/${alias}`);
  return copies;
}

/** Finds the weights that several files share. */
class Sharing {
  readonly #weights: Weights;
  /** Aliases and tensors before any became one. */
  readonly #aliases: ReadonlyMap<string, string>;
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #agree = new Map<string, boolean>();

  constructor(weights: Weights, aliases: ReadonlyMap<string, string>) {
    this.#weights = weights;
    this.#aliases = new Map(aliases);
    this.#tensors = new Map(weights.graph.initializers);
  }

  /** The first weight of an earlier file that `name` is a copy of. */
  first(name: string): string | undefined {
    const { graph, partOf } = this.#weights;
    for (const other of this.#aliases.keys()) {
      if (partOf(other) === partOf(name)) return undefined;
      if (graph.initializers.has(other) && this.#isShared(other, name)) return other;
    }
    return undefined;
  }

  /**
   * Equal bytes used alike are one weight where both have one alias, and where one of them is a table that words are
   * looked up in. Values that are one number all over are equal by chance (biases at 0): they are shared only where
   * what both files call alike is alike throughout.
   */
  #isShared(a: string, b: string): boolean {
    const { uses } = this.#weights;
    const alias = this.#aliases.get(a)!;
    const alike = alias === this.#aliases.get(b);
    const looked = [a, b].some((name) => uses.get(name)!.some(({ node }) => node.op === 'Gather'));
    const [x, y] = [this.#tensors.get(a)!, this.#tensors.get(b)!];
    if (!alike && !looked) return false;
    if (kindOf(uses.get(a)!, x.shape) !== kindOf(uses.get(b)!, y.shape) || !equal(x, y)) return false;
    return isVaried(x) || (alike && isReadable(alias) && this.#namesAgree(a, b));
  }

  /** Whether the files of these two have weights of the same readable names, and all of those are equal. */
  #namesAgree(a: string, b: string): boolean {
    const { partOf } = this.#weights;
    const key = `${partOf(a)} ${partOf(b)}`;
    const known = this.#agree.get(key);
    if (known !== undefined) return known;
    const [first, second] = [a, b].map((name) => this.#named(partOf(name))) as [
      Map<string, Tensor>,
      Map<string, Tensor>,
    ];
    const varied = [...first].filter(([alias, tensor]) => isReadable(alias) && second.has(alias) && isVaried(tensor));
    const agree = varied.length > 0 && varied.every(([alias, tensor]) => equal(tensor, second.get(alias)!));
    this.#agree.set(key, agree);
    return agree;
  }

  #named(part: string): Map<string, Tensor> {
    const own = [...this.#aliases].filter(([name]) => this.#weights.partOf(name) === part);
    return new Map(own.map(([name, alias]) => [alias, this.#tensors.get(name)!]));
  }
}

function isVaried(tensor: Tensor): boolean {
  const data = tensor.data() as Float32Array;
  return data.some((x) => x !== data[0]);
}

const equal = (x: Tensor, y: Tensor): boolean =>
  x.dtype === y.dtype && x.shape.join() === y.shape.join() && Buffer.compare(x.bytes(), y.bytes()) === 0;
