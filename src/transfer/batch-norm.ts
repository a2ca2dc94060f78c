// BatchNormalization while training. As in PyTorch, a layer whose scale or bias trains normalises by the mean and
// variance of each batch, and keeps running averages of them for whoever runs the model; one that is frozen keeps the
// averages of the file, since features that nobody adapts should mean the same as before. Layers that an exporter
// folded into convolutions have no statistics any more.

import { type Builder, float } from '../onnx/builder.js';
import { attrFloat, type Graph, type Node, type Value } from '../onnx/graph.js';

/** `batch`: layers that train take the statistics of each batch; `frozen`: all keep those of the file. */
export type BatchNormMode = 'batch' | 'frozen';

/** A running average over batches, per channel. */
export interface Statistic {
  name: Value;
  shape: readonly number[];
  kind: 'mean' | 'variance';
}

export interface Statistics {
  /** Those that training updates. */
  updated: Statistic[];
  /** Those that stay as they are. */
  kept: Statistic[];
  /** For people: what is done, and why. */
  notes: string[];
}

const layersOf = (graph: Graph): Node[] =>
  graph.nodes.filter(({ op, domain }) => op === 'BatchNormalization' && domain === '');

/** @param trainable names of the parameters that train */
export function chooseStatistics(graph: Graph, trainable: ReadonlySet<string>, mode: BatchNormMode): Statistics {
  const layers = layersOf(graph);
  const held = layers.filter(({ inputs }) =>
    inputs.slice(3).every((x) => graph.initializers.get(x)?.dtype === 'float32'),
  );
  const learning = held.filter(({ inputs }) => inputs.slice(1, 3).some((x) => trainable.has(x)));
  const updating = mode === 'batch' ? learning : [];
  const updated = statisticsOf(graph, updating);
  const names = new Set(updated.map(({ name }) => name));
  const kept = statisticsOf(graph, held).filter(({ name }) => !names.has(name));
  return { updated, kept, notes: notesOf(graph, layers.length, updating.length, mode) };
}

/** Each once, in the order of the graph. */
function statisticsOf(graph: Graph, layers: readonly Node[]): Statistic[] {
  const found = layers.flatMap(({ inputs: [, , , mean, variance] }): Statistic[] => [
    { name: mean!, shape: graph.initializers.get(mean!)!.shape, kind: 'mean' },
    { name: variance!, shape: graph.initializers.get(variance!)!.shape, kind: 'variance' },
  ]);
  return [...new Map(found.map((statistic) => [statistic.name, statistic])).values()];
}

/** '2 BatchNormalization layers do', '1 BatchNormalization layer does'. */
const counted = (count: number, verb: string): string =>
  `${count} BatchNormalization ${count === 1 ? `layer ${verb}s` : `layers ${verb}`}`;

function notesOf(graph: Graph, layers: number, updating: number, mode: BatchNormMode): string[] {
  const notes: string[] = [];
  if (updating > 0)
    notes.push(
      `${counted(updating, 'normalise')} by the statistics of each batch while training; the running averages are saved with the model`,
    );
  if (layers > updating)
    notes.push(
      `${counted(layers - updating, 'keep')} the statistics of the file, as ${mode === 'frozen' ? 'batchNorm frozen says' : 'scale and bias do not train'}`,
    );
  const folded = graph.nodes.filter(isFolded).length;
  if (folded > 0)
    notes.push(
      `BatchNormalization seems to be folded into ${folded} of the convolutions, as exporters do in evaluation mode: its statistics stay frozen. ` +
        'To train with those of each batch, export with training=torch.onnx.TrainingMode.TRAINING (dynamo=False), or with optimize=False',
    );
  return notes;
}

/** TorchScript numbers the tensors it computed; the dynamo exporter names a bias it made after the weight. */
const isFolded = ({ op, inputs: [, weight = '', bias = ''] }: Node): boolean =>
  op === 'Conv' && (/(^|\/)onnx::Conv_\d+$/.test(weight) || bias === `${weight}_bias`);

/**
 * Makes ortune.BatchNorm of the layers whose statistics are among `updated`, in place. Layers that share their
 * statistics update them one after the other.
 * @param b over a static graph
 * @returns for each statistic the value that it has after the batch
 */
export function useBatchStatistics(b: Builder, updated: ReadonlySet<Value>): Map<Value, Value> {
  const latest = new Map<Value, Value>();
  const { graph } = b;
  const nodes = graph.nodes;
  graph.nodes = [];
  for (const node of nodes) {
    const [x, scale, bias, mean, variance] = node.inputs as [Value, Value, Value, Value, Value];
    if (node.op !== 'BatchNormalization' || node.domain || !updated.has(mean)) {
      graph.nodes.push(node);
      continue;
    }
    const after = [mean, variance].map((name) => b.unique(`${name}.updated`)) as [Value, Value];
    const before = [mean, variance].map((name) => latest.get(name) ?? name);
    b.append({
      ...node,
      op: 'BatchNorm',
      domain: 'ortune',
      inputs: [x, scale, bias, ...before],
      outputs: [node.outputs[0]!, '', '', ...after],
      attrs: new Map([
        ['epsilon', float(attrFloat(node, 'epsilon', 1e-5))],
        ['momentum', float(attrFloat(node, 'momentum', 0.9))],
      ]),
    });
    latest.set(mean, after[0]).set(variance, after[1]);
  }
  return latest;
}
