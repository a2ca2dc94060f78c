// Makes of a model one that gives a vector for each token, under a name that transformers.js reads: a file that gives
// hidden states stays as it is; of a language model or another head over every token what that is computed from becomes
// the output.

import { ModelError } from '../errors.js';
import {
  copyOfGraph,
  dimensions,
  dropDeadNodes,
  elementTypeOf,
  freeName,
  isFloatInfo,
  withShape,
} from '../onnx/file/surgery.js';
import { graphOf, type Model, opsetOf } from '../onnx/model.js';
import { quote } from '../quote.js';
import type { ModelConfig } from '../transfer/config.js';
import type { HeadResult } from './classification.js';
import { hiddenSize } from './families.js';
import { FileBuilder } from './file-builder.js';
import { findHidden } from './hidden.js';
import { hiddenOutput } from './hidden-name.js';

/**
 * A model with an output of hidden states [batch, sequence, size]. `model` itself stays as it is.
 * @throws ModelError for a model that gives no vector for each token, or one whose size is not known
 */
export function ensureEmbeddingHead(model: Model, config: ModelConfig): HeadResult {
  const outputs = graphOf(model).output.filter(isFloatInfo);
  const named = hiddenOutput(
    outputs.map((info) => ({ name: info.name, shape: dimensions(info) })),
    config.vocab_size,
  );
  const hidden = outputs.find(({ name }) => name === named?.name);
  if (hidden) {
    hiddenSize(model, hidden, config);
    return { model, change: 'kept', note: undefined };
  }
  const logits = outputs.find((info) => dimensions(info)?.length === 3);
  if (!logits) {
    const list = outputs
      .map((info) => `${quote(info.name)} of rank ${dimensions(info)?.length ?? 'unknown'}`)
      .join(', ');
    throw new ModelError(
      `${model.path}: embeddings need an output last_hidden_state, a vector for each token; found ${list}. ` +
        'Export the model without its head (feature extraction).',
    );
  }
  const { info, last } = findHidden(model, logits);
  const copy = copyOfGraph(model);
  const graph = graphOf(copy);
  const add = new FileBuilder(graph, opsetOf(model.proto.opsetImport) ?? 1, elementTypeOf(info), 0, config);
  const output = add.node('Identity', [info.name], {}, freeName(graph, 'last_hidden_state'));
  graph.output = [withShape(info, dimensions(info)!, output)];
  dropDeadNodes(graph);
  return {
    model: copy,
    change: 'replaced',
    note: `left out the head over every token ${quote(last.weight.name)} (${last.outputs} outputs): the model gives the vectors that it read`,
  };
}
