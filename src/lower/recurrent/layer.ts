// What an LSTM, GRU or RNN node is around its recurrence: operands per direction, input products of all steps in one
// matrix product, and the outputs put together again. The recurrence itself is written out step by step (unrolled.ts)
// or one fused operator (fused.ts).

import type { Builder } from '../../onnx/builder.js';
import { add, transposeMatrix, view } from '../../onnx/formulas.js';
import type { Node, Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { type Direction, type Recurrent, recurrentOf } from '../../onnx/shapes/recurrent.js';

/** One direction of a layer; T·B rows stand step after step. */
export interface Cell extends Direction {
  readonly layer: Recurrent;
  /** X·Wᵀ and every bias that may be added to it, [T·B, gates·H]. */
  readonly products: Value;
  /** [gates·H, H] */
  readonly recurrence: Value;
  /** Of a GRU that resets behind its product: the bias of the product, [H], which is in no other then. */
  readonly resetBias: Value | undefined;
  /** Whole numbers, [B]: steps of each sequence, the rest being padding. */
  readonly lengths: Value | undefined;
  /** [B, H]; undefined: zeros. */
  readonly h0: Value | undefined;
  readonly c0: Value | undefined;
  /** Factors of the cell state in the gates i, o and f, [3·H]. */
  readonly peepholes: Value | undefined;
}

export interface CellOutputs {
  /** [T·B, H], 0 in padding. */
  readonly all: Value;
  /** The states behind the last step, [B, H]. */
  readonly h: Value;
  readonly c?: Value;
}

/** The layer's outputs, its recurrence computed by `run` for each direction. */
export function layer(b: Builder, node: Node, run: (b: Builder, cell: Cell) => CellOutputs): Value[] {
  const r = recurrentOf(new TypeContext(b.graph, node));
  const cells = cellsOf(b, node, r);
  const found = cells.map((cell) => run(b, cell));
  const { steps, batch, hidden } = r;
  const joined = (values: readonly Value[], shape: readonly number[], axis: number): Value => {
    const parts = values.map((value) => view(b, value, shape));
    return parts.length === 1 ? parts[0]! : b.op('Concat', parts, { axis });
  };
  const state = (values: readonly Value[]): Value => joined(values, [1, batch, hidden], 0);
  const all = joined(
    found.map((f) => f.all),
    [steps, 1, batch, hidden],
    1,
  );
  const outputs = [all, state(found.map((f) => f.h))];
  return r.kind === 'LSTM' ? [...outputs, state(found.map((f) => f.c!))] : outputs;
}

function cellsOf(b: Builder, node: Node, r: Recurrent): Cell[] {
  const { steps, batch, hidden, gates, directions, batchFirst } = r;
  if (batchFirst) throw new Error(`${node.op} with its batch first: onnx/restore/time-major.ts goes before`);
  const [x, ...operands] = node.inputs as [Value, ...Value[]];
  const size = b.shape(x)[2]!;
  const rows = view(b, x, [steps * batch, size]);
  const perDirection = (value: Value | undefined, shape: readonly number[]): Value[] | undefined =>
    value ? split(b, value, directions.length).map((part) => view(b, part, shape)) : undefined;
  const w = perDirection(operands[0], [gates * hidden, size])!;
  const recurrence = perDirection(operands[1], [gates * hidden, hidden])!;
  const biases = perDirection(operands[2], [2 * gates * hidden]);
  const [h0, c0] = [4, 5].map((i) => perDirection(operands[i], [batch, hidden]));
  const peepholes = perDirection(operands[6], [3 * hidden]);
  return directions.map((direction, d) => {
    const { bias, resetBias } = biasesOf(b, r, biases?.[d]);
    const product = b.op('MatMul', [rows, transposeMatrix(b, w[d]!)]);
    return {
      ...direction,
      layer: r,
      products: bias ? add(b, product, bias) : product,
      recurrence: recurrence[d]!,
      resetBias,
      lengths: operands[3] || undefined,
      ...{ h0: h0?.[d], c0: c0?.[d], peepholes: peepholes?.[d] },
    };
  });
}

/** The biases of W and of R are two tensors of one meaning, but for the last gate of a GRU that resets afterwards. */
function biasesOf(b: Builder, { gates, hidden, resetAfter }: Recurrent, both: Value | undefined) {
  if (!both) return { bias: undefined, resetBias: undefined };
  const [ofW, ofR] = split(b, both, 2) as [Value, Value];
  if (!resetAfter) return { bias: add(b, ofW, ofR), resetBias: undefined };
  const [plain, resetBias] = b.ops('Split', [ofR, b.ints([(gates - 1) * hidden, hidden])], { axis: 0 }, { outputs: 2 });
  const [first, last] = b.ops('Split', [ofW, b.ints([(gates - 1) * hidden, hidden])], { axis: 0 }, { outputs: 2 });
  return { bias: b.op('Concat', [add(b, first!, plain!), last!], { axis: 0 }), resetBias };
}

/** Equal parts along an axis. */
export const split = (b: Builder, value: Value, parts: number, axis = 0): Value[] =>
  parts === 1 ? [value] : b.ops('Split', [value], { axis, num_outputs: parts }, { outputs: parts });
