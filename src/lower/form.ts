// What spells an operator out in others: a function that appends nodes in the node's place.

import type { Builder } from '../onnx/builder.js';
import type { Node, Value } from '../onnx/graph.js';

/** Emits the node's outputs in order; '' for one the node does not name. */
export type Definition = (b: Builder, node: Node) => Value[];

/** A definition that may leave a node as it is. */
export type Form = (b: Builder, node: Node) => Value[] | undefined;
