// Static types of a node's outputs, from the static types of its inputs and its attributes. One table row per
// operator (files in shapes/); a row says what the ONNX operator reference says about the output's shape, no more.
// Values of tensors are not computed here, only looked up where a constant decides a shape: that is fold.ts's work.

import { ModelError } from '../errors.js';
import { quote, shown } from '../quote.js';
import { OverBudget, typeProblem } from './budget.js';
import type { Graph, Node, StaticType } from './graph.js';
import { guarded } from './guarded.js';
import { batchNormalisation } from './shapes/batch-norm.js';
import { channelsLast } from './shapes/channels-last.js';
import { TypeContext, type TypeRule, type TypeTable } from './shapes/context.js';
import { elementwise } from './shapes/elementwise.js';
import { fourier } from './shapes/fourier.js';
import { further } from './shapes/further.js';
import { microsoft, ortune } from './shapes/fused.js';
import { layout } from './shapes/layout.js';
import { quantisedMicrosoft, quantisedOnnx, quantisedOrtune } from './shapes/quantised.js';
import { recurrences, recurrentLayers } from './shapes/recurrent.js';
import { reduceAndMake } from './shapes/reduce.js';
import { sampled } from './shapes/sampled.js';
import { windows } from './shapes/windows.js';

const domains: Readonly<Record<string, TypeTable>> = {
  '': {
    ...elementwise,
    ...layout,
    ...reduceAndMake,
    ...windows,
    ...fourier,
    ...further,
    ...sampled,
    ...recurrentLayers,
    ...quantisedOnnx,
  },
  'com.microsoft': { ...microsoft, ...quantisedMicrosoft },
  ortune: { ...ortune, ...batchNormalisation, ...channelsLast, ...recurrences, ...quantisedOrtune },
};

/** The operators of a domain whose output types are known. */
export const typedOperators = (domain: string): string[] => Object.keys(domains[domain] ?? {});

function rowOf({ domain, op }: Node): TypeRule | undefined {
  const table = domains[domain];
  return table && Object.hasOwn(table, op) ? table[op] : undefined;
}

/** Whether the types of what a node computes are known from its own operator. */
export const hasTypeRule = (node: Node): boolean => rowOf(node) !== undefined;

/**
 * Static types of the node's outputs, one per entry of `node.outputs` ('' entries too). Integer inputs that decide
 * shapes are read from `graph.initializers`.
 * @throws ModelError for an operator without a row, for inputs that contradict each other, and for a shape that
 * depends on data; it names the operator and the node.
 */
export function inferTypes(graph: Graph, node: Node): StaticType[] {
  const rule = rowOf(node);
  if (!rule)
    throw new ModelError(
      `operator ${shown(node.op)} of domain ${quote(node.domain || 'ai.onnx')} (node ${quote(node.name)}) is not supported; ` +
        'export the model without it',
    );
  const context = new TypeContext(graph, node);
  const types = guarded(node, 'shape', () => rule(context));
  if (types.length < node.outputs.length)
    context.fail(`${node.outputs.length} outputs, but the operator has ${types.length}`);
  const named = types.slice(0, node.outputs.length);
  for (const [i, type] of named.entries()) {
    const wrong = node.outputs[i] ? typeProblem(type, graph.maxBytes) : undefined;
    if (wrong) context.fail(`its output ${i} ${wrong.problem}`, wrong.tooLarge ? OverBudget : undefined);
  }
  return named;
}
