// Loops and Scans whose trip count shapes and constants decide, written out: the body once for each iteration, over
// what the one before it gave. Gradients need nothing further then. A count that data decide is refused by name.

import { ModelError } from '../../errors.js';
import { quote } from '../../quote.js';
import type { Node, Value } from '../graph.js';
import { Tensor } from '../tensor.js';
import type { Host } from './host.js';

/** A Loop or Scan: what stands before its body, the body, and what stands behind. */
export interface Repeated {
  begin: Node;
  body: readonly Node[];
  end: Node;
}

/** Appends the iterations, and gives the node's outputs their values. @returns how many there are */
export function unroll(host: Host, { begin, body, end }: Repeated): number {
  return end.construct!.op === 'Scan' ? scan(host, { begin, body, end }) : loop(host, { begin, body, end });
}

const fail = (node: Node, problem: string): never => {
  throw new ModelError(`node ${quote(node.construct!.name)} (${node.construct!.op}): ${problem}`);
};

const advice =
  'only a count that follows from shapes and constants can be trained. Export the model for a fixed length, or without the loop';

/** What the node takes, by present names, and what its body gives. */
function operands(host: Host, { begin, end }: Repeated): { inputs: Value[]; given: Value[] } {
  const [, ...all] = end.inputs;
  const count = begin.inputs.length;
  return { inputs: all.slice(0, count).map((v) => host.resolve(v)), given: all.slice(count) };
}

function loop(host: Host, { begin, body, end }: Repeated): number {
  const { inputs, given } = operands(host, { begin, body, end });
  const known = (value: Value | undefined, what: string): number | undefined => {
    if (!value) return undefined;
    const constant = host.constant(value);
    return constant ? constant.numbers()[0]! : fail(end, `${what} depends on the data; ${advice}`);
  };
  const most = known(inputs[0], 'its trip count') ?? Infinity;
  let going = known(inputs[1], 'its condition') !== 0;
  const states = Math.max(0, begin.inputs.length - 2);
  let carried = inputs.slice(2);
  const gathered: Value[][] = given.slice(1 + states).map(() => []);
  let count = 0;
  while (going && count < most) {
    const scope = new Map<Value, Value>();
    const takes = [
      host.define(`${begin.name}.iteration`, Tensor.scalar('int64', count)),
      host.define(`${begin.name}.condition`, Tensor.scalar('bool', 1)),
      ...carried,
    ];
    for (const [i, out] of begin.outputs.entries()) if (out) scope.set(out, takes[i]!);
    const gives = host.iterate(body, end.construct!, scope, count++);
    const [condition, ...values] = given.map(gives);
    going = known(condition, `its condition after iteration ${count}`) !== 0;
    carried = values.slice(0, states);
    for (const [i, value] of values.slice(states).entries()) gathered[i]!.push(value);
  }
  finish(host, end, carried, gathered, () => 0);
  return count;
}

function scan(host: Host, { begin, body, end }: Repeated): number {
  const { inputs: scanned, lists } = end.construct!.scan!;
  const { inputs, given } = operands(host, { begin, body, end });
  const states = begin.inputs.length - scanned;
  const option = (list: string, i: number): number => lists.get(list)?.[i] ?? 0;
  const slices = inputs.slice(states).map((value, i) => {
    const axis = option('scan_input_axes', i);
    const parts = host.slices(value, axis);
    return option('scan_input_directions', i) === 1 ? parts.toReversed() : parts;
  });
  const lengths = new Set(slices.map((parts) => parts.length));
  if (lengths.size !== 1)
    fail(end, `its inputs have ${[...lengths].join(' and ')} elements along the axes it scans; expected one length`);
  const count = slices[0]!.length;
  let carried = inputs.slice(0, states);
  const gathered: Value[][] = given.slice(states).map(() => []);
  for (let i = 0; i < count; i++) {
    const takes = [...carried, ...slices.map((parts) => parts[i]!)];
    const scope = new Map(begin.outputs.flatMap((out, k) => (out ? [[out, takes[k]!] as const] : [])));
    const values = given.map(host.iterate(body, end.construct!, scope, i));
    carried = values.slice(0, states);
    for (const [k, value] of values.slice(states).entries()) gathered[k]!.push(value);
  }
  for (const [k, values] of gathered.entries()) if (option('scan_output_directions', k) === 1) values.reverse();
  finish(host, end, carried, gathered, (k) => option('scan_output_axes', k));
  return count;
}

/** The outputs: the last values of what is carried, and what each iteration gave one behind the other. */
function finish(host: Host, end: Node, carried: Value[], gathered: Value[][], axis: (k: number) => number): void {
  for (const [i, out] of end.outputs.entries()) {
    if (!out) continue;
    const values = gathered[i - carried.length];
    if (!values) host.alias(out, carried[i]!);
    else if (values.length > 0) host.alias(out, host.stacked(values, axis(i - carried.length), true));
    else fail(end, 'it runs no iteration, so that what its body would give has no shape; expected at least one');
  }
}
