// Operators of a file that ortune cannot follow: those with neither a rule for their output types nor a definition in
// standard operators, and of which specialisation leaves something.

import { ModelError } from '../errors.js';
import { quote, shown } from '../quote.js';
import { definedOperators } from './defined/table.js';
import { type Graph, type Node, operatorKey } from './graph.js';
import { hasTypeRule } from './shapes.js';
import { isOfSequences } from './specialize/sequences.js';

const mostListed = 50;

const isKnown = (node: Node): boolean =>
  hasTypeRule(node) || definedOperators.has(operatorKey(node)) || node.construct !== undefined || isOfSequences(node);

/** The nodes that nothing is known of; what stands in a sub-graph may never run. */
export const unknownOperators = (graph: Graph): Node[] => graph.nodes.filter((node) => !node.block && !isKnown(node));

/** @throws ModelError that names every node whose operator is not known */
export function refuseUnknownOperators(graph: Graph): void {
  const unknown = unknownOperators(graph);
  if (unknown.length === 0) return;
  const lines = unknown.slice(0, mostListed).map((node) => `  ${shown(operatorKey(node))} (node ${quote(node.name)})`);
  if (unknown.length > mostListed) lines.push(`  and ${unknown.length - mostListed} more`);
  throw new ModelError(
    `${unknown.length === 1 ? 'an operator is' : `${unknown.length} operators are`} not supported:\n${lines.join('\n')}\n` +
      'Export the model with other operators in their place.',
  );
}
