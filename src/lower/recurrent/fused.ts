// Before differentiation: layers in the usual forms become input products and one fused recurrence for each direction,
// for devices with its kernel. Other forms (peepholes, clipping, coupled gates, rare activations, a reset before the
// product) stay, and are written out where gradients are wanted (autodiff/rules/recurrent.ts).

import type { Builder } from '../../onnx/builder.js';
import { attrInt, type Graph, type Node, operatorKey } from '../../onnx/graph.js';
import { spellOut } from '../../onnx/spell-out.js';
import { quote } from '../../quote.js';
import { type Cell, type CellOutputs, layer } from './layer.js';

const layers = new Set(['LSTM', 'GRU', 'RNN']);
const isLayer = (node: Node): boolean => layers.has(operatorKey(node));

/** Rewrites the builder's static graph in place. */
export function fuseRecurrent(b: Builder, kernels: ReadonlySet<string>): void {
  const { nodes } = b.graph;
  const fits = (node: Node): boolean =>
    isLayer(node) &&
    kernels.has(`ortune.${node.op}`) &&
    b.type(node.inputs[0]!).dtype === 'float32' &&
    unusual(node) === undefined;
  if (!nodes.some(fits)) return;
  b.graph.nodes = [];
  for (const node of nodes)
    if (!fits(node) || !spellOut(b, node, () => layer(b, node, fused))) b.graph.nodes.push(node);
}

/** What to say of the layers of a loaded graph whose form no device has a kernel for. */
export const recurrentNotes = (graph: Graph): string[] =>
  graph.nodes.filter(isLayer).flatMap((node) => {
    const why = unusual(node);
    return why === undefined
      ? []
      : [
          `node ${quote(node.name)} (${node.op}) has ${why}, which no kernel computes: training writes its steps out one ` +
            'by one, which takes time and memory where there are many',
        ];
  });

const usual: Readonly<Record<string, readonly string[]>> = {
  LSTM: ['sigmoid,tanh,tanh'],
  GRU: ['sigmoid,tanh'],
  RNN: ['tanh', 'relu'],
};

/** What of a layer no kernel computes, by its attributes and inputs alone. */
function unusual(node: Node): string | undefined {
  if (node.inputs[7]) return 'peepholes';
  if (node.attrs.has('clip')) return 'a bound on its gates (clip)';
  if (attrInt(node, 'input_forget', 0) !== 0) return 'coupled gates (input_forget)';
  if (node.op === 'GRU' && attrInt(node, 'linear_before_reset', 0) === 0)
    return 'its reset before the product (linear_before_reset 0)';
  const names = ((node.attrs.get('activations')?.value ?? []) as readonly string[]).map((name) => name.toLowerCase());
  const count = usual[node.op]![0]!.split(',').length;
  for (let i = 0; i < names.length; i += count)
    if (!usual[node.op]!.includes(names.slice(i, i + count).join()))
      return `the activations ${names.slice(i, i + count)}`;
  return undefined;
}

function fused(b: Builder, cell: Cell): CellOutputs {
  const { kind, steps } = cell.layer;
  const [all, h, c] = b.ops(
    kind,
    [
      ...[cell.products, cell.recurrence, cell.lengths ?? '', cell.h0 ?? ''],
      (kind === 'GRU' ? cell.resetBias : cell.c0) ?? '',
    ],
    {
      steps,
      ...(cell.reverse && { reverse: 1 }),
      ...(cell.activations[0]!.name === 'Relu' && { relu: 1 }),
    },
    { domain: 'ortune', outputs: kind === 'LSTM' ? 3 : 2 },
  ) as [string, string, string?];
  return { all, h, ...(c !== undefined && { c }) };
}
