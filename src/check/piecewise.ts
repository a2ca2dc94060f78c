// Operators made of pieces (ReLU, MaxPool, …) held to the pieces they are on. A step of a parameter carries some of the
// many thousand elements of an image model over a kink, and a difference across kinks is no derivative: in float32
// there is no step between those that cross too many and those that drown in rounding. With every element kept on the
// piece where it stands the function is smooth, and its derivative there is that of the model.

import { Builder } from '../onnx/builder.js';
import { withinRange } from '../onnx/formulas/quantised.js';
import { add, div, greaterOrEqual, less, mul, neg, sub, view, where } from '../onnx/formulas.js';
import { attrFloat, type Graph, type Node, operatorKey, prune, type Value } from '../onnx/graph.js';
import { elementCount } from '../onnx/tensor.js';

interface Pieces {
  /** Which piece each element is on. */
  decide: (b: Builder, node: Node) => Value[];
  /** The output if it stays there. */
  hold: (b: Builder, node: Node, decisions: readonly Value[]) => Value;
}

/** [x is above `low`, x is at `high` or above] */
const between = (low: number, high: number, of: 'input' | 'output'): Pieces['decide'] => {
  return (b, node) => {
    const x = of === 'input' ? node.inputs[0]! : node.outputs[0]!;
    return [less(b, low, x), greaterOrEqual(b, x, b.scalar(b.type(x).dtype, high))];
  };
};

const aboveZero: Pieces['decide'] = (b, node) => [less(b, 0, node.inputs[0]!)];

const firstIsLess: Pieces['decide'] = (b, { inputs: [x, y] }) => [less(b, x!, y!)];

const tables: Readonly<Record<string, Pieces>> = {
  Relu: { decide: aboveZero, hold: (b, { inputs: [x] }, [above]) => where(b, above!, x!, 0) },
  LeakyRelu: {
    decide: aboveZero,
    hold: (b, node, [above]) =>
      where(b, above!, node.inputs[0]!, mul(b, node.inputs[0]!, attrFloat(node, 'alpha', 0.01))),
  },
  PRelu: {
    decide: aboveZero,
    hold: (b, { inputs: [x, slope] }, [above]) => where(b, above!, x!, mul(b, x!, slope!)),
  },
  Clip: {
    decide: (b, { inputs: [x, low, high] }) => [
      ...(low ? [less(b, x!, low)] : []),
      ...(high ? [less(b, high, x!)] : []),
    ],
    hold: (b, { inputs: [x, low, high] }, decisions) => {
      const upper = high ? where(b, decisions.at(-1)!, high, x!) : x!;
      return low ? where(b, decisions[0]!, low, upper) : upper;
    },
  },
  HardSigmoid: {
    decide: between(0, 1, 'output'),
    hold: (b, node, [above, beyond]) => {
      const ramp = add(b, mul(b, node.inputs[0]!, attrFloat(node, 'alpha', 0.2)), attrFloat(node, 'beta', 0.5));
      return where(b, beyond!, 1, where(b, above!, ramp, 0));
    },
  },
  HardSwish: {
    decide: between(-3, 3, 'input'),
    hold: (b, { inputs: [x] }, [above, beyond]) =>
      where(b, beyond!, x!, where(b, above!, mul(b, x!, add(b, div(b, x!, 6), 0.5)), 0)),
  },
  Abs: { decide: aboveZero, hold: (b, { inputs: [x] }, [above]) => where(b, above!, x!, neg(b, x!)) },
  Max: { decide: firstIsLess, hold: (b, { inputs: [x, y] }, [less]) => where(b, less!, y!, x!) },
  Min: { decide: firstIsLess, hold: (b, { inputs: [x, y] }, [less]) => where(b, less!, x!, y!) },
  // As if every element were moved by what rounding moves it where it stands: what straight-through gradients are of.
  'ortune.FakeQuantize': {
    decide: (b, node) => {
      const [x, y] = [node.inputs[0]!, node.outputs[0]!];
      return [sub(b, y, x), b.op('Identity', [y]), withinRange(b, node)];
    },
    hold: (b, { inputs: [x] }, [moved, cut, within]) => where(b, within!, add(b, x!, moved!), cut!),
  },
  'ortune.DynamicFakeQuantize': {
    decide: (b, node) => [sub(b, node.outputs[0]!, node.inputs[0]!)],
    hold: (b, { inputs: [x] }, [moved]) => add(b, x!, moved!),
  },
  // The maximum stays where it stood.
  MaxPool: {
    decide: (b, node) => [b.ops('MaxPool', node.inputs, Object.fromEntries(node.attrs), { outputs: 2 })[1]!],
    hold: (b, { inputs: [x] }, [places]) => {
      const flat = view(b, x!, [elementCount(b.shape(x!))]);
      return view(
        b,
        b.op('GatherElements', [flat, view(b, places!, [elementCount(b.shape(places!))])]),
        b.shape(places!),
      );
    },
  },
};

/** Extrema of two values only. */
function piecesOf(node: Node): Pieces | undefined {
  const { op, attrs, inputs } = node;
  const key = operatorKey(node);
  if (!Object.hasOwn(tables, key) || attrs.get('storage_order')?.value === 1) return undefined;
  return (op === 'Max' || op === 'Min') && inputs.length !== 2 ? undefined : tables[key];
}

/**
 * Two graphs for a static one: `decisions` gives, for the same inputs, which piece every element is on; `held` takes
 * these as further inputs and gives the outputs on those pieces.
 */
export function holdPieces(graph: Graph): { decisions: Graph; held: Graph } {
  const [decisions, held] = [graph.clone(), graph.clone()];
  const [a, b] = [new Builder(decisions), new Builder(held)];
  decisions.outputs = [];
  const nodes = held.nodes;
  held.nodes = [];
  for (const node of nodes) {
    const pieces = piecesOf(node);
    if (!pieces) {
      held.nodes.push(node);
      continue;
    }
    const names = pieces.decide(a, node).map((value) => {
      const { dtype, shape } = a.type(value);
      a.output(value);
      return b.input(value, dtype, shape);
    });
    const y = pieces.hold(b, node, names);
    b.copy(y, node.outputs[0]!);
    // MaxPool's places, which are what was decided.
    for (const [i, out] of node.outputs.slice(1).entries()) if (out) b.copy(names[i]!, out);
  }
  prune(decisions);
  return { decisions, held };
}
