// Gives an encoder a language-model head, in the file's own graph and opset: a dense layer, GELU and LayerNormalization,
// then the product with the word embedding, transposed, and a bias, as BERT has it. A model that has such a head keeps it.
// For next sentences there is a second output from the first token's vector. Names are those of the transformers library.

import { ModelError } from '../errors.js';
import { graphOf, type Model, opsetOf } from '../onnx/model.js';
import type { GraphProto, ValueInfoProto } from '../onnx/onnx_pb.js';
import { pairOutput } from '../tasks/masked-lm.js';
import type { ModelConfig } from './config.js';
import { FileBuilder } from './file-builder.js';
import { copyOfGraph, type FittedHead } from './head.js';
import { findHidden } from './hidden.js';
import { dimensions, dropDeadNodes, elementTypeOf, type FileDim, freeName, withShape } from './surgery.js';

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
  /** The model is to tell whether a second text follows the first. */
  nextSentence: boolean;
}

/** The outputs that count for the task, as the model has them. */
interface Outputs {
  logits: ValueInfoProto | undefined;
  hidden: ValueInfoProto | undefined;
  pooled: ValueInfoProto | undefined;
  pairs: ValueInfoProto | undefined;
}

/**
 * A model whose outputs are `logits` [batch, sequence, vocabulary] and, with next sentences, `seq_relationship_logits`
 * [batch, 2]. `model` itself stays as it is.
 * @throws ModelError for a model that gives no vector for each token, or whose word embedding is not found
 */
export function fitMaskedHead(model: Model, options: MaskedHeadOptions): FittedHead {
  const { nextSentence, config, seed } = options;
  const found = outputsOf(model);
  const copy = copyOfGraph(model);
  const graph = graphOf(copy);
  const added: string[] = [];
  const source = (found.hidden ?? found.logits)!;
  const add = new FileBuilder(graph, opsetOf(model.proto.opsetImport) ?? 1, elementTypeOf(source), seed, config);
  const logits = found.logits ?? addLanguageModelHead(copy, found.hidden!, add, config);
  if (!found.logits) added.push(`a language-model head tied to the word embedding for '${found.hidden!.name}'`);
  graph.output = [logits];
  if (nextSentence) {
    graph.output.push(found.pairs ?? addPairHead(copy, found, add, config));
    if (!found.pairs) added.push('a head that tells next sentences');
  }
  dropDeadNodes(graph);
  if (added.length === 0) return { model: copy, change: 'kept', note: undefined };
  return { model: copy, change: 'added', note: `added ${added.join(' and ')}` };
}

function outputsOf(model: Model): Outputs {
  const { output } = graphOf(model);
  const rank = (info: ValueInfoProto): number | undefined => dimensions(info)?.length;
  const named = (pattern: RegExp): ValueInfoProto | undefined => output.find(({ name }) => pattern.test(name));
  const logits = named(/^(prediction_)?logits$/);
  const hidden = logits ? undefined : (named(/hidden_state|token_embeddings/) ?? output.find((o) => rank(o) === 3));
  const found = { logits, hidden, pooled: named(/pooler_output/), pairs: named(new RegExp(`^${pairOutput}$`)) };
  if ((logits && (rank(logits) ?? 3) === 3) || hidden) return found;
  const list = output.map((info) => `'${info.name}' of rank ${rank(info) ?? 'unknown'}`).join(', ');
  throw new ModelError(
    `${model.path}: masked-lm needs an output last_hidden_state, or logits of shape [batch, sequence, vocabulary]; ` +
      `found ${list}. Export the model without its head (feature extraction) or for masked language modelling (fill-mask).`,
  );
}

/** The table that input_ids looks words up in: the value that the Gather reads, and its shape. */
function wordEmbedding(graph: GraphProto, model: Model): { value: string; vocabulary: number; size: number } {
  const producers = new Map(graph.node.flatMap((node) => node.output.map((out) => [out, node] as const)));
  const through = (value: string): string => {
    const node = producers.get(value);
    return node && (node.opType === 'Cast' || node.opType === 'Identity') ? through(node.input[0]!) : value;
  };
  for (const node of graph.node) {
    if (node.opType !== 'Gather' || through(node.input[1]!) !== 'input_ids') continue;
    const table = graph.initializer.find(({ name }) => name === through(node.input[0]!));
    if (table?.dims.length !== 2) continue;
    return { value: node.input[0]!, vocabulary: Number(table.dims[0]), size: Number(table.dims[1]) };
  }
  throw new ModelError(
    `${model.path}: no Gather looks input_ids up in a matrix, so there is no word embedding to tie a language-model head to. ` +
      'Export the model with its language-model head (fill-mask).',
  );
}

function sizeOf(model: Model, info: ValueInfoProto, config: ModelConfig): number {
  const stated = dimensions(info)?.at(-1);
  const size = typeof stated === 'number' ? stated : (config.hidden_size ?? config.dim ?? config.d_model);
  if (size !== undefined && dimensions(info)) return size;
  throw new ModelError(
    `${model.path}: the size of output '${info.name}' is not known; expected it in the output's shape or as hidden_size in config.json`,
  );
}

function addLanguageModelHead(
  model: Model,
  hidden: ValueInfoProto,
  add: FileBuilder,
  config: ModelConfig,
): ValueInfoProto {
  const graph = graphOf(model);
  const { value, vocabulary, size } = wordEmbedding(graph, model);
  const names = families[config.model_type ?? ''] ?? otherFamilies;
  const epsilon = typeof config.layer_norm_eps === 'number' ? config.layer_norm_eps : 1e-12;
  const dense = add.linearPerToken(names.dense, hidden.name, sizeOf(model, hidden, config), size);
  const x = add.layerNorm(names.norm, add.activate('Gelu', dense), size, epsilon);
  const projection = add.node('Transpose', [value], { perm: { kind: 'ints', value: [1, 0] } });
  const product = add.node('MatMul', [x, projection]);
  const logits = add.biased(names.bias, product, vocabulary, freeName(graph, 'logits'));
  return withShape(hidden, [...dimensions(hidden)!.slice(0, 2), vocabulary] as FileDim[], logits);
}

/** From the pooler's output, else from the first token through a pooler of its own. */
function addPairHead(model: Model, { hidden, pooled, logits }: Outputs, add: FileBuilder, config: ModelConfig) {
  const graph = graphOf(model);
  const source = pooled ?? hidden ?? findHidden(model, logits!).info;
  const size = sizeOf(model, source, config);
  let x = source.name;
  if (!pooled) {
    const first = add.node('Gather', [x, add.constant('int64', [0], [])], { axis: 1 });
    x = add.activate('Tanh', add.linear('pooler.dense', first, size, size));
  }
  const pairs = add.linear('cls.seq_relationship', x, size, 2, freeName(graph, pairOutput));
  return withShape(source, [dimensions(source)![0]!, 2], pairs);
}
