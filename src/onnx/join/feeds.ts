// What feeds each input of the files of a model, read from the table and held against what the files have. Every error
// that a table can have is reported here.

import { ModelError } from '../../errors.js';
import { quote } from '../../quote.js';
import type { ValueInfo } from '../graph.js';
import type { Piece } from './piece.js';

/** An input of a file: fed by a value of an earlier one, or by the batch. */
export interface Feed {
  input: ValueInfo;
  source?: { piece: Piece; name: string };
  /** The batch's name of it; `stated` by the table, else the input's own. */
  fed?: { name: string; stated: boolean };
}

export function feedsOf(piece: Piece, earlier: readonly Piece[], all: readonly Piece[]): Feed[] {
  const { part, graph, model } = piece;
  const own = graph.inputs.map(({ name }) => name);
  for (const [name, from] of Object.entries(part.inputs ?? {}))
    if (!own.includes(name))
      throw new ModelError(
        `${model.path} has no input ${quote(name)}, which is to be fed by ${quote(from)}; its inputs are ${listed(own)}`,
      );
  return graph.inputs.map((input): Feed => {
    const from = part.inputs?.[input.name];
    if (from?.includes('/')) return { input, source: sourceOf(input, from, piece, earlier, all) };
    const giver = all.find((p) => p !== piece && p.graph.outputs.some(({ name }) => name === input.name));
    if (from === undefined && giver)
      throw new ModelError(
        `${model.path}: nothing feeds the input ${quote(input.name)}, which is called like an output of ${giver.model.path}. ` +
          `Feed it by '${giver.part.file}/${input.name}', or by ${quote(input.name)} where the batch has it.`,
      );
    return { input, fed: { name: from ?? input.name, stated: from !== undefined } };
  });
}

/** The value that '<file>/<name>' means, which must fit the input. */
function sourceOf(
  input: ValueInfo,
  from: string,
  { part, model }: Piece,
  earlier: readonly Piece[],
  all: readonly Piece[],
): Feed['source'] {
  const refuse = (why: string): never => {
    throw new ModelError(`${model.path}: input ${quote(input.name)} cannot be fed by ${quote(from)}: ${why}`);
  };
  const piece = all.find((p) => from.startsWith(`${p.part.file}/`));
  if (!piece) return refuse(`no file of the model is called so; they are ${listed(all.map((p) => p.part.file))}`);
  if (!earlier.includes(piece))
    return refuse(
      `${piece.part.file} does not come before ${part.file}. Order the files so that each is fed by earlier ones; ` +
        'files that feed each other in a cycle cannot be trained',
    );
  const name = from.slice(piece.part.file.length + 1);
  const { outputs, inputs } = piece.graph;
  const found = outputs.find((o) => o.name === name) ?? inputs.find((i) => i.name === name);
  if (!found)
    return refuse(
      `${piece.model.path} has no such output or input; its outputs are ${listed(outputs.map((o) => o.name))}`,
    );
  if (!fits(found, input)) return refuse(`that is ${typeOf(found)}, expected ${typeOf(input)}`);
  return { piece, name };
}

const listed = (names: readonly string[]): string => names.map((name) => quote(name)).join(', ') || 'none';

export const typeOf = ({ dtype, shape }: ValueInfo): string =>
  `${dtype} ${shape ? `[${shape.map((d) => d ?? '?').join(', ')}]` : 'of unknown rank'}`;

/** Whether a value may be what an input takes: names of dimensions are each file's own. */
export const fits = (given: ValueInfo, { dtype, shape }: ValueInfo): boolean =>
  given.dtype === dtype &&
  (!given.shape ||
    !shape ||
    (given.shape.length === shape.length &&
      shape.every((d, i) => typeof d !== 'number' || typeof given.shape![i] !== 'number' || given.shape![i] === d)));
