// The classification heads of the transformers library, by the `model_type` of config.json: how a text's vector is
// taken from the hidden states, and which layers follow. Dropout is not part of the file: dropout.ts adds it in
// training. A family that is not listed gets the pooler's output or, without one, the mean over the text's tokens.

import { ModelError } from '../errors.js';
import { dimensions, elementTypeOf, freeName, withShape } from '../onnx/file/surgery.js';
import { graphOf, type Model, opsetOf } from '../onnx/model.js';
import type { ValueInfoProto } from '../onnx/onnx_pb.js';
import { quote } from '../quote.js';
import type { ModelConfig } from '../transfer/config.js';
import { type Activation, FileBuilder } from './file-builder.js';

interface Family {
  /** Takes the pooler's output where the export has one. */
  pooler?: boolean;
  /** Layer between the first token's vector and the classifier. */
  dense?: { name: string; activation: Activation };
  classifier: string;
}

const poolerFamily: Family = {
  pooler: true,
  dense: { name: 'classifier.dense', activation: 'Tanh' },
  classifier: 'classifier.out_proj',
};
const denseFamily = (activation: Activation): Family => ({
  dense: { name: 'classifier.dense', activation },
  classifier: 'classifier.out_proj',
});

const families: Record<string, Family> = {
  bert: poolerFamily,
  albert: poolerFamily,
  distilbert: { dense: { name: 'pre_classifier', activation: 'Relu' }, classifier: 'classifier' },
  roberta: denseFamily('Tanh'),
  'xlm-roberta': denseFamily('Tanh'),
  camembert: denseFamily('Tanh'),
  mpnet: denseFamily('Tanh'),
  electra: denseFamily('Gelu'),
};

export interface AddHeadOptions {
  hidden?: ValueInfoProto | undefined;
  pooled?: ValueInfoProto | undefined;
  /** One vector for each text already, [batch, size]; instead of the other two. */
  vector?: ValueInfoProto | undefined;
  /** What that vector is, for people; default the old head's. */
  taken?: string | undefined;
  /** Widths of hidden layers between the text's vector and the classifier; none: the family's own. */
  layers?: readonly number[] | undefined;
  labels: number;
  seed: number;
  config: ModelConfig;
}

interface Layer {
  name: string;
  width: number;
  activation: Activation;
}

/**
 * Adds the family's head, in place, and makes `logits` the only output; nodes that nobody needs any more stay. Returns
 * a summary for people.
 */
export function addHead(model: Model, options: AddHeadOptions): string {
  const { hidden, pooled, vector, taken = "the old head's vector", layers = [], labels, seed, config } = options;
  const graph = graphOf(model);
  const family = families[config.model_type ?? ''];
  const usesPooler = !vector && pooled !== undefined && (family?.pooler ?? (!family || !hidden));
  const source = (vector ?? (usesPooler ? pooled : (hidden ?? pooled)))!;
  const size = hiddenSize(model, source, config);
  const add = new FileBuilder(graph, opsetOf(model.proto.opsetImport) ?? 1, elementTypeOf(source), seed, config);
  const dense = !vector && !usesPooler && family?.dense ? [{ ...family.dense, width: size }] : [];
  const hiddenLayers = layers.length > 0 ? layersOf(layers, family) : dense;
  const classifier = hiddenClassifier(layers, usesPooler, family);

  let [x, summary] = vector ? [vector.name, taken] : [source.name, 'pooler output'];
  if (!vector && !usesPooler && family) {
    x = add.node('Gather', [x, add.constant('int64', [0], [])], { axis: 1 });
    summary = 'first token';
  } else if (!vector && !usesPooler) {
    x = add.mean(x, graph.input.find(({ name }) => name === 'attention_mask')?.name);
    summary = 'mean over the tokens';
  }
  let inputs = size;
  for (const { name, width, activation } of hiddenLayers) {
    x = add.activate(activation, add.linear(name, x, inputs, width));
    inputs = width;
    summary += `, ${name} with ${activation}`;
  }
  const logits = add.linear(classifier, x, inputs, labels, freeName(graph, 'logits'));
  graph.output = [withShape(source, [dimensions(source)![0]!, labels], logits)];
  return `${summary}, ${classifier}`;
}

/** Named so that dropout.ts finds them; the activation is that of the family's own dense layer. */
const layersOf = (widths: readonly number[], family: Family | undefined): Layer[] =>
  widths.map((width, i) => ({
    name: `classifier.hidden.${i}`,
    width,
    activation: family?.dense?.activation ?? 'Gelu',
  }));

function hiddenClassifier(layers: readonly number[], usesPooler: boolean, family: Family | undefined): string {
  if (layers.length > 0) return 'classifier.out_proj';
  return usesPooler || !family ? 'classifier' : family.classifier;
}

/** Of the vectors of an output. @throws ModelError where neither the file nor config.json says */
export function hiddenSize(model: Model, source: ValueInfoProto, config: ModelConfig): number {
  const stated = dimensions(source)?.at(-1);
  const size = typeof stated === 'number' && stated > 0 ? stated : (config.hidden_size ?? config.dim ?? config.d_model);
  if (size !== undefined && dimensions(source)) return size;
  throw new ModelError(
    `${model.path}: the size of output ${quote(source.name)} is not known; expected it in the output's shape or as hidden_size in config.json`,
  );
}
