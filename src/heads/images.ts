// Gives a model of pictures a classification head with the wanted number of classes. A classifier keeps all layers but
// the last (head.ts). A model without a head gets one behind one vector for each picture: the first token of a vision
// transformer, the pooled output of families that have one, else the mean over all places or tokens.

import { ModelError } from '../errors.js';
import { FileGraph } from '../onnx/file/file-graph.js';
import { copyOfGraph, dimensions, elementTypeOf, type FileDim, isFloatInfo, withShape } from '../onnx/file/surgery.js';
import { graphOf, type Model, opsetOf } from '../onnx/model.js';
import type { ValueInfoProto } from '../onnx/onnx_pb.js';
import { quote } from '../quote.js';
import type { ModelConfig } from '../transfer/config.js';
import { ensureClassifierHead, type HeadOptions, type HeadResult, withNewHead } from './classification.js';
import { FileBuilder } from './file-builder.js';

/** Families whose classifier reads the first token, also where the export has a pooler's output. */
const firstToken = new Set(['vit', 'deit', 'beit', 'dinov2', 'vit_msn', 'ijepa']);

/**
 * A model whose output `logits` is [batch, labels]. `model` itself stays as it is.
 * @throws ModelError for a model that gives a picture in place of classes (U-Net), and for other outputs than logits of
 * a
 *   classifier, features or tokens
 */
export function ensureImageHead(model: Model, options: HeadOptions): HeadResult {
  const outputs = graphOf(model).output.filter(isFloatInfo);
  const named = (pattern: RegExp): ValueInfoProto | undefined => outputs.find(({ name }) => pattern.test(name));
  const rank = (info: ValueInfoProto | undefined): number | undefined => info && dimensions(info)?.length;
  const logits = named(/^logits$/) ?? (outputs.length === 1 && rank(outputs[0]) === 2 ? outputs[0] : undefined);
  if (logits && (rank(logits) ?? 2) === 2) return ensureClassifierHead(model, logits, options);
  const hidden = named(/hidden_state|features/) ?? outputs.find((info) => (rank(info) ?? 0) > 2);
  const pooled = named(/pooler_output/) ?? outputs.find((info) => rank(info) === 2);
  if (hidden && upsamples(model, hidden.name))
    throw new ModelError(
      `${model.path}: output ${quote(hidden.name)} is a map of the picture's places, made by enlarging features again (U-Net): there is no ` +
        'classification head to replace. Export the encoder alone, or a classifier.',
    );
  const { model_type: family = '' } = options.config ?? {};
  const source = pooled && !(hidden && firstToken.has(family)) ? pooled : hidden;
  if (!source || logits) throw unknownOutputs(model);
  const { copy, vector, taken } = vectorOf(model, source, options);
  return withNewHead(copy, { vector, taken }, options, undefined);
}

function unknownOutputs(model: Model): ModelError {
  const found = graphOf(model).output.map(
    (info) => `${quote(info.name)} of rank ${dimensions(info)?.length ?? 'unknown'}`,
  );
  return new ModelError(
    `${model.path}: expected logits of shape [batch, classes], features [batch, channels, height, width] or tokens ` +
      `[batch, tokens, size]; found ${found.join(', ')}. Export the model as a classifier, or without its head.`,
  );
}

/** Whether features are enlarged on the way to a value, as decoders do. */
function upsamples(model: Model, value: string): boolean {
  const graph = new FileGraph(graphOf(model));
  const seen = new Set<string>();
  const waiting = [value];
  for (let v = waiting.pop(); v !== undefined; v = waiting.pop()) {
    const node = seen.has(v) ? undefined : graph.producer(v);
    seen.add(v);
    if (!node) continue;
    // Positions of a transformer may be resized to the picture, which enlarges no features.
    const enlarges = ['ConvTranspose', 'Upsample', 'DepthToSpace', 'Resize'].includes(node.opType);
    if (enlarges && !graph.constant(node.input[0]!)) return true;
    waiting.push(...node.input);
  }
  return false;
}

/** One vector for each picture, in a copy of the graph. */
function vectorOf(
  model: Model,
  source: ValueInfoProto,
  { seed, config = {} }: HeadOptions,
): { copy: Model; vector: ValueInfoProto; taken: string } {
  const shape = dimensions(source);
  if (!shape || shape.length < 2 || shape.length > 4) throw unknownOutputs(model);
  const size = sizeOf(model, source, shape, config);
  const copy = copyOfGraph(model);
  const add = new FileBuilder(
    graphOf(copy),
    opsetOf(model.proto.opsetImport) ?? 1,
    elementTypeOf(source),
    seed,
    config,
  );
  const [x, taken] = pick(add, source.name, shape, config);
  return { copy, vector: withShape(source, [shape[0]!, size], x), taken };
}

function pick(
  add: FileBuilder,
  x: string,
  shape: readonly FileDim[],
  config: ModelConfig,
): [value: string, taken: string] {
  if (shape.length === 2) return [x, 'pooler output'];
  if (shape.length === 4) {
    const places = shape[2] === 1 && shape[3] === 1 ? 'pooler output' : 'mean over all places';
    return [add.node('Flatten', [add.node('GlobalAveragePool', [x])], { axis: 1 }), places];
  }
  if (!readsFirstToken(shape[1]!, config)) return [add.mean(x, undefined), 'mean over the tokens'];
  return [add.node('Gather', [x, add.constant('int64', [0], [])], { axis: 1 }), 'first token'];
}

/** By the family; else a class token stands before as many tokens as a grid has. */
function readsFirstToken(tokens: FileDim, { model_type: family }: ModelConfig): boolean {
  if (family !== undefined) return firstToken.has(family);
  return typeof tokens !== 'number' || !Number.isInteger(Math.sqrt(tokens));
}

function sizeOf(model: Model, source: ValueInfoProto, shape: readonly FileDim[], config: ModelConfig): number {
  const stated = shape.length === 4 ? shape[1] : shape.at(-1);
  const sizes = config.hidden_sizes;
  const size = typeof stated === 'number' ? stated : Array.isArray(sizes) ? sizes.at(-1) : config.hidden_size;
  if (typeof size === 'number' && size > 0) return size;
  throw new ModelError(
    `${model.path}: the size of output ${quote(source.name)} is not known; expected it in the output's shape or as hidden_size in config.json`,
  );
}
