// The gradient check of a whole model file: inputs are drawn at random, the training forms are restored as in training,
// and the check of autodiff/ runs on the device with its fused kernels, so that what is checked is what trains.

import { checkHooks, checkOptions, resolvingKeys } from '../arguments.js';
import { compareGradients } from '../check/against.js';
import { type GradcheckResult as Checked, gradcheck, type Runnable, summary } from '../check/gradcheck.js';
import { scaleOf } from '../check/measure.js';
import { parseOptions } from '../config/options.js';
import { type GradcheckConfig, type GradcheckOptions, gradcheckSchema } from '../config/schema.js';
import { ModelError, OrtuneError, UsageError } from '../errors.js';
import { fuse } from '../lower/fuse.js';
import { type ModelArgument, withModel } from '../models/given-model.js';
import type { ResolveOptions } from '../models/hub.js';
import { checkInputType } from '../onnx/budget.js';
import { Builder } from '../onnx/builder.js';
import { cacheAxis, isCache } from '../onnx/cache-inputs.js';
import { type DataType, isFloat } from '../onnx/dtype.js';
import { encodeGraph } from '../onnx/encode.js';
import { type Graph, prune, type ValueInfo } from '../onnx/graph.js';
import { openFiles } from '../onnx/join.js';
import { toGraph } from '../onnx/load.js';
import type { Model } from '../onnx/model.js';
import { judgeGraph } from '../onnx/nominal.js';
import { recognisePatterns } from '../onnx/restore/restore.js';
import { specialize } from '../onnx/specialize.js';
import { elementCount, Tensor } from '../onnx/tensor.js';
import { normals, uniform } from '../random.js';
import { sharedTensor } from '../runtime/arena.js';
import { reasonIn } from '../runtime/device-errors.js';
import { type Device, openDevice, type TensorView } from '../runtime/session.js';
import { chooseStatistics, useBatchStatistics } from '../transfer/batch-norm.js';
import { chooseParameters } from '../transfer/parameters.js';
import { checkProjections, readGradients } from './given-gradients.js';

export interface GradcheckResult extends Checked {
  /** With the option `against`: what its file holds that is no gradient, input or projection of this model. */
  unknown?: string[];
}

interface InputSpec {
  name: string;
  shape: number[];
  dtype?: DataType;
  range?: [low: number, high: number];
}

const form = 'NAME=1x3x32x320[:float32|int64][:LOW..HIGH]';

/** Reads an --input specification. @throws UsageError for another form */
export function parseInput(text: string): InputSpec {
  const at = text.lastIndexOf('=');
  const [dims = '', ...rest] = text.slice(at + 1).split(':');
  const shape = dims === '' ? [] : dims.split('x').map(Number);
  const spec: InputSpec = { name: text.slice(0, at), shape };
  const wrong = (what: string) => new UsageError(`input '${text}': ${what}; an input is given as ${form}`);
  if (at < 1) throw wrong('there is no NAME=');
  // A cache of nothing has no elements.
  const least = isCache(spec.name) ? 0 : 1;
  if (shape.some((d, axis) => !Number.isSafeInteger(d) || d < (axis > 0 ? least : 1)))
    throw wrong(`'${dims}' is no shape of whole numbers above 0`);
  for (const part of rest) {
    const range = part.match(/^(-?[\d.]+)\.\.(-?[\d.]+)$/);
    if (range) {
      spec.range = [Number(range[1]), Number(range[2])];
      if (!(spec.range[0] <= spec.range[1])) throw wrong(`'${part}' is no range from low to high`);
    } else if (/^(float(16|32|64)|bfloat16|u?int(8|16|32|64)|bool)$/.test(part)) spec.dtype = part as DataType;
    else throw wrong(`'${part}' is neither a type nor a range`);
  }
  return spec;
}

/**
 * Compares the derived gradient of every trainable parameter of a model with a central difference, or with the
 * gradients of a file (`against`). What cannot be measured neither passes nor fails, and has its reason. Inputs without
 * a specification get batch 2 and length 8 for dimensions the file leaves open, length 0 for a cache, row numbers for
 * look-ups in a weight, 0 or 1 for other integers, and -1 to 1 for floats.
 * @throws UsageError for an input the model does not have; ModelError for operators without a rule
 */
