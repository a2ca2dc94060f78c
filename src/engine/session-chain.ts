// The stock runtime's sessions over the files of a model, one behind the other: what a file gives, a later one is fed.

import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { defaultThreads } from '../environment.js';
import { ModelError } from '../errors.js';
import { convertFloat } from '../onnx/convert.js';
import { type DataType, isFloat } from '../onnx/dtype.js';
import type { Value } from '../onnx/graph.js';
import type { JoinedModel, JoinedPart } from '../onnx/join.js';
import { restingInputs } from '../onnx/load.js';
import { elementCount, Tensor } from '../onnx/tensor.js';
import { quote, shown } from '../quote.js';
import { copyOutside, messageOf } from '../realm.js';
import { reasonIn } from '../runtime/device-errors.js';
import { stockRuntime } from '../runtime/library.js';
import type { TensorView } from '../runtime/session.js';

type Runtime = typeof import('onnxruntime-node');

interface Link {
  part: JoinedPart;
  session: InferenceSession;
  /** Inputs that no batch feeds: the binding requires every one. */
  resting: Readonly<Record<string, OrtTensor>>;
}

/** What batches hold for an input of a model: floats of other widths are made of float32, as in training. */
export const fedType = (dtype: DataType): DataType => (isFloat(dtype) ? 'float32' : dtype);

export class SessionChain {
  readonly #ort: Runtime;
  /** Types of the joined graph's inputs. */
  readonly #types: ReadonlyMap<Value, DataType>;
  readonly #links: readonly Link[];

  private constructor(ort: Runtime, model: JoinedModel, links: readonly Link[]) {
    this.#ort = ort;
    this.#types = new Map(model.graph.inputs.map(({ name, dtype }) => [name, dtype]));
    this.#links = links;
  }

  /** @throws ModelError for a file that the runtime refuses */
  static async open(model: JoinedModel, threads: number | undefined): Promise<SessionChain> {
    // Loading the binding takes a third of a second, which a process that only trains must not wait for.
    const ort = stockRuntime();
    const links: Link[] = [];
    const chain = new SessionChain(ort, model, links);
    // What the runtime logs of an error it also throws; the terminal is for one of them.
    const options = { logSeverityLevel: 4 as const, intraOpNumThreads: threads ?? defaultThreads() };
    for (const part of model.parts) {
      const { path } = part.model;
      try {
        const session = await ort.InferenceSession.create(path, options);
        links.push({
          part,
          session,
          resting: { ...weightsAmong(ort, session, part, model), ...boundInputs(ort, part) },
        });
      } catch (error) {
        await chain.release();
        throw new ModelError(`${path}: onnxruntime refuses the model: ${shown(reasonIn(messageOf(error)))}`);
      }
    }
    return chain;
  }

  /**
   * Values of the joined graph, by their names there.
   * @throws ModelError for an input that is not given, and for what the runtime cannot compute
   */
  async run(inputs: ReadonlyMap<string, TensorView>, wanted: readonly Value[]): Promise<OrtTensor[]> {
    const known = new Map<Value, OrtTensor>();
    for (const [i, { part, session, resting }] of this.#links.entries()) {
      const later = this.#links.slice(i + 1).flatMap((link) => [...link.part.inputs.values()]);
      const needed = new Set([...wanted, ...later]);
      const outputs = [...part.outputs].filter(([, value]) => needed.has(value));
      if (outputs.length === 0) continue;
      const feeds: Record<string, OrtTensor> = { ...resting };
      for (const [name, value] of part.inputs) {
        const tensor = known.get(value) ?? copyOf(this.#ort, inputs, value, this.#types.get(value));
        known.set(value, tensor);
        feeds[name] = tensor;
      }
      const names = outputs.map(([name]) => name);
      const fetched = await session.run(feeds, names, { logSeverityLevel: 4 }).catch((error) => {
        throw cannotCompute(part, feeds, error);
      });
      for (const [name, value] of outputs) known.set(value, fetched[name]!);
    }
    return wanted.map((value) => known.get(value)!);
  }

  async release(): Promise<void> {
    for (const { session } of this.#links) await session.release();
  }
}

/** With the node that could not be computed, as the runtime names it, and what it was given. */
function cannotCompute({ model }: JoinedPart, feeds: Record<string, OrtTensor>, error: unknown): ModelError {
  const given = Object.entries(feeds).map(([name, { type, dims }]) => `${quote(name)} ${type}[${dims.join(', ')}]`);
  return new ModelError(
    `${model.path}: onnxruntime cannot run the model: ${shown(reasonIn(messageOf(error)))}. It was given ${shown(given.join(', '))}. ` +
      'If the file is for inputs of other shapes, export it with dynamic axes or state its shapes.',
  );
}

/** Old exports state their weights among the inputs. */
function weightsAmong(ort: Runtime, session: InferenceSession, part: JoinedPart, model: JoinedModel): Link['resting'] {
  const weights: Record<string, OrtTensor> = {};
  for (const [value, { part: file, name }] of model.tensors) {
    const tensor = model.graph.initializers.get(value);
    if (file !== part.name || !tensor || !session.inputNames.includes(name)) continue;
    weights[name] = new ort.Tensor(tensor.dtype as 'float32', copyOutside(tensor.data() as Float32Array), tensor.shape);
  }
  return weights;
}

/** Inputs that decide which branch runs, and zeros for those that only the other branch reads. */
function boundInputs(ort: Runtime, part: JoinedPart): Link['resting'] {
  const fed: Record<string, OrtTensor> = {};
  for (const { name, dtype, shape, value } of restingInputs(part.model)) {
    const tensor = Tensor.of(dtype, Array<number>(elementCount(shape)).fill(value), shape);
    fed[name] = new ort.Tensor(dtype as 'float32', copyOutside(tensor.data() as Float32Array), shape);
  }
  return fed;
}

// The stock binding takes no shared memory.
function copyOf(
  ort: Runtime,
  inputs: ReadonlyMap<string, TensorView>,
  name: string,
  wanted: DataType | undefined,
): OrtTensor {
  const view = inputs.get(name);
  if (!view) throw new ModelError(`The model needs an input ${quote(name)}, which this task does not feed.`);
  const { dtype, data, shape } = view;
  const isOther = dtype === 'float32' && wanted !== undefined && wanted !== dtype && fedType(wanted) === dtype;
  const fed = isOther ? convertFloat(Tensor.view(dtype, shape, data), wanted).data() : data;
  return new ort.Tensor((isOther ? wanted : dtype) as 'int64', copyOutside(fed as BigInt64Array), [...shape]);
}
