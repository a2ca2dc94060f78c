// Gradient accumulation: the sum over the micro-batches of one optimizer step, in an arena of its own. Two graphs of one
// node each, run by the device like everything else that touches an arena: the first micro-batch is copied, so that
// nothing needs zeroing, and the others are added in place.

import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { Graph } from '../onnx/graph.js';
import type { Arena } from '../runtime/arena.js';
import type { Device, Session } from '../runtime/session.js';

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

  /** `gradients`: the arena that each micro-batch writes. */
  static async create(device: Device, gradients: Arena): Promise<Accumulator> {
    const total = gradients.like();
    const outputs = new Map([['sum', total.whole()]]);
    const copy = await device.createSession({
      model: sumGraph(['gradients'], gradients.data.length),
      bound: { inputs: new Map([['gradients', gradients.whole()]]), outputs },
    });
    // Reads and writes the same memory, element by element.
    const add = await device.createSession({
      model: sumGraph(['total', 'gradients'], gradients.data.length),
      bound: {
        inputs: new Map([
          ['total', total.whole()],
          ['gradients', gradients.whole()],
        ]),
        outputs,
      },
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

function sumGraph(inputs: readonly string[], length: number): Uint8Array {
  const graph = new Graph();
  for (const name of inputs) {
    graph.inputs.push({ name, dtype: 'float32', shape: [length] });
    graph.types.set(name, { dtype: 'float32', shape: [length] });
  }
  const op = inputs.length === 1 ? 'Identity' : 'Add';
  new Builder(graph).append({ name: 'sum', op, domain: '', inputs: [...inputs], outputs: ['sum'], attrs: new Map() });
  graph.outputs.push({ name: 'sum', dtype: 'float32', shape: [length] });
  return encodeGraph(graph);
}