export async function gradcheckModel(
  path: ModelArgument,
  options: GradcheckOptions = {},
  resolving: ResolveOptions = {},
): Promise<GradcheckResult> {
  checkOptions(options, 'gradcheckModel: options');
  checkHooks(resolving, 'gradcheckModel', resolvingKeys);
  const config = parseOptions(gradcheckSchema, options);
  const { maxDownloadBytes } = config;
  return withModel(path, 'gradcheckModel: path', { ...resolving, maxDownloadBytes }, (place) => check(place, config));
}

async function check(path: string, config: GradcheckConfig): Promise<GradcheckResult> {
  const { input, against, seed, batchNorm, tolerance, threads, maxGraphMemory } = config;
  const [model] = openFiles(path, undefined, config) as [Model];
  const source = toGraph(model);
  const specs = input.map(parseInput);
  if (input.length === 0) judgeGraph(source);
  const parameters = chooseParameters(model, source).trainable;
  const other = parameters.find(({ dtype }) => dtype !== 'float32' && dtype !== 'float64');
  if (other)
    throw new ModelError(
      `${path}: parameter '${other.name}' is ${other.dtype}, too coarse for a difference; check the float32 model it came from`,
    );
  const aliases = new Map(parameters.map(({ name, alias }) => [alias, name]));
  const given = against === undefined ? undefined : readGradients(against, source, aliases);
  const inputs = drawInputs(source, specs, seed, given?.inputs);
  const shapes = Object.fromEntries([...inputs].map(([name, tensor]) => [name, tensor.shape]));
  const trained = new Set(parameters.map(({ name }) => name));
  const statistics = new Set(chooseStatistics(source, trained, batchNorm).updated.map(({ name }) => name));
  const graph = specialize(source, shapes, { trainable: new Set([...trained, ...statistics]) });
  recognisePatterns(graph);
  const device = await openDevice('cpu', threads === undefined ? {} : { threads });
  try {
    const all = parameters.map(({ name }) => name);
    const names = all.filter((name) => graph.initializers.has(name));
    const b = new Builder(graph);
    useBatchStatistics(b, statistics);
    const reference = graph.clone();
    fuse(b, { trained: new Set(names), kernels: device.kernels, gradients: true });
    prune(graph);
    const common = { open: (g: Graph) => runnable(device, g), inputs, tolerance, kernels: device.kernels };
    if (given) checkProjections(against!, graph, given);
    const result = given
      ? await compareGradients(graph, names, { ...common, ...given, inputs, file: against! })
      : await gradcheck(graph, names, {
          ...common,
          further: furtherPoints(
            source,
            specs,
            seed,
            new Map(names.map((name) => [name, graph.initializers.get(name)!])),
          ),
          seed,
          maxGraphMemory,
          reference,
        });
    const unread = all.filter((name) => !graph.initializers.has(name));
    const absent = unread.map((name) => ({ name, relativeError: Number.NaN, notMeasurable: unreadReason }));
    const whole = summary([...result.parameters, ...absent], tolerance);
    return withAliases(
      { ...whole, ...(given && { unknown: given.unknown }) },
      new Map([...aliases].map(([a, n]) => [n, a])),
    );
  } finally {
    await device.close();
  }
}

const unreadReason = 'for inputs of these shapes no output depends on it';

/**
 * Other points than the first, for what cannot be measured there: other inputs, floats a third as large where no range
 * was asked for, and parameters a little beside their values, which undoes ties; then these a third as large too, which
 * brings saturated activations back.
 */
function furtherPoints(
  graph: Graph,
  specs: readonly InputSpec[],
  seed: number,
  parameters: ReadonlyMap<string, Tensor>,
): (() => Map<string, Tensor>)[] {
  return [1, 1 / 3].map((scale, point) => () => {
    const drawn = drawInputs(graph, specs, seed + 1 + point);
    for (const [name, tensor] of drawn)
      if (isFloat(tensor.dtype) && !specs.some((spec) => spec.name === name && spec.range))
        drawn.set(
          name,
          changed(tensor, (v) => v / 3),
        );
    const moved = [...parameters].map(([name, tensor], stream): [string, Tensor] => {
      const noise = normals(seed + 1 + point, -1001 - stream, tensor.size, 0.02 * scaleOf(tensor));
      return [name, changed(tensor, (v, i) => scale * (v + noise[i]!))];
    });
    return new Map([...drawn, ...moved]);
  });
}

const changed = (tensor: Tensor, change: (v: number, i: number) => number): Tensor =>
  Tensor.of(tensor.dtype, Array.from(tensor.numbers(), change), tensor.shape);

