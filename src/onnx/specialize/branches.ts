// Branches of an If while a graph is specialised. Where shapes and constants decide the condition, one branch runs and
// the other is as if it were not there. Where data decide it, both are computed and the outputs chosen element by
// element, so that gradients go into the branch that ran and are 0 in the other. That other must not spoil them with
// what it would never have computed (a logarithm of 0, whose slope times 0 is NaN): what it reads from outside is
// replaced by ones then, through the same choice, whose gradient is 0 whatever comes back.

import { ModelError } from '../../errors.js';
import { quote } from '../../quote.js';
import type { Builder } from '../builder.js';
import { isFloat } from '../dtype.js';
import { filled, view } from '../formulas.js';
import type { Block, Construct, Node, Value } from '../graph.js';
import type { Tensor } from '../tensor.js';

export class Branches {
  readonly #b: Builder;
  readonly #constant: (value: Value) => Tensor | undefined;
  /** The condition of each If; in a repeated body that of the present iteration. */
  readonly #conditions = new Map<Construct, Value>();
  readonly #inside = new Map<Value, Block>();
  readonly #gates = new Map<string, Value>();

  constructor(b: Builder, constant: (value: Value) => Tensor | undefined) {
    this.#b = b;
    this.#constant = constant;
  }

  /** Nodes about to be visited: their conditions are known from here on. `resolve`: what an input is called now. */
  enter(nodes: readonly Node[], resolve: (value: Value) => Value): void {
    for (const { construct, inputs } of nodes)
      if (construct?.op === 'If') this.#conditions.set(construct, resolve(inputs[0]!));
  }

  /** Whether a condition holds; undefined: data decide. */
  holds(condition: Value): boolean | undefined {
    const value = this.#constant(condition);
    return value && value.numbers()[0] !== 0;
  }

  /** The branches around a node that data decide, outermost first; undefined: one of them does not run. */
  around(block: Block | undefined, resolve: (value: Value) => Value): Block[] | undefined {
    const open: Block[] = [];
    for (let at = block; at; at = at.outer) {
      if (at.of.op !== 'If') continue;
      const holds = this.holds(resolve(this.#conditions.get(at.of)!));
      if (holds === undefined) open.unshift(at);
      else if (holds !== (at.branch === 0)) return undefined;
    }
    return open;
  }

  /** Makes a node of branches that data decide read what it may, in place. @throws ModelError for one that may not */
  gate(node: Node, open: readonly Block[], resolve: (value: Value) => Value, trainable: ReadonlySet<Value>): void {
    const { op, domain, name, inputs } = node;
    if (op === 'BatchNormalization' && domain === '' && trainable.has(inputs[3]!))
      throw new ModelError(
        `node ${quote(name)} (BatchNormalization) stands in a branch that data decide, and one that does not run has no ` +
          'statistics of the batch. Train with batchNorm frozen.',
      );
    node.inputs = inputs.map((input) => this.#gated(input, open, resolve));
  }

  /** A value as a branch that data decide may read it. */
  #gated(value: Value, open: readonly Block[], resolve: (value: Value) => Value): Value {
    let now = value;
    for (const block of open) {
      if (value === '' || this.#constant(value) || this.#isInside(value, block)) continue;
      if (!this.#b.graph.types.has(value) || this.#b.type(value).dtype === 'bool') continue;
      const condition = resolve(this.#conditions.get(block.of)!);
      const key = JSON.stringify([condition, block.branch, now]);
      const known = this.#gates.get(key);
      const made = known ?? this.#gate(now, this.scalar(condition), block.branch === 0);
      this.#gates.set(key, made);
      now = made;
    }
    return now;
  }

  #gate(value: Value, condition: Value, branch: boolean): Value {
    const type = this.#b.type(value);
    const harmless = filled(this.#b, type, isFloat(type.dtype) ? 1 : 0);
    return this.#b.op('Where', branch ? [condition, value, harmless] : [condition, harmless, value]);
  }

  #isInside(value: Value, block: Block): boolean {
    for (let at = this.#inside.get(value); at; at = at.outer) if (at === block) return true;
    return false;
  }

  /** Notes where a value is computed. */
  computed(values: readonly Value[], block: Block | undefined): void {
    if (block) for (const value of values) this.#inside.set(value, block);
  }

  scalar(condition: Value): Value {
    return view(this.#b, condition, []);
  }

  /** @throws ModelError where the branches of an If that data decide do not give the same type */
  check({ construct, inputs: [, then, otherwise] }: Node): void {
    const types = [then!, otherwise!].map((value) => this.#b.graph.types.get(value));
    const [a, b] = types.map((type) => (type ? `${type.dtype} [${type.shape.join(', ')}]` : 'no tensor'));
    if (a === b && types[0]) return;
    throw new ModelError(
      `node ${quote(construct!.name)} (If): its condition depends on the data, and its branches give ${a} and ${b}; expected one ` +
        `type and shape of both (${quote(then!)}, ${quote(otherwise!)}). Export the model for the branch that is to be ` +
        'trained, or bind the input that decides.',
    );
  }
}
