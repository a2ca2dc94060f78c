// Gives a model a head that scores where an answer begins and ends: start_logits and end_logits [batch, sequence] from
// its hidden states, two columns of one linear layer (qa_outputs), as the transformers library has it. A model that has
// these outputs keeps them; a head of another task is replaced.

import { dimensions, freeName, isFloatInfo, withShape } from '../onnx/file/surgery.js';
import { graphOf, type Model } from '../onnx/model.js';
import type { ModelConfig } from '../transfer/config.js';
import type { HeadResult } from './classification.js';
import { onTokenVectors } from './tokens.js';

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
  const head = {
    needs: 'places of answers need',
    instead: 'for question answering',
    name: 'a head for where answers begin and end, qa_outputs',
  };
  return onTokenVectors(model, { seed, config, ...head }, (add, graph, hidden, size) => {
    const both = add.linearPerToken('qa_outputs', hidden.name, size, answerOutputs.length);
    const places = dimensions(hidden)!.slice(0, 2);
    return answerOutputs.map((name, column) => {
      const index = add.constant('int64', [column], []);
      return withShape(hidden, places, add.node('Gather', [both, index], { axis: 2 }, freeName(graph, name)));
    });
  });
}
