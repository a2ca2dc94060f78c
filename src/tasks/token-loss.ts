// The loss of language models: cross-entropy over the logits of chosen tokens alone. The choice is moved as far forward
// in the graph as it goes (lower/gather-tokens.ts), so that logits of other tokens are never computed.

import { ModelError } from '../errors.js';
import { gatherTokens } from '../lower/gather-tokens.js';
import { inChunks } from '../lower/row-chunks.js';
import type { Builder } from '../onnx/builder.js';
import type { Value } from '../onnx/graph.js';
import { taskInput } from './inputs.js';
import { meanCrossEntropy } from './losses.js';

/** Most logits that are there at once: 64 MiB. */
const usualLogits = 2 ** 24;

/**
 * Adds the mean cross-entropy over `targets` tokens of `logits` [B, T, V]. Its inputs: int64 [targets] under `name`,
 * counting the tokens of the batch row after row, labels int64 and sample_weights float32 of the same length, and
 * normaliser float32 []. A weight of 0 leaves a place out. The logits are computed for no more tokens at once than
 * `mostLogits` numbers hold.
 * @returns the loss, and the likeliest token of each place
 * @throws ModelError when the logits have another rank
 */
export function lossAtTokens(
  b: Builder,
  logits: Value,
  name: string,
  targets: number,
  { mostLogits = usualLogits, labelSmoothing }: { mostLogits?: number | undefined; labelSmoothing?: number } = {},
) {
  const vocabulary = b.shape(logits).at(-1)!;
  const positions = taskInput(b, name, 'int64', [targets]);
  const rows = gatherTokens(b, logits, positions);
  const parts = inChunks(b, rows, Math.min(targets, Math.ceil((targets * vocabulary) / mostLogits)));
  const names = { labels: 'labels', weights: 'sample_weights', normaliser: 'normaliser' };
  const found = meanCrossEntropy(b, parts, names, labelSmoothing);
  return { ...found, inputs: [positions, ...found.inputs] };
}

/** [batch, sequence] of logits of tokens. @throws ModelError when they have another rank */
export function tokenLogits(
  b: Builder,
  logits: Value,
  task: string,
  exported: string,
): [batch: number, length: number] {
  const shape = b.shape(logits);
  if (shape.length === 3) return [shape[0]!, shape[1]!];
  throw new ModelError(
    `${task} takes logits of shape [batch, sequence, vocabulary]; output '${logits}' has rank ${shape.length}. ${exported}`,
  );
}
