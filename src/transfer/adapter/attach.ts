// Gives an opened model an adapter: which layers get one, the tensors that it begins with, and what is trained then:
// the adapter and the modules that are saved beside it, everything else being frozen.

import { UsageError } from '../../errors.js';
import type { Graph } from '../../onnx/graph.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import { quote } from '../../quote.js';
import { normals, uniform } from '../../random.js';
import type { ModelConfig } from '../config.js';
import type { Parameter, ParameterChoice } from '../parameters.js';
import { anyPattern } from '../patterns.js';
import { familyOf } from './families.js';
import { type Adapted, insertAdapters } from './insert.js';
import { outputNorms } from './merge.js';
import { type Module, modulesOf } from './modules.js';
import { type AdapterOptions, type AdapterShape, scalingOf } from './options.js';
import { readAdapter, type StoredAdapter } from './peft.js';
import { type IsTurned, layersOf, takeSaved, turnedIn } from './stored.js';

export interface Attached {
  /** With the adapter's tensors, and the modules that are saved, as what is trained. */
  choice: ParameterChoice;
  adapters: readonly Adapted[];
  /** The parameters that are trained as they are. */
  saved: readonly Parameter[];
  /** Nodes whose first input has dropout while training. */
  readers: readonly string[];
  shape: AdapterShape;
  turned: IsTurned;
  notes: string[];
}

export interface AttachOptions {
  options: AdapterOptions;
  config: ModelConfig;
  seed: number;
  /** Whether the head is the task's own, and not a language model's. */
  ownHead: boolean;
}

/**
 * Puts the adapter into the graph, in place. A new one adds nothing yet: of each pair of matrices one is 0.
 * @throws UsageError for patterns that match nothing, and a model without a layer that could have one
 */
export function attachAdapter(
  graph: Graph,
  choice: ParameterChoice,
  { options, config, seed, ownHead }: AttachOptions,
): Attached {
  const parameters = [...choice.trainable, ...choice.frozen];
  const all = modulesOf(graph, parameters, config);
  const stored = options.from === undefined ? undefined : readAdapter(options.from);
  const turned = turnedIn(all, config);
  if (stored) return attachStored(graph, choice, { stored, all, turned, config });
  const wanted = options.modulesToSave ?? (ownHead && parameters.some(({ head }) => head) ? ['head'] : []);
  const isSaved = anyPattern('modulesToSave', wanted, parameters);
  const saved = parameters.filter(isSaved);
  const sources = new Set(saved.map(({ name }) => name));
  const left = all.filter(({ source }) => !sources.has(source));
  const { modules, note } = chosen(left, options.targets, config);
  const scaling = scalingOf(options);
  const adapters = modules.map((module, i) => {
    const { a, b } = firstTensors(module, options.rank, seed, i);
    const names = tensorNames(module, options.dora);
    graph.initializers.set(names.a, a);
    graph.initializers.set(names.b, b);
    if (!options.dora) return { module, ...names, scaling };
    const norms = outputNorms(graph.initializers.get(module.source)!.data() as Float32Array, module);
    graph.initializers.set(names.magnitude!, Tensor.view('float32', [module.outputs], Float32Array.from(norms)));
    return { module, ...names, scaling };
  });
  const attached = insert(graph, choice, adapters, saved);
  const notes = [...notesOf(options, attached, parameters), ...(note === undefined ? [] : [note])];
  return { ...attached, shape: options, turned, notes };
}

/** The adapter of a directory, with the parameters that it has values for. */
function attachStored(
  graph: Graph,
  choice: ParameterChoice,
  {
    stored,
    all,
    turned,
    config,
  }: Pick<Attached, 'turned'> & { stored: StoredAdapter; all: readonly Module[]; config: ModelConfig },
): Attached {
  const parameters = [...choice.trainable, ...choice.frozen];
  const saved = takeSaved(graph, stored, parameters, turned, config);
  const adapters = layersOf(stored, all, config).map(({ module, layer }) => {
    const names = tensorNames(module, stored.dora);
    if (layer.magnitude) graph.initializers.set(names.magnitude!, layer.magnitude);
    graph.initializers.set(names.a, layer.a);
    graph.initializers.set(names.b, layer.b);
    return { module, ...names, scaling: layer.scaling };
  });
  const attached = insert(graph, choice, adapters, saved);
  return { ...attached, shape: stored, turned, notes: notesOf(stored, attached, parameters) };
}

function insert(
  graph: Graph,
  choice: ParameterChoice,
  adapters: readonly Adapted[],
  saved: readonly Parameter[],
): Pick<Attached, 'choice' | 'adapters' | 'saved' | 'readers'> {
  const other = adapters.find(({ module, magnitude }) => magnitude !== undefined && !canScale(module));
  if (other)
    throw new UsageError(
      `DoRA is for linear layers of floats that are no part of a packed projection, and ${other.module.alias} is none: choose other loraTargets, or lora`,
    );
  const readers = insertAdapters(graph, adapters);
  const own = adapters
    .flatMap(({ a, b, magnitude }) => [a, b, ...(magnitude === undefined ? [] : [magnitude])])
    .map((name) => parameterOf(graph, name));
  const frozen = [...choice.trainable, ...choice.frozen].filter((parameter) => !saved.includes(parameter));
  return { choice: { ...choice, trainable: [...saved, ...own], frozen }, adapters, saved, readers };
}

