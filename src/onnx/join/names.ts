// Names in a joined graph. A value keeps the name it has in its file where no other file has it; inputs and outputs,
// which others go by, come before the values inside.

import { ModelError } from '../../errors.js';
import { quote } from '../../quote.js';
import type { Value, ValueInfo } from '../graph.js';
import { type Feed, fits, typeOf } from './feeds.js';
import type { Piece } from './piece.js';

/**
 * Names for the inputs that the batch feeds.
 * @throws ModelError where the table gives one name to inputs of different types
 */
export function nameInputs(pieces: readonly Piece[], feeds: readonly Feed[][], names: Names): void {
  const wanted = new Map<string, { piece: Piece; input: ValueInfo; stated: boolean }[]>();
  for (const [i, piece] of pieces.entries())
    for (const { input, fed } of feeds[i]!)
      if (fed) wanted.set(fed.name, [...(wanted.get(fed.name) ?? []), { piece, input, stated: fed.stated }]);
  for (const [fed, inputs] of wanted) {
    const [first] = inputs as [(typeof inputs)[number]];
    const stated = inputs.some((other) => other.stated);
    const other = inputs.find(({ input }) => !fits(first.input, input));
    if (stated && other)
      throw new ModelError(
        `${other.piece.model.path}: input ${quote(other.input.name)} is ${typeOf(other.input)} and cannot be ${quote(fed)}, which is ` +
          `${typeOf(first.input)} in ${first.piece.model.path}: give it another name in the table of the model's files`,
      );
    const one = stated || inputs.every(({ input }) => typeOf(input) === typeOf(first.input));
    for (const { piece, input } of inputs)
      piece.names.set(input.name, one ? names.take(fed) : names.prefixed(piece, fed));
  }
}

/** Makes names that are not among `used`: the file's name in front. */
export function prefixer(used: Set<string>): (file: string, name: string) => string {
  return (file, name) => {
    const stem = `${file}/${name}`;
    let free = stem;
    for (let n = 1; used.has(free); n++) free = `${stem}_${n}`;
    used.add(free);
    return free;
  };
}

/** Gives names to values of the joined graph. */
export class Names {
  readonly #pieces: readonly Piece[];
  /** Names of inputs and outputs, which go before those of inner values. */
  readonly #outer = new Set<Value>();
  readonly #prefixed: ReturnType<typeof prefixer>;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
    this.#prefixed = prefixer(new Set(pieces.flatMap(({ values }) => [...values])));
  }

  take(name: Value): Value {
    this.#outer.add(name);
    return name;
  }

  prefixed({ part }: Piece, name: string): Value {
    return this.#prefixed(part.file, name);
  }

  ofOutput(piece: Piece, name: string): void {
    if (piece.names.has(name)) return;
    const others = this.#pieces.filter((p) => p !== piece && p.graph.outputs.some((o) => o.name === name));
    const free = others.length === 0 && !this.#outer.has(name);
    piece.names.set(name, free ? this.take(name) : this.prefixed(piece, name));
  }

  ofValue(piece: Piece, name: string): void {
    if (piece.names.has(name)) return;
    const free = !this.#outer.has(name) && this.#pieces.every((p) => p === piece || !p.values.has(name));
    piece.names.set(name, free ? name : this.prefixed(piece, name));
  }
}