function withAliases(result: GradcheckResult, aliases: ReadonlyMap<string, string>): GradcheckResult {
  const readable = (name: string): string => aliases.get(name) ?? name;
  const { worst } = result;
  return {
    ...result,
    worst: worst && { ...worst, parameter: readable(worst.parameter) },
    parameters: result.parameters.map((p) => ({ ...p, name: readable(p.name) })),
  };
}

/** Inputs at random, but for those that are `given`. */
function drawInputs(
  graph: Graph,
  specs: readonly InputSpec[],
  seed: number,
  given: ReadonlyMap<string, Tensor> = new Map(),
): Map<string, Tensor> {
  for (const { name } of specs)
    if (!graph.inputs.some((i) => i.name === name))
      throw new UsageError(
        `the model has no input '${name}'; its inputs are ${graph.inputs.map((i) => i.name).join(', ') || 'none'}`,
      );
  return new Map(
    graph.inputs.map((info, stream): [string, Tensor] => {
      const known = given.get(info.name);
      if (known) return [info.name, known];
      const spec = specs.find(({ name }) => name === info.name);
      return [info.name, drawInput(graph, info, spec, (i) => uniform(seed, -1 - stream, i))];
    }),
  );
}

function drawInput(graph: Graph, info: ValueInfo, spec: InputSpec | undefined, random: (i: number) => number): Tensor {
  const { name, dtype } = info;
  // Floats of another width in the file, perhaps, and computed in float32 here.
  const isOther = dtype === 'float32' && spec?.dtype !== undefined && isFloat(spec.dtype);
  if (spec?.dtype && spec.dtype !== dtype && !isOther)
    throw new UsageError(`input '${name}' of the model is ${dtype}, found ${spec.dtype} in its specification`);
  if (!spec && !info.shape)
    throw new UsageError(`the file gives no shape for input '${name}': say it with --input ${name}=… (${form})`);
  const growing = !spec && isCache(name) ? cacheAxis(info.shape!) : -1;
  const size = (axis: number): number => (axis === growing ? 0 : axis === 0 ? 2 : 8);
  const shape = spec?.shape ?? info.shape!.map((d, axis) => (typeof d === 'number' ? d : size(axis)));
  checkInputType(name, { dtype, shape }, graph.maxBytes);
  const [low, high] = spec?.range ?? (isFloat(dtype) ? [-1, 1] : [0, rows(graph, name) - 1]);
  const draw = (i: number): number =>
    isFloat(dtype) ? low + (high - low) * random(i) : Math.floor(low + (high - low + 1) * random(i));
  return Tensor.of(
    dtype,
    Array.from({ length: elementCount(shape) }, (_, i) => draw(i)),
    shape,
  );
}

/** Rows of the smallest weight that the input looks rows up in; 2 when it does not. */
function rows(graph: Graph, input: string): number {
  const tables = graph.nodes
    .filter((node) => node.op === 'Gather' && node.inputs[1] === input)
    .map((node) => graph.initializers.get(node.inputs[0]!)?.shape[0] ?? 2);
  return tables.length === 0 ? 2 : Math.min(...tables);
}

/**
 * A session that takes and gives tensors. Each tensor is copied into shared memory once, however often it is run with.
 */
async function runnable(device: Device, graph: Graph): Promise<Runnable> {
  const session = await device.createSession({ model: encodeGraph(graph) });
  const shared = new WeakMap<Tensor, TensorView>();
  const viewOf = (tensor: Tensor): TensorView => {
    let view = shared.get(tensor);
    if (!view) {
      view = sharedTensor(tensor.dtype, tensor.shape);
      (view.data as Float32Array).set(tensor.data() as Float32Array);
      shared.set(tensor, view);
    }
    return view;
  };
  return {
    run: async (inputs) => {
      const fed = new Map(graph.inputs.map(({ name }) => [name, viewOf(inputs.get(name)!)]));
      const outputs = new Map(
        graph.outputs.map(({ name, dtype, shape }) => [name, sharedTensor(dtype, shape as number[])]),
      );
      await session.run(fed, outputs).catch((error: unknown) => {
        // Its inputs were drawn to fit their declarations: what cannot run is the model, or it wants others.
        if (!(error instanceof OrtuneError)) throw error;
        const why = reasonIn(error.message.replace('a run of the graph failed: ', ''));
        throw new ModelError(
          `the model does not run with such inputs: ${why}. Say which it takes with --input ${form}; if it takes none, the ` +
            'file is damaged.',
          { cause: error },
        );
      });
      return new Map([...outputs].map(([name, { dtype, shape, data }]) => [name, Tensor.view(dtype, shape, data)]));
    },
    release: () => session.release(),
  };
}