/** As PEFT names them, behind the layer's path. */
export function tensorNames({ alias, kind }: Module, dora: boolean): Pick<Adapted, 'a' | 'b' | 'magnitude'> {
  const name = (of: string): string =>
    kind === 'embedding' ? `${alias}.lora_embedding_${of}` : `${alias}.lora_${of}.weight`;
  return { a: name('A'), b: name('B'), ...(dora && { magnitude: `${alias}.lora_magnitude_vector` }) };
}

/** The layers that the patterns mean. */
function chosen(
  modules: readonly Module[],
  targets: readonly string[],
  config: ModelConfig,
): { modules: Module[]; note?: string | undefined } {
  const linear = modules.filter(({ kind, head }) => kind === 'linear' && !head);
  const known = familyOf(config.model_type).targets;
  const family = known && linear.filter(({ name }) => known.includes(name));
  const words: Readonly<Record<string, Module[]>> = { 'all-linear': linear, default: family?.length ? family : linear };
  // As in PEFT, several last parts of a path mean a layer too.
  const patterns = targets
    .filter((target) => !(target in words))
    .map((target) => (/^[\w-]+(\.[\w-]+)+$/.test(target) ? `{${target},*.${target}}` : target));
  const matches = anyPattern('loraTargets', patterns, modules);
  const asked = new Set(targets.flatMap((target) => words[target] ?? []));
  const found = modules.filter((module) => asked.has(module) || (patterns.length > 0 && matches(module)));
  if (found.length === 0)
    throw new UsageError(
      `loraTargets: the model has no layer for ${targets.map((target) => quote(target)).join(', ')}. ` +
        (modules.length > 0
          ? `Its layers are like ${modules
              .slice(0, 5)
              .map(({ alias }) => alias)
              .join(', ')}`
          : 'It has no linear layer, table or convolution with a weight of its own'),
    );
  const note =
    targets.includes('default') && !family?.length
      ? `no layers are known where ${config.model_type ?? 'a model without model_type'} has adapters: they stand at all linear ones (loraTargets)`
      : undefined;
  return { modules: found, note };
}

/** Drawn from the seed and the layer's place: PEFT's distributions. */
function firstTensors(
  { kind, inputs, outputs, kernel }: Module,
  rank: number,
  seed: number,
  i: number,
): { a: Tensor; b: Tensor } {
  const float = (shape: readonly number[], at?: (i: number) => number): Tensor =>
    Tensor.view(
      'float32',
      shape,
      Float32Array.from({ length: elementCount(shape) }, (_, i) => at?.(i) ?? 0),
    );
  const stream = 0x10_0000 + i;
  if (kind === 'embedding')
    return {
      a: float([rank, inputs]),
      b: Tensor.view('float32', [outputs, rank], normals(seed, stream, outputs * rank)),
    };
  const bound = 1 / Math.sqrt(inputs * elementCount(kernel));
  const a = float([rank, inputs, ...kernel], (i) => bound * (2 * uniform(seed, stream, i) - 1));
  return { a, b: float([outputs, rank, ...kernel.map(() => 1)]) };
}

/** Whether DoRA may stand at a layer. */
const canScale = ({ kind, stored, packed }: Module): boolean => kind === 'linear' && !stored && !packed;

function parameterOf(graph: Graph, name: string): Parameter {
  const { shape, dtype } = graph.initializers.get(name)!;
  const kind = shape.length > 1 ? 'matrix' : 'scale';
  return { name, alias: name, head: false, shape, dtype, kind, copies: [], derived: [] };
}

function notesOf(
  { rank, alpha, dora }: AdapterShape,
  { choice, adapters, saved }: Pick<Attached, 'choice' | 'adapters' | 'saved'>,
  all: readonly Parameter[],
): string[] {
  const elements = (of: readonly Parameter[]): number => of.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const beside = saved.length > 0 ? `, and ${elements(saved)} of ${saved.map(({ alias }) => alias).join(', ')}` : '';
  const own = elements(choice.trainable) - elements(saved);
  const stored = adapters.filter(({ module }) => module.stored).length;
  const floats = `${stored} layers with an adapter are stored as rounded numbers, and are floats in the saved model; saveAdapter leaves the file as it is`;
  return [
    `${dora ? 'DoRA' : 'LoRA'} of rank ${rank} and alpha ${alpha} at ${adapters.length} layers: ${own} numbers train${beside}; ` +
      `the model's other ${elements(all) - elements(saved)} stay`,
    ...(stored > 0 ? [floats] : []),
  ];
}
