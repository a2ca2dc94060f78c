// Model files with something wrong, made of good ones: the message is parsed, one to three places of it are changed to
// what damage, bad exporters or attackers write there, and it is put together again. Since the file stays a protobuf
// message, the changes reach what is behind the parser; now and then bytes are flipped all the same.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  FunctionProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
} from '../../dist/onnx/onnx_pb.js';

/** @typedef {() => number} Random from 0 to below 1 */

const wildInts = [
  0n,
  1n,
  -1n,
  2n,
  3n,
  -2n,
  5n,
  7n,
  16n,
  64n,
  100n,
  255n,
  1000n,
  4096n,
  65_536n,
  1_000_000n,
  2n ** 24n,
  2n ** 29n,
  2n ** 31n - 1n,
  2n ** 31n,
  -(2n ** 31n),
  2n ** 32n,
  2n ** 40n,
  2n ** 53n + 1n,
  2n ** 62n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];
const wildFloats = [0, -0, 1, -1, 0.5, 2, 1e-5, 1e9, -1e9, 1e38, Number.NaN, Infinity, -Infinity];
const wildTexts = [
  '',
  'NOTSET',
  'SAME_UPPER',
  'VALID',
  'linear',
  'nearest',
  'cubic',
  'mean',
  'ij,jk->ik',
  '...ij->ji',
  'é',
  '\u0000\u001b[31m',
];
const operators =
  'Abs Add And ArgMax AveragePool BatchNormalization BitShift Cast Clip Concat Constant ConstantOfShape Conv ' +
  'ConvTranspose CumSum DepthToSpace Div Dropout Einsum Elu Equal Erf Exp Expand EyeLike Flatten Gather GatherElements ' +
  'GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool GreaterOrEqual GroupNormalization GRU HardSigmoid Hardmax Identity ' +
  'If InstanceNormalization IsNaN LRN LSTM LayerNormalization LeakyRelu Less Log LogSoftmax Loop LpNormalization LpPool ' +
  'MatMul Max MaxPool MaxUnpool Mean Min Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or PRelu Pad Pow RandomNormal ' +
  'RandomNormalLike RandomUniform Range Reciprocal ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceProd ReduceSum Relu ' +
  'Reshape Resize Round ScatterElements ScatterND Scan Selu SequenceAt Shape Sigmoid Sign Size Slice Softmax Softplus ' +
  'SpaceToDepth Split Sqrt Squeeze StringNormalizer Sub Sum Tanh Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor';
const names = operators.split(' ');
const attributeNames =
  'alpha axes axis auto_pad beta blocksize ceil_mode count_include_pad dilations dtype end epsilon equation group ' +
  'keepdims kernel_shape mode num_groups num_outputs output_padding output_shape pads perm scales shape start strides to ' +
  'training_mode transA value value_ints';
const attributes = attributeNames.split(' ');

/** @param {Random} random */
const draws = (random) => {
  const below = (count) => Math.floor(random() * count);
  const oneOf = (list) => list[below(list.length)];
  const chance = (share) => random() < share;
  const ints = () => Array.from({ length: below(6) }, () => oneOf(wildInts));
  return { below, oneOf, chance, ints };
};

const bytesOf = (text) => new TextEncoder().encode(text);

/** Gives an attribute a value of a random kind. */
function setAttribute(a, { below, oneOf, ints }, kind = 1 + below(14)) {
  a.type = kind;
  a.i = oneOf(wildInts);
  a.f = oneOf(wildFloats);
  a.s = bytesOf(oneOf(wildTexts));
  a.ints = ints();
  a.floats = Array.from({ length: below(4) }, () => oneOf(wildFloats));
}

function int64Tensor(name, values) {
  const raw = new Uint8Array(new BigInt64Array(values.map((v) => BigInt.asIntN(64, v))).buffer);
  return create(TensorProtoSchema, { name, dataType: 7, dims: [BigInt(values.length)], rawData: raw });
}

const changeAttribute = ({ nodes }, draw) => {
  const node = draw.oneOf(nodes.filter((n) => n.attribute.length > 0));
  if (!node) return;
  const a = draw.oneOf(node.attribute);
  const change = draw.below(8);
  if (change === 0) setAttribute(a, draw);
  else if (change === 1) node.attribute = node.attribute.filter((other) => other !== a);
  else if (change === 2) node.attribute.push(Object.assign(create(AttributeProtoSchema), a));
  else if (change === 3) a.name = draw.oneOf(attributes);
  else if (change === 4) a.type = draw.below(15);
  else if (a.ints.length > 0) a.ints[draw.below(a.ints.length)] = draw.oneOf(wildInts);
  else setAttribute(a, draw, a.type);
};

const addAttribute = ({ nodes }, draw) => {
  const a = create(AttributeProtoSchema, { name: draw.oneOf(attributes) });
  setAttribute(a, draw, draw.oneOf([1, 2, 3, 7]));
  draw.oneOf(nodes)?.attribute.push(a);
};

