// Gives a model a head that scores where an answer begins and ends: start_logits and end_logits [batch, sequence] from
// its hidden states, two columns of one linear layer (qa_outputs), as the transformers library has it. A model that has
// these outputs keeps them; a head of another task is replaced.

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
import type { ModelConfig } from '../transfer/config.js';
import type { HeadResult } from './classification.js';
import { hiddenSize } from './families.js';
import { FileBuilder } from './file-builder.js';
import { tokenVectors } from './tokens.js';

/** Outputs by name, as the transformers library and exports have them. */
export const answerOutputs = ['start_logits', 'end_logits'] as const;

/**
 * A model with the outputs `start_logits` and `end_logits`. `model` itself stays as it is.
 * @throws ModelError for a model that gives no vector for each token
 */
export function ensureAnswerHead(model: Model, { seed, config }: { seed: number; config: ModelConfig }): HeadResult {
  const outputs = graphOf(model).output.filter(isFloatInfo);
  if (answerOutputs.every((wanted) => outputs.some(({ name }) => name === wanted)))
    return { model, change: 'kept', note: undefined };
  const { hidden, replaced } = tokenVectors(model, 'places of answers need', 'for question answering');
  const copy = copyOfGraph(model);
  const graph = graphOf(copy);
  graph.output = [hidden];
  dropDeadNodes(graph);
  const add = new FileBuilder(graph, opsetOf(model.proto.opsetImport) ?? 1, elementTypeOf(hidden), seed, config);
  const both = add.linearPerToken('qa_outputs', hidden.name, hiddenSize(copy, hidden, config), answerOutputs.length);
  const places = dimensions(hidden)!.slice(0, 2);
  graph.output = answerOutputs.map((name, column) => {
    const output = add.node('Gather', [both, add.constant('int64', [column], [])], { axis: 2 }, freeName(graph, name));
    return withShape(hidden, places, output);
  });
  dropDeadNodes(graph);
  const head = 'a head for where answers begin and end, qa_outputs';
  if (!replaced) return { model: copy, change: 'added', note: `added ${head}` };
  return { model: copy, change: 'replaced', note: `replaced the ${replaced} by ${head}` };
}
