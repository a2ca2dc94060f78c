// Gradient accumulation: the sum over the micro-batches of one optimizer step, in an arena of its own. Two graphs, run
// by the device like everything else that touches an arena: the first micro-batch is copied, so that nothing needs
// zeroing, and the others are added in place.

import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { Graph } from '../onnx/graph.js';
import type { Arena } from '../runtime/arena.js';
import type { BoundTensor, Device, Session } from '../runtime/session.js';

export class Accumulator {
  /** The sum so far, laid out like the gradients. */
  readonly total: Arena;
  readonly #copy: Session;
  readonly #add: Session;

  private constructor(total: Arena, copy: Session, add: Session) {
    this.total = total;
    this.#copy = copy;
    this.#add = add;
  }

  /** `gradients`: the arena that each micro-batch writes, `names` of whose tensors (default all) are added up. */
  static async create(device: Device, gradients: Arena, names?: readonly string[]): Promise<Accumulator> {
    const total = gradients.like();
    const parts = device.ownMemory ? await buffers(device, gradients, total, names) : wholes(gradients, total);
    const bind = (...lists: (keyof Part)[]) =>
      new Map(parts.flatMap((part, i) => lists.map((list) => [`${list}${i}`, part[list]] as const)));
    const outputs = new Map(parts.map((part, i) => [`sum${i}`, part.total]));
    const shapes = parts.map((part) => part.total.shape);
    const copy = await device.createSession({
      model: sumGraph(['gradients'], shapes, device),
      bound: { inputs: bind('gradients'), outputs },
    });
    // Reads and writes the same memory, element by element.
    const add = await device.createSession({
      model: sumGraph(['total', 'gradients'], shapes, device),
      bound: { inputs: bind('total', 'gradients'), outputs },
    });
    return new Accumulator(total, copy, add);
  }

  /** Takes in the gradients of one micro-batch; the `first` of a step replaces what is there. */
  add(first: boolean): Promise<void> {
    return (first ? this.#copy : this.#add).run(new Map(), new Map());
  }

  async release(): Promise<void> {
    await this.#copy.release();
    await this.#add.release();
  }
}

/** What is added to what. */
interface Part {
  gradients: BoundTensor;
  total: BoundTensor;
}

const wholes = (gradients: Arena, total: Arena): Part[] => [{ gradients: gradients.whole(), total: total.whole() }];

/** A part for each tensor, since buffers of devices take no offsets. */
async function buffers(
  device: Device,
  gradients: Arena,
  total: Arena,
  names: readonly string[] = gradients.entries.map(({ name }) => name),
): Promise<Part[]> {
  const [from, to] = [await device.place(gradients, names), await device.place(total, names)];
  return names.map((name) => ({ gradients: from.tensor(name), total: to.tensor(name) }));
}

/** sum0 = gradients0 or total0 + gradients0, sum1 = … */
function sumGraph(
  inputs: readonly (keyof Part)[],
  shapes: readonly (readonly number[])[],
  { ownMemory }: Device,
): Uint8Array {
  const graph = new Graph();
  const b = new Builder(graph);
  for (const [i, shape] of shapes.entries()) {
    const from = inputs.map((name) => b.input(`${name}${i}`, 'float32', shape));
    const sum = `sum${i}`;
    if (from.length === 1) b.output(sum, from[0]);
    else if (ownMemory)
      b.output(sum, b.op('Add', from)); // its operators may not write what they read
    else {
      b.append({ name: sum, op: 'Add', inputs: from, outputs: [sum] });
      b.output(sum);
    }
  }
  return encodeGraph(graph);
}
