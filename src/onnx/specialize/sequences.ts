// Sequences and optionals while a graph is specialised: a sequence is the list of the values in it, so that every
// operator on one is a matter of names, and none is left. Positions must be constants by now.

import { ModelError } from '../../errors.js';
import { quote } from '../../quote.js';
import { attrInt, type Node, type Value } from '../graph.js';
import { Tensor } from '../tensor.js';
import type { Host } from './host.js';

type Sequences = Map<Value, readonly Value[]>;

/** Stands for an Optional without an element. */
const nothing = '';

type Row = (c: {
  host: Host;
  node: Node;
  /** The elements of a sequence input. */
  list: (input: number) => readonly Value[];
  /** A constant integer, or undefined for an input that is left out. */
  integer: (input: number) => number | undefined;
  fail: (problem: string) => never;
  sequences: Sequences;
}) => { value?: Value; sequence?: readonly Value[] };

/** A position counted from the front, of `length` places. */
function place(at: number | undefined, length: number, otherwise: number, fail: (problem: string) => never): number {
  if (at === undefined) return otherwise;
  const found = at < 0 ? at + length : at;
  return found >= 0 && found < length ? found : fail(`position ${at} is outside a sequence of ${length} places`);
}

const rows: Readonly<Record<string, Row>> = {
  SequenceEmpty: () => ({ sequence: [] }),
  SequenceConstruct: ({ node }) => ({ sequence: node.inputs }),
  SequenceInsert: ({ node, list, integer, fail }) => {
    const all = list(0);
    return { sequence: all.toSpliced(place(integer(2), all.length + 1, all.length, fail), 0, node.inputs[1]!) };
  },
  SequenceErase: ({ list, integer, fail }) => {
    const all = list(0);
    return { sequence: all.toSpliced(place(integer(1), all.length, all.length - 1, fail), 1) };
  },
  SequenceAt: ({ list, integer, fail }) => ({ value: list(0)[place(integer(1), list(0).length, 0, fail)]! }),
  SequenceLength: ({ host, node, list }) => ({
    value: host.define(`${node.name}.length`, Tensor.scalar('int64', list(0).length)),
  }),
  SplitToSequence: ({ host, node, fail }) => {
    const [x, split] = node.inputs as [Value, Value | undefined];
    const axis = attrInt(node, 'axis', 0);
    if (!split && attrInt(node, 'keepdims', 1) === 0) return { sequence: host.slices(x, axis) };
    const sizes = split ? host.constant(split) : Tensor.scalar('int64', 1);
    if (!sizes) return fail('the sizes of its parts depend on the data; expected constants');
    const length = host.shape(x).at(axis) ?? fail(`axis ${axis} is outside a tensor of ${host.shape(x).length} axes`);
    const [step] = sizes.numbers() as [number];
    if (sizes.shape.length === 0 && !(step > 0)) return fail(`its parts have ${step} elements; expected 1 or more`);
    const parts =
      sizes.shape.length > 0
        ? sizes.numbers()
        : Array.from({ length: Math.ceil(length / step) }, (_, i) => Math.min(step, length - i * step));
    if (parts.length === 1) return { sequence: [x] };
    const given = host.define(`${node.name}.sizes`, Tensor.of('int64', parts));
    return { sequence: host.add('Split', [x, given], { axis }, parts.length) };
  },
  ConcatFromSequence: ({ host, node, list, fail }) => {
    if (list(0).length === 0) return fail('the sequence is empty; expected at least one tensor');
    return { value: host.stacked(list(0), attrInt(node, 'axis', 0), attrInt(node, 'new_axis', 0) === 1) };
  },
  Optional: ({ node, sequences }) => same(node.inputs[0] ?? nothing, sequences),
  OptionalGetElement: ({ node, fail, sequences }) =>
    node.inputs[0] ? same(node.inputs[0], sequences) : fail('the optional has no element'),
  OptionalHasElement: ({ host, node }) => ({
    value: host.define(`${node.name}.has`, Tensor.scalar('bool', node.inputs[0] ? 1 : 0)),
  }),
};

const same = (value: Value, sequences: Sequences): { value?: Value; sequence?: readonly Value[] } => {
  const sequence = sequences.get(value);
  return sequence ? { sequence } : { value };
};

export const isOfSequences = ({ domain, op }: Pick<Node, 'domain' | 'op'>): boolean =>
  domain === '' && Object.hasOwn(rows, op);

/** Resolves an operator on sequences or optionals. @throws ModelError for positions that depend on data */
export function resolveSequence(host: Host, node: Node, sequences: Sequences): void {
  const fail = (problem: string): never => {
    throw new ModelError(`node ${quote(node.name)} (${node.op}): ${problem}`);
  };
  const { value, sequence } = rows[node.op]!({
    host,
    node,
    sequences,
    fail,
    list: (input) =>
      sequences.get(node.inputs[input]!) ??
      fail(`input ${quote(node.inputs[input]!)} is no sequence that is known here`),
    integer: (input) => {
      if (!node.inputs[input]) return undefined;
      const constant = host.constant(node.inputs[input]);
      return constant
        ? constant.numbers()[0]
        : fail('a position in the sequence depends on the data; expected a constant');
    },
  });
  const out = node.outputs[0]!;
  if (sequence) sequences.set(out, sequence);
  else host.alias(out, value!);
}
