// The classification heads of the transformers library, by the `model_type` of config.json: how a text's vector is taken
// from the hidden states, and which layers follow. Dropout is not part of the file: dropout.ts adds it in training.
// A family that is not listed gets the pooler's output or, without one, the mean over the text's tokens.

import { create } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import { toAttr } from '../onnx/builder.js';
import { type DataType, onnxDataType } from '../onnx/dtype.js';
import { encodeAttribute, encodeTensor } from '../onnx/encode.js';
import type { Attr } from '../onnx/graph.js';
import { graphOf, type Model, opsetOf } from '../onnx/model.js';
import { type GraphProto, NodeProtoSchema, type ValueInfoProto } from '../onnx/onnx_pb.js';
import { Tensor } from '../onnx/tensor.js';
import type { ModelConfig } from './config.js';
import { dimensions, drawn, elementTypeOf, freeName, withShape, zeros } from './surgery.js';

type Activation = 'Tanh' | 'Relu' | 'Gelu';

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
  labels: number;
  seed: number;
  config: ModelConfig;
}

/** Adds the family's head, in place, and makes `logits` the only output; nodes that nobody needs any more stay. Returns a summary for people. */
export function addHead(model: Model, { hidden, pooled, labels, seed, config }: AddHeadOptions): string {
  const graph = graphOf(model);
  const family = families[config.model_type ?? ''];
  const usesPooler = pooled !== undefined && (family?.pooler ?? (!family || !hidden));
  const source = (usesPooler ? pooled : (hidden ?? pooled))!;
  const size = hiddenSize(model, source, config);
  const add = new FileBuilder(graph, opsetOf(model.proto.opsetImport) ?? 1, elementTypeOf(source), seed, config);
  let x = source.name;
  let summary = 'pooler output';
  if (!usesPooler && family) {
    x = add.node('Gather', [x, add.constant('int64', [0], [])], { axis: 1 });
    summary = 'first token';
  } else if (!usesPooler) {
    x = add.mean(x, graph.input.find(({ name }) => name === 'attention_mask')?.name);
    summary = 'mean over the tokens';
  }
  if (!usesPooler && family?.dense) {
    x = add.activate(family.dense.activation, add.linear(family.dense.name, x, size, size));
    summary += `, ${family.dense.name} with ${family.dense.activation}`;
  }
  const classifier = usesPooler || !family ? 'classifier' : family.classifier;
  const logits = add.linear(classifier, x, size, labels, freeName(graph, 'logits'));
  graph.output = [withShape(source, [dimensions(source)![0]!, labels], logits)];
  return `${summary}, ${classifier}`;
}

function hiddenSize(model: Model, source: ValueInfoProto, config: ModelConfig): number {
  const stated = dimensions(source)?.at(-1);
  const size = typeof stated === 'number' && stated > 0 ? stated : (config.hidden_size ?? config.dim ?? config.d_model);
  if (size !== undefined && dimensions(source)) return size;
  throw new ModelError(
    `${model.path}: the size of output '${source.name}' is not known; expected it in the output's shape or as hidden_size in config.json`,
  );
}

/** Writes nodes of a head into a file's graph, in the forms of its opset. */
class FileBuilder {
  readonly #graph: GraphProto;
  readonly #opset: number;
  readonly #dtype: DataType;
  readonly #seed: number;
  readonly #deviation: number;
  #drawn = 0;

  constructor(graph: GraphProto, opset: number, dtype: DataType, seed: number, config: ModelConfig) {
    this.#graph = graph;
    this.#opset = opset;
    this.#dtype = dtype;
    this.#seed = seed;
    this.#deviation = config.initializer_range ?? 0.02;
  }

  node(op: string, inputs: string[], attrs: Record<string, number | Attr> = {}, output?: string): string {
    const name = freeName(this.#graph, `/head/${op}`);
    const result = output ?? freeName(this.#graph, `${name}_output_0`);
    const attribute = Object.entries(attrs).map(([key, value]) => encodeAttribute(key, toAttr(value)));
    this.#graph.node.push(create(NodeProtoSchema, { name, opType: op, input: inputs, output: [result], attribute }));
    return result;
  }

  constant(dtype: DataType, values: number[], shape: number[] = [values.length]): string {
    const name = freeName(this.#graph, '/head/Constant');
    this.#graph.initializer.push(encodeTensor(Tensor.of(dtype, values, shape), name));
    return name;
  }

  /** [B, inputs] → [B, outputs]; PyTorch's layout of the weight, [outputs, inputs]. */
  linear(name: string, x: string, inputs: number, outputs: number, output?: string): string {
    const weight = freeName(this.#graph, `${name}.weight`);
    const bias = freeName(this.#graph, `${name}.bias`);
    const stream = this.#drawn++;
    this.#graph.initializer.push(drawn(weight, this.#dtype, [outputs, inputs], this.#seed, stream, this.#deviation));
    this.#graph.initializer.push(zeros(bias, this.#dtype, outputs));
    return this.node('Gemm', [x, weight, bias], { transB: 1 }, output);
  }

  activate(activation: Activation, x: string): string {
    if (activation !== 'Gelu' || this.#opset >= 20) return this.node(activation, [x]);
    const root = this.#scalar(Math.SQRT2);
    const shifted = this.node('Add', [this.node('Erf', [this.node('Div', [x, root])]), this.#scalar(1)]);
    return this.node('Mul', [this.node('Mul', [x, shifted]), this.#scalar(0.5)]);
  }

  /** [B, T, C] → [B, C] over the tokens that the mask [B, T] shows, or over all. */
  mean(x: string, mask: string | undefined): string {
    if (mask === undefined) return this.node('Div', [this.#sum(x), this.#length(x)]);
    const shown = this.node('Unsqueeze', [this.#cast(mask), this.constant('int64', [2])]);
    return this.node('Div', [this.#sum(this.node('Mul', [x, shown])), this.#sum(shown)]);
  }

  #sum(x: string): string {
    return this.node('ReduceSum', [x, this.constant('int64', [1])], { keepdims: 0 });
  }

  /** Number of tokens, padded ones too. */
  #length(x: string): string {
    const shape = this.node('Shape', [x]);
    return this.#cast(this.node('Gather', [shape, this.constant('int64', [1], [])]));
  }

  #cast(x: string): string {
    return this.node('Cast', [x], { to: onnxDataType(this.#dtype) });
  }

  #scalar(value: number): string {
    return this.#dtype === 'float32'
      ? this.constant('float32', [value], [])
      : this.#cast(this.constant('float32', [value], []));
  }
}
