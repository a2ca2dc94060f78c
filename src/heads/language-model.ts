// Gives an encoder a language-model head, in the file's own graph and opset: a dense layer, GELU and
// LayerNormalization, then the product with the word embedding, transposed, and a bias, as BERT has it. A model that
// has such a head keeps it. For next sentences there is a second output from the first token's vector. Names are those
// of the transformers library.

import { ModelError } from '../errors.js';
import { onnxDataType } from '../onnx/dtype.js';
import { FileGraph } from '../onnx/file/file-graph.js';
import {
  copyOfGraph,
  dimensions,
  dropDeadNodes,
  elementTypeOf,
  type FileDim,
  freeName,
  isFloatInfo,
  withShape,
} from '../onnx/file/surgery.js';
import { graphOf, type Model, opsetOf } from '../onnx/model.js';
import type { ValueInfoProto } from '../onnx/onnx_pb.js';
import { quote } from '../quote.js';
import type { ModelConfig } from '../transfer/config.js';
import type { HeadResult } from './classification.js';
import { hiddenSize } from './families.js';
import { FileBuilder } from './file-builder.js';
import { findHidden } from './hidden.js';
import { classOutput, pairOutput } from './text-outputs.js';

interface HeadNames {
  dense: string;
  norm: string;
  bias: string;
}

const under = (scope: string, norm = 'LayerNorm'): HeadNames => ({
  dense: `${scope}.dense`,
  norm: `${scope}.${norm}`,
  bias: `${scope}.bias`,
});
const families: Record<string, HeadNames> = {
  bert: { ...under('cls.predictions.transform'), bias: 'cls.predictions.bias' },
  distilbert: { dense: 'vocab_transform', norm: 'vocab_layer_norm', bias: 'vocab_projector.bias' },
  albert: under('predictions'),
  electra: { ...under('generator_predictions'), bias: 'generator_lm_head.bias' },
};
const otherFamilies = under('lm_head', 'layer_norm');

export interface MaskedHeadOptions {
  seed: number;
  config: ModelConfig;
  /** Whether the model is to have an output that scores whether a second text follows the first. */
  nextSentence: boolean;
  /** Classes of whole texts that the model is to have an output for; default none. */
  classes?: number | undefined;
}

/** The outputs that count for the task, as the model has them. */
interface Outputs {
  logits: ValueInfoProto | undefined;
  hidden: ValueInfoProto | undefined;
  pooled: ValueInfoProto | undefined;
  pairs: ValueInfoProto | undefined;
  classes: ValueInfoProto | undefined;
}

/**
 * A model whose outputs are `logits` [batch, sequence, vocabulary] and, with next sentences, `seq_relationship_logits`
 * [batch, 2], with classes `class_logits` [batch, classes]. `model` itself stays as it is.
 * @throws ModelError for a model that gives no vector for each token, or whose word embedding is not found
 */
export function ensureLanguageModelHead(model: Model, options: MaskedHeadOptions): HeadResult {
  const { nextSentence, classes, config, seed } = options;
  const found = outputsOf(model);
  const copy = copyOfGraph(model);
  const graph = graphOf(copy);
  const added: string[] = [];
  const source = (found.hidden ?? found.logits)!;
  const add = new FileBuilder(graph, opsetOf(model.proto.opsetImport) ?? 1, elementTypeOf(source), seed, config);
  const logits = found.logits ?? addLanguageModelHead(copy, found.hidden!, add, config);
  if (!found.logits) added.push(`a language-model head tied to the word embedding for ${quote(found.hidden!.name)}`);
  graph.output = [logits];
  if (nextSentence) {
    const names = { scope: 'cls.seq_relationship', output: pairOutput, scores: 2 };
    graph.output.push(found.pairs ?? addTextHead(copy, found, add, config, names));
    if (!found.pairs) added.push('a head that tells next sentences');
  }
  if (classes !== undefined) {
    const fits = found.classes && dimensions(found.classes)?.[1] === classes;
    const names = { scope: 'classifier', output: classOutput, scores: classes };
    graph.output.push(fits ? found.classes! : addTextHead(copy, found, add, config, names));
    if (!fits) added.push(`a head for ${classes} classes`);
  }
  dropDeadNodes(graph);
  if (added.length === 0) return { model: copy, change: 'kept', note: undefined };
  return { model: copy, change: 'added', note: `added ${added.join(' and ')}` };
}

