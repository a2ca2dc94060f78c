// Brings back the operators that exporters wrote out in parts, so that one fused gradient replaces the chain of its
// parts, and their activations need not be kept. Works on the static graph, in place.
// MatMul and Add of a bias stay as they are: lowering makes them one product.

import { Builder } from '../builder.js';
import { type Graph, prune } from '../graph.js';
import { dropNanGuards, fuseProducts } from './attention.js';
import { restoreGelu } from './gelu.js';
import { restoreLayerNormalization } from './layer-normalization.js';
import { stepsFirst } from './time-major.js';

/**
 * Restores LayerNormalization, Gelu (both kinds), the plain form of attention and of recurrent layers, in place. Types
 * must be static.
 */
export function recognisePatterns(graph: Graph): void {
  const b = new Builder(graph);
  stepsFirst(b);
  restoreLayerNormalization(b);
  restoreGelu(graph);
  dropNanGuards(b);
  fuseProducts(b);
  prune(graph);
}
