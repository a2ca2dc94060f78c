// Before differentiation: layers in the usual forms become input products and one fused recurrence for each direction,
// for devices with its kernel. Other forms (peepholes, clipping, coupled gates, rare activations, a reset before the
// product) stay, and are written out where gradients are wanted (autodiff/rules/recurrent.ts).

import type { Builder } from '../../onnx/builder.js';
import { operatorKey } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { type Recurrent, recurrentOf } from '../../onnx/shapes/recurrent.js';
import { spellOut } from '../../onnx/spell-out.js';
import { type Cell, type CellOutputs, layer } from './layer.js';

const layers = new Set(['LSTM', 'GRU', 'RNN']);

/** Rewrites the builder's static graph in place. */
export function fuseRecurrent(b: Builder, kernels: ReadonlySet<string>): void {
  const { nodes } = b.graph;
  if (!nodes.some((node) => layers.has(operatorKey(node)) && kernels.has(`ortune.${node.op}`))) return;
  b.graph.nodes = [];
  for (const node of nodes) {
    const fits =
      layers.has(operatorKey(node)) &&
      kernels.has(`ortune.${node.op}`) &&
      b.type(node.inputs[0]!).dtype === 'float32' &&
      !node.inputs[7] &&
      isUsual(recurrentOf(new TypeContext(b.graph, node)));
    if (!fits || !spellOut(b, node, () => layer(b, node, fused))) b.graph.nodes.push(node);
  }
}

const usual = { LSTM: ['Sigmoid,Tanh,Tanh'], GRU: ['Sigmoid,Tanh'], RNN: ['Tanh', 'Relu'] };

function isUsual({ kind, clip, coupled, resetAfter, directions }: Recurrent): boolean {
  const named = new Set(directions.map(({ activations }) => activations.map(({ name }) => name).join()));
  return (
    clip === undefined && !coupled && (kind !== 'GRU' || resetAfter) && [...named].every((n) => usual[kind].includes(n))
  );
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
