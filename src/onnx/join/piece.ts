// One file on its way into a joined graph: its own graph, and what its values will be called.

import type { Graph, Value } from '../graph.js';
import { toGraph } from '../load.js';
import type { Model } from '../model.js';
import { type FileTensor, fileTensors } from '../save.js';

/** A file of a model, and where its inputs come from. */
export interface ModelPart {
  /** Name of the file, without folder and '.onnx': 'decoder_model'. */
  readonly file: string;
  /**
   * What feeds an input: 'encoder_model/last_hidden_state', an output or an input of a file before this one, or the
   * name under which the batch has it. An input that is left out is the batch's, by its own name; such inputs of
   * several files are one where name and type are equal.
   */
  readonly inputs?: Readonly<Record<string, string>>;
}

/** A file on the way into the joined graph. */
export class Piece {
  readonly graph: Graph;
  readonly tensors: ReadonlyMap<string, FileTensor>;
  /** All its values and tensors. */
  readonly values: ReadonlySet<string>;
  /** What they are called in the joined graph. */
  readonly names = new Map<string, Value>();

  constructor(
    readonly part: ModelPart,
    readonly model: Model,
  ) {
    this.graph = toGraph(model);
    this.tensors = fileTensors(model);
    const { inputs, nodes, initializers } = this.graph;
    const computed = nodes.flatMap(({ outputs }) => outputs.filter((out) => out !== ''));
    this.values = new Set([
      ...inputs.map(({ name }) => name),
      ...computed,
      ...initializers.keys(),
      ...this.tensors.keys(),
    ]);
  }
}
