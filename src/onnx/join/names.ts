// Names in a joined graph. A value keeps the name it has in its file where no other file has it; inputs and outputs, which
// others go by, come before the values inside.

import type { Value, ValueInfo } from '../graph.js';
import { type Feed, typeOf } from './feeds.js';
import type { Piece } from './piece.js';

/** Names for the inputs that the batch feeds. */
export function nameInputs(pieces: readonly Piece[], feeds: readonly Feed[][], names: Names): void {
  const wanted = new Map<string, { piece: Piece; input: ValueInfo }[]>();
  for (const [i, piece] of pieces.entries())
    for (const { input, fed } of feeds[i]!)
      if (fed !== undefined) wanted.set(fed, [...(wanted.get(fed) ?? []), { piece, input }]);
  for (const [fed, inputs] of wanted) {
    const types = new Set(inputs.map(({ input }) => typeOf(input)));
    for (const { piece, input } of inputs)
      piece.names.set(input.name, types.size === 1 ? names.take(fed) : names.prefixed(piece, fed));
  }
}

/** Gives names in the joined graph: a file's own where no other file has it. */
export class Names {
  readonly #pieces: readonly Piece[];
  /** Names of inputs and outputs, which go before those of inner values. */
  readonly #outer = new Set<Value>();
  readonly #used: Set<string>;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
    this.#used = new Set(pieces.flatMap(({ values }) => [...values]));
  }

  take(name: Value): Value {
    this.#outer.add(name);
    return name;
  }

  prefixed({ part }: Piece, name: string): Value {
    const stem = `${part.file}/${name}`;
    let free = stem;
    for (let n = 1; this.#used.has(free); n++) free = `${stem}_${n}`;
    this.#used.add(free);
    return free;
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
