// Before differentiation: a layer's MatMul and Add become one Gemm over all rows, so that its forward pass and both of
// its gradients are single matrix products; and views of views and transposes of transposes become one. What stays a
// MatMul (attention, layers without a bias) is left to the gradient rules.

import type { Builder } from '../onnx/builder.js';
import { forgetViews, indices, rows, transpose, view } from '../onnx/formulas.js';
import { attrInts, type Graph, type Node, type Value } from '../onnx/graph.js';
import { isReshape } from '../onnx/specialize/simplify.js';
import { elementCount } from '../onnx/tensor.js';

/** A MatMul by a matrix whose only reader adds a bias per column. */
interface Linear {
  matmul: Node;
  add: Node;
  bias: Value;
}

/**
 * Rewrites the builder's static graph in place. x[…, C] · W[C, D] + bias[D] becomes Gemm(x[rows, C], W, bias) between
 * two views; a W that is a transposed matrix is read by transB. Graph inputs and outputs keep their names; nodes that
 * nobody reads any more are left to `prune`.
 */
export function lowerLinear(b: Builder): void {
  const { graph } = b;
  forgetViews(b);
  const linears = findLinears(graph);
  const merged = new Set([...linears.values()].map((linear) => linear.matmul));
  const transposes = new Map<Value, { source: Value; perm: readonly number[] }>();
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const renamed = new Map<Value, Value>();
  const nodes = graph.nodes;
  graph.nodes = [];
  for (const node of nodes) {
    node.inputs = node.inputs.map((x) => renamed.get(x) ?? x);
    if (merged.has(node)) continue;
    const linear = linears.get(node);
    const y = node.outputs[0]!;
    const value = linear
      ? emitGemm(b, linear, renamed.get(linear.bias) ?? linear.bias, transposes)
      : (viewOf(b, node) ?? transposeOf(b, node, transposes) ?? byTransposed(b, node, transposes));
    if (value === undefined || value === y) graph.nodes.push(node);
    else if (outputs.has(y)) b.copy(value, y);
    else renamed.set(y, value);
  }
}

/** The layers, by the node that adds the bias. */
function findLinears(graph: Graph): Map<Node, Linear> {
  const producers = graph.producers();
  const consumers = graph.consumers();
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const linears = new Map<Node, Linear>();
  for (const add of graph.nodes) {
    if (add.op !== 'Add' || add.domain) continue;
    for (const side of [0, 1]) {
      const product = add.inputs[side]!;
      const bias = add.inputs[1 - side]!;
      const matmul = producers.get(product);
      if (matmul?.op !== 'MatMul' || matmul.domain || outputs.has(product)) continue;
      if (consumers.get(product)?.length !== 1 || bias === product) continue;
      if (!isLayer(graph, matmul, bias)) continue;
      linears.set(add, { matmul, add, bias });
      break;
    }
  }
  return linears;
}

function isLayer(graph: Graph, { inputs, outputs }: Node, bias: Value): boolean {
  const [x, w] = [graph.shape(inputs[0]!), graph.shape(inputs[1]!)];
  const b = graph.shape(bias);
  const columns = w[1];
  const perColumn = b.at(-1) === columns && elementCount(b) === columns && b.length <= graph.shape(outputs[0]!).length;
  return x.length >= 2 && w.length === 2 && perColumn;
}

type Transposes = Map<Value, { source: Value; perm: readonly number[] }>;

function emitGemm(b: Builder, { matmul, add }: Linear, bias: Value, transposes: Transposes): Value {
  const [x, w] = matmul.inputs as [Value, Value];
  const weight = transposes.get(w);
  const columns = b.shape(w)[1]!;
  const inputs = [rows(b, x), weight?.source ?? w, view(b, bias, [columns])];
  const y = b.op('Gemm', inputs, weight ? { transB: 1 } : {}, { name: matmul.name });
  return view(b, y, b.shape(add.outputs[0]!));
}

/** A product with a transposed matrix, which nothing is copied for. */
function byTransposed(b: Builder, node: Node, transposes: Transposes): Value | undefined {
  if (node.domain || node.op !== 'MatMul') return undefined;
  const [x, w] = node.inputs as [Value, Value];
  const weight = transposes.get(w);
  if (weight?.perm.join() !== '1,0' || b.shape(x).length < 2) return undefined;
  const y = b.op('Gemm', [rows(b, x), weight.source], { transB: 1 }, { name: node.name });
  return view(b, y, b.shape(node.outputs[0]!));
}

/** A view reads what its input is a view of. */
function viewOf(b: Builder, node: Node): Value | undefined {
  if (!isReshape(node)) return undefined;
  return view(b, node.inputs[0]!, b.shape(node.outputs[0]!));
}

/** A transpose of a transpose reads the first one's source. Records every transpose kept. */
function transposeOf(b: Builder, node: Node, transposes: Transposes): Value | undefined {
  if (node.domain || node.op !== 'Transpose') return undefined;
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  const perm = attrInts(node, 'perm') ?? indices(b.shape(x).length).reverse();
  const before = transposes.get(x);
  const source = before?.source ?? x;
  const whole = before ? perm.map((p) => before.perm[p]!) : perm;
  const value = before ? transpose(b, source, whole) : y;
  if (value !== source) transposes.set(value, { source, perm: whole });
  return value;
}
