// The output of a saved file that holds its answers, and whether these are logits: an export may end in a Softmax or a
// Sigmoid, and what it gives are probabilities already.

import { ModelError } from '../errors.js';
import { isFloat } from '../onnx/dtype.js';
import { attrInt, type Graph, type Node, type Value, type ValueInfo } from '../onnx/graph.js';
import { quote } from '../quote.js';
import type { Activation, MainOutput } from '../tasks/task.js';

/**
 * The float output named logits; else the only one; else the only one with as many columns as there are labels.
 * @throws ModelError where that decides nothing, with the outputs there are
 */
export function mainOutput(path: string, graph: Graph, labels: readonly string[]): MainOutput {
  const floats = graph.outputs.filter(({ dtype }) => isFloat(dtype));
  const fitting = floats.filter(({ shape }) => labels.length > 0 && shape?.at(-1) === labels.length);
  const found =
    floats.find(({ name }) => name === 'logits') ??
    (floats.length === 1 ? floats[0] : fitting.length === 1 ? fitting[0] : undefined);
  if (!found) throw unclear(path, graph.outputs, labels);
  const { name, dtype, shape } = found;
  return { name, dtype, shape, activation: activationOf(graph, name, shape?.length) };
}

function unclear(path: string, outputs: readonly ValueInfo[], labels: readonly string[]): ModelError {
  const list = outputs.map(
    ({ name, dtype, shape }) => `${quote(name)} ${dtype}[${shape?.map((d) => d ?? '?') ?? '…'}]`,
  );
  const none = outputs.every(({ dtype }) => !isFloat(dtype));
  return new ModelError(
    `${path}: ${none ? 'no output is a float, so none holds logits' : 'which output holds the logits is not clear'}: ${list.join(', ')}. ` +
      `Expected one float output, one named logits, or one with a column for each label${labels.length > 0 ? ` (${labels.length})` : ' of config.json (id2label)'}.`,
  );
}

const passing = new Set(['Identity', 'Cast', 'Reshape', 'Squeeze', 'Flatten']);

/** What the file ends in on the way to the value, behind what only renames, casts or reshapes. */
function activationOf(graph: Graph, output: Value, rank: number | undefined): Activation | undefined {
  const producers = graph.producers();
  let node: Node | undefined = producers.get(output);
  while (node && passing.has(node.op)) node = producers.get(node.inputs[0]!);
  if (node?.op === 'Sigmoid') return 'Sigmoid';
  if (node?.op !== 'Softmax' && node?.op !== 'LogSoftmax') return undefined;
  const axis = attrInt(node, 'axis', -1);
  return axis === -1 || axis === (rank ?? axis + 1) - 1 ? node.op : undefined;
}