const changeNode = ({ nodes, values, graph }, draw) => {
  const node = draw.oneOf(nodes);
  if (!node) return;
  const at = draw.below(Math.max(1, node.input.length));
  const change = draw.below(12);
  if (change === 0) node.opType = draw.oneOf(names);
  else if (change === 1) node.input[at] = draw.oneOf(values);
  else if (change === 2) node.input[at] = '';
  else if (change === 3) node.input = node.input.slice(0, at);
  else if (change === 4) node.input.push(draw.oneOf(values));
  else if (change === 5) node.input.reverse();
  else if (change === 6) node.output = [];
  else if (change === 7) node.output.push(draw.oneOf(values));
  else if (change === 8) graph.node.splice(draw.below(graph.node.length), 1);
  else if (change === 9) graph.node.push(Object.assign(create(NodeProtoSchema), node));
  else if (change === 10) node.domain = draw.oneOf(['ortune', 'com.microsoft', 'ai.onnx.ml', 'x']);
  else node.name = draw.oneOf(['', 'same', 'n'.repeat(100_000), '\u001b[2J', nodes[0].name]);
};

const changeTensor = ({ graph, nodes }, draw) => {
  const constants = nodes.flatMap((n) => n.attribute.flatMap((a) => (a.t ? [a.t] : [])));
  const t = draw.oneOf([...graph.initializer, ...constants]);
  if (!t) return;
  const change = draw.below(10);
  if (change === 0) t.dims = draw.ints();
  else if (change === 1 && t.dims.length > 0) t.dims[draw.below(t.dims.length)] = draw.oneOf(wildInts);
  else if (change === 2) t.dataType = draw.below(25);
  else if (change === 3) t.rawData = t.rawData.slice(0, draw.below(t.rawData.length + 1));
  else if (change === 4) t.rawData = new Uint8Array([...t.rawData, 0]);
  else if (change === 5) t.name = draw.oneOf(graph.initializer)?.name ?? '';
  else if (change === 6) {
    t.dataLocation = 1;
    const entries = {
      location: draw.oneOf(['w.bin', '../w.bin', '/etc/passwd', '']),
      offset: String(draw.oneOf(wildInts)),
    };
    t.externalData = Object.entries(entries).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    );
  } else if (change === 7 && t.dataType === 1) {
    const bytes = t.rawData.slice();
    if (bytes.length >= 4)
      new DataView(bytes.buffer).setFloat32(4 * draw.below(Math.floor(bytes.length / 4)), draw.oneOf(wildFloats), true);
    t.rawData = bytes;
  } else integersOf(t, draw);
};

/** Sizes, axes, indices: what decides shapes. */
function integersOf(t, draw) {
  if (t.dataType !== 7) return;
  if (t.int64Data.length > 0) t.int64Data[draw.below(t.int64Data.length)] = draw.oneOf(wildInts);
  const bytes = t.rawData.slice();
  if (bytes.length >= 8)
    new DataView(bytes.buffer).setBigInt64(8 * draw.below(Math.floor(bytes.length / 8)), draw.oneOf(wildInts), true);
  t.rawData = bytes;
}

const changeConstant = ({ graph, nodes }, draw) => {
  const constants = nodes.flatMap((n) => n.attribute.flatMap((a) => (a.t ? [a.t] : [])));
  const t = draw.oneOf([...graph.initializer, ...constants].filter(({ dataType }) => dataType === 7));
  if (t) integersOf(t, draw);
};

const changeInfo = ({ graph }, draw) => {
  const info = draw.oneOf([...graph.input, ...graph.output]);
  if (!info) return;
  const change = draw.below(8);
  const type = info.type?.value?.case === 'tensorType' ? info.type.value.value : undefined;
  if (change === 0) info.name = draw.oneOf([...graph.input, ...graph.output]).name;
  else if (change === 1) info.type = undefined;
  else if (change === 2 && type) type.elemType = draw.below(20);
  else if (change === 3 && type) type.shape = undefined;
  else if (change === 4) graph.output = graph.output.slice(1);
  else if (type?.shape) {
    const value = draw.chance(0.8)
      ? { case: 'dimValue', value: draw.oneOf(wildInts) }
      : { case: 'dimParam', value: 'n' };
    const dim = create(TensorShapeProto_DimensionSchema, { value });
    if (draw.chance(0.7)) type.shape.dim[draw.below(type.shape.dim.length)] = dim;
    else type.shape.dim.push(dim);
  }
};

