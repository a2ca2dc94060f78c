// What weights are held to after every step: the norm of a unit's incoming weights, at most so large (Srivastava et
// al., 2014), in the form of Keras's MaxNorm, w·min(‖w‖, limit) / (10⁻⁷ + ‖w‖). A graph of standard operators over the
// tensors that it holds, in the place of their old values.

import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { add, div, mul, sqrt } from '../onnx/formulas.js';
import { Graph } from '../onnx/graph.js';
import type { Arena } from '../runtime/arena.js';
import type { BoundTensor, Device, Session } from '../runtime/session.js';

/** A tensor, the axis along which its units lie, and the largest norm of one's weights. */
export interface MaxNorm {
  name: string;
  unitAxis: number;
  limit: number;
}

const none: ReadonlyMap<string, BoundTensor> = new Map();

/** A session that holds the tensors of the arena to their norms whenever it runs; undefined where there are none. */
export async function constraintSession(
  device: Device,
  parameters: Arena,
  held: readonly MaxNorm[],
): Promise<{ run(): Promise<void>; session: Session } | undefined> {
  if (held.length === 0) return undefined;
  const placed = await device.place(parameters);
  const shapes = new Map(parameters.entries.map(({ name, shape }) => [name, shape]));
  const [inputs, outputs] = [new Map<string, BoundTensor>(), new Map<string, BoundTensor>()];
  const graph = new Graph();
  const b = new Builder(graph);
  for (const [i, { name, unitAxis, limit }] of held.entries()) {
    const w = b.input(`w${i}`, 'float32', shapes.get(name)!);
    const incoming = b.shape(w).flatMap((_, axis) => (axis === unitAxis ? [] : [axis]));
    const norm = sqrt(b, b.op('ReduceSumSquare', [w, b.ints(incoming)], { keepdims: 1 }));
    const kept = b.op('Min', [norm, b.scalar('float32', limit)]);
    b.output(`${w}/new`, mul(b, w, div(b, kept, add(b, norm, 1e-7))));
    inputs.set(w, placed.tensor(name));
    outputs.set(`${w}/new`, placed.tensor(name));
  }
  const session = await device.createSession({ model: encodeGraph(graph), bound: { inputs, outputs } });
  return { run: () => session.run(none, none), session };
}
