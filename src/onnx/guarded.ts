// The last net under what is worked out from a node of a user's file: rules check what the specification lets vary, and
// a file may hold what no rule thought of. What fails then is the node's shape or gradient, so the message names it.

import { ModelError, OrtuneError } from '../errors.js';
import { quote, shown } from '../quote.js';
import { type Node, operatorKey } from './graph.js';

/** Does `work` on a node. @throws ModelError that names the node where anything but an OrtuneError is thrown */
export function guarded<T>(node: Node, what: 'shape' | 'value' | 'gradient', work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof OrtuneError) throw error;
    throw new ModelError(
      `node ${quote(node.name)} (${shown(operatorKey(node))}): its ${what} cannot be worked out ` +
        `(${shown((error as Error).message)}). The node contradicts its operator's definition, or is a form of it that ` +
        'ortune does not know: export the model with another in its place.',
      { cause: error },
    );
  }
}