/** A new node before a reader: one that makes much of little. */
const insertNode = ({ graph, values }, draw) => {
  const reader = draw.oneOf(graph.node.filter((n) => n.input.length > 0));
  if (!reader) return;
  const at = draw.below(reader.input.length);
  const op = draw.oneOf(names);
  const constant = `wild_${draw.below(1e6)}`;
  graph.initializer.push(int64Tensor(constant, draw.ints()));
  const output = `${constant}_y`;
  const inputs = [reader.input[at], constant, draw.oneOf(values)].slice(0, 1 + draw.below(3));
  if (draw.chance(0.2)) inputs.reverse();
  const node = create(NodeProtoSchema, { opType: op, input: inputs, output: [output] });
  const count = draw.below(3);
  for (let i = 0; i < count; i++) {
    const a = create(AttributeProtoSchema, { name: draw.oneOf(attributes) });
    setAttribute(a, draw, draw.oneOf([1, 2, 3, 7]));
    node.attribute.push(a);
  }
  reader.input[at] = output;
  graph.node.splice(graph.node.indexOf(reader), 0, node);
};

/** A run of nodes that each read the one before. */
const addChain = ({ graph }, draw) => {
  const output = graph.output[0];
  if (!output) return;
  const length = draw.oneOf([10, 1000, 20_000]);
  const op = draw.oneOf(['Relu', 'Add', 'Concat', 'Transpose', 'Identity', 'Mul']);
  let value = output.name;
  const twice = op === 'Add' || op === 'Mul';
  const axis = create(AttributeProtoSchema, { name: 'axis', type: 2, i: 0n });
  for (let i = 0; i < length; i++) {
    const next = `chain_${i}`;
    const attribute = op === 'Concat' ? [axis] : [];
    graph.node.push(
      create(NodeProtoSchema, { opType: op, input: twice ? [value, value] : [value], output: [next], attribute }),
    );
    value = next;
  }
  output.name = value;
};

/** Functions of the model that call each other several times, or themselves. */
const addFunctions = ({ model, graph }, draw) => {
  const depth = 1 + draw.below(40);
  const imports = [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })];
  for (let i = 0; i < depth; i++) {
    const inner = i + 1 < depth ? `f${i + 1}` : draw.oneOf(['Relu', 'f0', 'Identity']);
    const domain = inner.startsWith('f') ? 'fuzz' : '';
    const call = (input, output) =>
      create(NodeProtoSchema, { opType: inner, domain, input: [input], output: [output] });
    const node = [call('x', 'm'), call('m', 'y')];
    model.functions.push(
      create(FunctionProtoSchema, {
        name: `f${i}`,
        domain: 'fuzz',
        input: ['x'],
        output: ['y'],
        node,
        opsetImport: imports,
      }),
    );
  }
  const reader = draw.oneOf(graph.node.filter((n) => n.input.length > 0));
  if (!reader) return;
  const [x] = reader.input;
  reader.input[0] = 'called';
  graph.node.splice(
    graph.node.indexOf(reader),
    0,
    create(NodeProtoSchema, { opType: 'f0', domain: 'fuzz', input: [x], output: ['called'] }),
  );
};

const changeModel = ({ model, graph }, draw) => {
  const change = draw.below(6);
  if (change === 0) model.opsetImport = [];
  else if (change === 1) for (const o of model.opsetImport) o.version = draw.oneOf(wildInts);
  else if (change === 2) graph.node = [];
  else if (change === 3) graph.output = [];
  else if (change === 4) graph.input = [];
  else model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'ortune', version: 1n }));
};

/** The likelier ones several times. */
const changes = [
  ...Array(5).fill(changeAttribute),
  ...Array(5).fill(changeNode),
  ...Array(4).fill(changeTensor),
  ...Array(4).fill(changeConstant),
  ...Array(3).fill(changeInfo),
  ...Array(5).fill(insertNode),
  addAttribute,
  addChain,
  addFunctions,
  changeModel,
];

/** Sub-graphs, those in others too. */
function* bodiesOf(nodes) {
  for (const { g } of nodes.flatMap((n) => n.attribute)) {
    if (!g) continue;
    yield g;
    yield* bodiesOf(g.node);
  }
}

/**
 * A model file with something wrong.
 * @param {Uint8Array} bytes of a good .onnx file
 * @param {Random} random decides all of it
 * @returns {Uint8Array}
 */
export function mutateModel(bytes, random) {
  const draw = draws(random);
  const model = fromBinary(ModelProtoSchema, bytes);
  const count = 1 + draw.below(3);
  for (let i = 0; i < count; i++) {
    const bodies = [...bodiesOf(model.graph.node)];
    const graph = bodies.length > 0 && draw.chance(0.5) ? draw.oneOf(bodies) : model.graph;
    const nodes = [...model.graph.node, ...model.functions.flatMap((f) => f.node), ...bodies.flatMap((b) => b.node)];
    const values = [
      '',
      ...[...new Set([model.graph, graph])].flatMap((g) => [
        ...g.initializer.map((t) => t.name),
        ...g.input.map((v) => v.name),
        ...g.node.flatMap((n) => n.output),
      ]),
    ];
    draw.oneOf(changes)({ model, graph, nodes, values }, draw);
  }
  const mutant = toBinary(ModelProtoSchema, model);
  if (draw.chance(0.05)) mutant[draw.below(mutant.length)] = draw.below(256);
  return draw.chance(0.02) ? mutant.slice(0, draw.below(mutant.length)) : mutant;
}