function outputsOf(model: Model): Outputs {
  const output = graphOf(model).output.filter(isFloatInfo);
  const rank = (info: ValueInfoProto): number | undefined => dimensions(info)?.length;
  const named = (pattern: RegExp): ValueInfoProto | undefined => output.find(({ name }) => pattern.test(name));
  const other = output.find((info) => rank(info) === 3);
  const logits = named(/^(prediction_)?logits$/) ?? (other && scoresWords(model, other) ? other : undefined);
  const hidden = logits ? undefined : (named(/hidden_state|token_embeddings/) ?? other);
  const found = {
    ...{ logits, hidden, pooled: named(/pooler_output/) },
    pairs: named(new RegExp(`^${pairOutput}$`)),
    classes: named(new RegExp(`^${classOutput}$`)),
  };
  if ((logits && (rank(logits) ?? 3) === 3) || hidden) return found;
  const list = output.map((info) => `${quote(info.name)} of rank ${rank(info) ?? 'unknown'}`).join(', ');
  throw new ModelError(
    `${model.path}: a language model needs an output last_hidden_state, or logits of shape [batch, sequence, vocabulary]; ` +
      `found ${list}. Export the model without its head (feature extraction) or for masked language modelling (fill-mask).`,
  );
}

/** Whether an output has a number for each word of the vocabulary, whatever its name. */
function scoresWords(model: Model, output: ValueInfoProto): boolean {
  if (/hidden_state|token_embeddings/.test(output.name)) return false;
  const size = dimensions(output)!.at(-1);
  return typeof size === 'number' && size === wordEmbedding(model).vocabulary;
}

/** The table that input_ids looks words up in: the value that the Gather reads, and its shape. */
function wordEmbedding(model: Model): { value: string; vocabulary: number; size: number } {
  const graph = new FileGraph(graphOf(model));
  const fed = (value: string): string => {
    const node = graph.producer(value);
    return node?.opType === 'Cast' || node?.opType === 'Identity' ? fed(node.input[0]!) : value;
  };
  for (const { opType, input } of graphOf(model).node) {
    if (opType !== 'Gather' || fed(input[1]!) !== 'input_ids') continue;
    const table = graph.constant(input[0]!);
    if (table?.shape.length !== 2 || table.transposed) continue;
    return { value: input[0]!, vocabulary: table.shape[0]!, size: table.shape[1]! };
  }
  throw new ModelError(
    `${model.path}: no Gather looks input_ids up in a matrix, so there is no word embedding to tie a language-model head to. ` +
      'Export the model with its language-model head (fill-mask).',
  );
}

function addLanguageModelHead(
  model: Model,
  hidden: ValueInfoProto,
  add: FileBuilder,
  config: ModelConfig,
): ValueInfoProto {
  const graph = graphOf(model);
  const { value, vocabulary, size } = wordEmbedding(model);
  const names = families[config.model_type ?? ''] ?? otherFamilies;
  const epsilon = typeof config.layer_norm_eps === 'number' ? config.layer_norm_eps : 1e-12;
  const dense = add.linearPerToken(names.dense, hidden.name, hiddenSize(model, hidden, config), size);
  const x = add.layerNorm(names.norm, add.activate('Gelu', dense), size, epsilon);
  const table = cast(model, value, hidden, add);
  const projection = add.node('Transpose', [table], { perm: { kind: 'ints', value: [1, 0] } });
  const product = add.node('MatMul', [x, projection]);
  const logits = add.biased(names.bias, product, vocabulary, freeName(graph, 'logits'));
  return withShape(hidden, [...dimensions(hidden)!.slice(0, 2), vocabulary] as FileDim[], logits);
}

/** The table in the type that the hidden states are computed in. */
function cast(model: Model, value: string, hidden: ValueInfoProto, add: FileBuilder): string {
  const stored = new FileGraph(graphOf(model)).constant(value)!;
  const computed = elementTypeOf(hidden);
  return stored.computed === computed ? value : add.node('Cast', [value], { to: onnxDataType(computed) });
}

/** Scores of whole texts, from the pooler's output, else from the first token through a pooler of its own. */
function addTextHead(
  model: Model,
  { hidden, pooled, logits }: Outputs,
  add: FileBuilder,
  config: ModelConfig,
  { scope, output, scores }: { scope: string; output: string; scores: number },
) {
  const graph = graphOf(model);
  const source = pooled ?? hidden ?? findHidden(model, logits!).info;
  const size = hiddenSize(model, source, config);
  let x = source.name;
  if (!pooled) {
    const first = add.node('Gather', [x, add.constant('int64', [0], [])], { axis: 1 });
    x = add.activate('Tanh', add.linear(`${scope}.dense`, first, size, size));
  }
  const logitsOfTexts = add.linear(scope, x, size, scores, freeName(graph, output));
  return withShape(source, [dimensions(source)![0]!, scores], logitsOfTexts);
}
