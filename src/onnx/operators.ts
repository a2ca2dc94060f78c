// What the passes need to know of an operator beside its output types (shapes/) and its gradient (autodiff/rules/):
// one row of traits per operator, which all passes read. An operator without a row has none of the traits, so a pass
// leaves it alone. A new activation needs a rule, a shape and a row here.

import { type Graph, type Node, operatorKey, type Value } from './graph.js';
import { elementCount } from './tensor.js';

export type Role = 'weight' | 'bias';

/**
 * `matrix`: only with two axes or more. `plain`: this value all over, in a Constant node or `always`, says that the
 * layer has no weights of its own.
 */
export interface WeightRole {
  role: Role;
  matrix?: boolean;
  plain?: number;
  always?: boolean;
  /** The first axis is one of directions: along it stand several of the kind. */
  stacked?: boolean;
  /** What PyTorch calls it in its layers of several weights, before the number of the layer. */
  part?: string;
}

export interface OperatorTraits {
  /**
   * Computes each element from the elements at its place. `free`: the order of the axes does not matter; `placed`: it
   * does, for a bias along the last axis or a random number drawn by the element's place.
   */
  readonly elementwise?: 'free' | 'placed';
  /**
   * Gives out what input 0 holds, element for element: each once (`rearranges`), several times (`repeats`), those of a
   * range (`cuts`) or at given positions (`picks`); or what all its inputs hold (`joins`).
   */
  readonly moves?: 'rearranges' | 'repeats' | 'cuts' | 'picks' | 'joins';
  /** The elements stay in their order, so that the output can be the input's memory. */
  readonly view?: boolean;
  /** Product of a matrix with rows or with other matrices: a linear layer, where one operand is a weight. */
  readonly product?: boolean;
  /** Multiply-adds of a node of a static graph; absent: too few to count. */
  readonly work?: (graph: Graph, node: Node) => number;
  /**
   * Mixed precision. `low`: computed in the 16-bit type; `promote`: in it where all operands are; `float32`: computed
   * in float32 and rounded, since products read the result or theirs are added to it. Absent: float32, result included.
   */
  readonly autocast?: 'low' | 'promote' | 'float32';
  /** CUDA, which alone computes in bfloat16, has no kernel for it in that type (test/fixtures/cuda). */
  readonly noBfloat16?: boolean;
  /** What an input holds where it is a learned tensor; a weight may stand elsewhere too (transfer/weights.ts). */
  readonly weights?: Readonly<Record<number, WeightRole>>;
  /** A constant operand of one element is a number of the arithmetic and not a weight. */
  readonly takesNumbers?: boolean;
  /** Inputs with rounded numbers, or what scales them: frozen, in the form that the file stores. */
  readonly stored?: Readonly<Record<number, string>>;
  /** Gives input 0 with each element rounded: what reads it reads the weight. */
  readonly rounds?: boolean;
  /** Inputs that were measured or chosen, not learned, and what they are. */
  readonly given?: Readonly<Record<number, string>>;
  /** Reads the shape of its input and not the values. */
  readonly measures?: boolean;
  /** Computes every row, a vector of the last axis, by itself; a reduction where that is the axis it reduces. */
  readonly byRow?: boolean;
  /** May give one vector for many, of tokens or of places: the end of a trunk. */
  readonly pools?: boolean;
  /** Gives the mean of several elements. */
  readonly averages?: boolean;
}

const elements = (graph: Graph, value: Value): number => elementCount(graph.shape(value));

/** y elements of as many multiply-adds as the operand has in the axis that is summed. */
const matrixWork = (graph: Graph, { inputs: [x], outputs: [y], attrs }: Node): number =>
  elements(graph, y!) * graph.shape(x!).at(Number(attrs.get('transA')?.value ?? 0) ? -2 : -1)!;

/** As many multiply-adds for every element of the output as an input has in its last axis. */
const rowWork = (graph: Graph, { inputs: [x], outputs: [y] }: Node): number =>
  elements(graph, y!) * graph.shape(x!).at(-1)!;

/** One filter, [out, in / groups, …kernel], for every element of the output. */
const convolutionWork = (graph: Graph, { inputs: [, w], outputs: [y] }: Node): number =>
  elements(graph, y!) * elementCount(graph.shape(w!).slice(1));

/** One filter, [in, out / groups, …kernel], for every element of the input. */
const transposedWork = (graph: Graph, { inputs: [x, w] }: Node): number =>
  elements(graph, x!) * elementCount(graph.shape(w!).slice(1));

/** As if all axes of the first operand but the outermost were summed. */
const einsumWork = (graph: Graph, { inputs: [x], outputs: [y] }: Node): number =>
  elements(graph, y!) * (elements(graph, x!) / (graph.shape(x!)[0] ?? 1));

/** W and R, of every direction, for every step of every sequence. */
const recurrentWork = (graph: Graph, { inputs: [x, w, r] }: Node): number =>
  (elements(graph, x!) / graph.shape(x!)[2]!) * (elements(graph, w!) + elements(graph, r!));

const scaleAndBias = { 1: { role: 'weight' }, 2: { role: 'bias' } } as const;
const matrices = { 0: { role: 'weight', matrix: true }, 1: { role: 'weight', matrix: true } } as const;
const bias = { 1: { role: 'bias' } } as const;

const recurrentLayer: OperatorTraits = {
  work: recurrentWork,
  weights: {
    1: { role: 'weight', matrix: true, part: 'weight_ih_l' },
    2: { role: 'weight', matrix: true, part: 'weight_hh_l' },
    3: { role: 'bias', stacked: true, part: 'bias_l' },
    7: { role: 'weight', stacked: true, part: 'weight_peephole_l' },
  },
};

const free: OperatorTraits = { elementwise: 'free' };
/** An activation that float16 is too narrow for inside. */
const activation: OperatorTraits = { ...free, autocast: 'float32' };
const biasedActivation: OperatorTraits = { ...activation, elementwise: 'placed', weights: bias };
const normalised = { 1: { role: 'weight', plain: 1 }, 2: { role: 'bias', plain: 0 } } as const;
const normalisation: OperatorTraits = { autocast: 'float32', weights: normalised };
const rootMeanSquare: OperatorTraits = { byRow: true, weights: { 1: { role: 'weight' } } };
/** Rows that are looked up. */
const looked: WeightRole = { role: 'weight', matrix: true };
/** PyTorch has no derivative by how much classes count either. */
const loss: OperatorTraits = { given: { 2: 'how much each class counts' } };
const gradient: OperatorTraits = { autocast: 'float32' };
const promote: OperatorTraits = { autocast: 'promote' };
const rearranges: OperatorTraits = { ...promote, moves: 'rearranges' };
const view: OperatorTraits = { ...rearranges, view: true };

const products: Record<string, OperatorTraits> = {
  MatMul: { product: true, work: matrixWork, autocast: 'low', weights: matrices, takesNumbers: true },
  Gemm: { product: true, work: matrixWork, autocast: 'low', weights: { ...matrices, 2: { role: 'bias' } } },
  'com.microsoft.FusedMatMul': { product: true, work: matrixWork, autocast: 'low', weights: matrices },
  'com.microsoft.MatMulNBits': {
    product: true,
    work: rowWork,
    weights: { 5: { role: 'bias' } },
    stored: { 1: 'rounded numbers', 2: 'the scales of rounded numbers', 3: 'the zeros of rounded numbers' },
  },
  'com.microsoft.MatMulBnb4': {
    product: true,
    work: rowWork,
    stored: { 1: 'codes of numbers', 2: 'the scales of codes' },
  },
  'com.microsoft.TransposeMatMul': { product: true, weights: matrices },
  'com.microsoft.FusedGemm': { product: true, weights: { ...matrices, 2: { role: 'bias' } } },
  Conv: { work: convolutionWork, autocast: 'low', noBfloat16: true, weights: scaleAndBias },
  ConvTranspose: { work: transposedWork, autocast: 'low', noBfloat16: true, weights: scaleAndBias },
  DeformConv: { work: convolutionWork, weights: { 1: { role: 'weight' }, 3: { role: 'bias' } } },
  RoiAlign: { given: { 1: 'regions of the images' } },
  'com.microsoft.Attention': { product: true, weights: { 1: { role: 'weight', matrix: true }, 2: { role: 'bias' } } },
  'com.microsoft.RelativePositionBias': { weights: { 0: looked } },
  'com.microsoft.GatedRelativePositionBias': {
    weights: { 1: { role: 'bias' }, 3: { role: 'weight', matrix: true }, 4: { role: 'bias' }, 5: { role: 'weight' } },
  },
  'com.microsoft.MultiHeadAttention': { weights: { 3: { role: 'bias' } } },
  'com.microsoft.FusedConv': { weights: scaleAndBias },
  'com.microsoft.NhwcFusedConv': { weights: scaleAndBias },
  Einsum: { work: einsumWork },
  LSTM: recurrentLayer,
  GRU: recurrentLayer,
  RNN: recurrentLayer,
};

const dequantising: OperatorTraits = {
  stored: { 0: 'rounded numbers', 1: 'the scales of rounded numbers', 2: 'the zeros of rounded numbers' },
};

const movement: Record<string, OperatorTraits> = {
  Reshape: view,
  Squeeze: view,
  Unsqueeze: view,
  Flatten: view,
  Identity: { ...rearranges, elementwise: 'free' },
  Transpose: rearranges,
  DepthToSpace: rearranges,
  SpaceToDepth: rearranges,
  Expand: { ...promote, moves: 'repeats' },
  Tile: { ...promote, moves: 'repeats' },
  Slice: { ...promote, moves: 'cuts', pools: true },
  Split: { ...promote, moves: 'cuts' },
  Concat: { ...promote, moves: 'joins' },
  Gather: {
    ...promote,
    moves: 'picks',
    pools: true,
    weights: { 0: looked },
    takesNumbers: true,
  },
  GatherND: { moves: 'picks', pools: true },
  Pad: { ...promote, noBfloat16: true },
  Where: promote,
  'com.microsoft.GatherBlockQuantized': {
    stored: { 0: 'rounded numbers', 2: 'the scales of rounded numbers', 3: 'the zeros of rounded numbers' },
  },
  'ortune.DynamicFakeQuantize': { rounds: true },
  'ortune.FakeQuantize': { rounds: true, stored: { 1: 'the scales of rounded numbers' } },
  DequantizeLinear: dequantising,
  Shape: { measures: true },
  Size: { measures: true },
};

const arithmetic: Record<string, OperatorTraits> = {
  Add: { ...free, ...promote, weights: { 0: { role: 'bias' }, 1: { role: 'bias' } }, takesNumbers: true },
  Sub: { ...free, ...promote, weights: bias, takesNumbers: true },
  Mul: { ...free, ...promote, weights: { 0: { role: 'weight' }, 1: { role: 'weight' } }, takesNumbers: true },
  Div: free,
  Sum: { ...free, ...promote },
  Min: free,
  Max: free,
  Pow: free,
  Sqrt: free,
  Reciprocal: free,
  Exp: free,
  Log: free,
  Neg: { ...free, ...promote },
  Abs: free,
  Cast: free,
};

const activations: Record<string, OperatorTraits> = {
  Relu: { ...free, ...promote },
  LeakyRelu: { ...free, ...promote },
  Clip: { ...free, ...promote, noBfloat16: true },
  PRelu: { ...activation, weights: { 1: { role: 'weight' } } },
  Elu: activation,
  Celu: activation,
  Selu: activation,
  ThresholdedRelu: free,
  Shrink: free,
  HardSigmoid: activation,
  HardSwish: activation,
  Sigmoid: activation,
  Tanh: activation,
  Erf: activation,
  Softplus: free,
  Softsign: free,
  Mish: activation,
  Gelu: activation,
  'ortune.Activation': free,
  'com.microsoft.Gelu': activation,
  'com.microsoft.QuickGelu': free,
  'com.microsoft.BiasAdd': { weights: bias },
  'com.microsoft.BiasSplitGelu': { weights: bias },
  Swish: free,
  'com.microsoft.BiasGelu': biasedActivation,
  'com.microsoft.FastGelu': biasedActivation,
  Softmax: { autocast: 'float32' },
  Dropout: free,
  'ortune.Dropout': { ...promote, elementwise: 'placed' },
};

const normalisations: Record<string, OperatorTraits> = {
  LayerNormalization: { ...normalisation, byRow: true },
  'com.microsoft.SkipLayerNormalization': {
    byRow: true,
    weights: { 2: { role: 'weight' }, 3: { role: 'bias' }, 4: { role: 'bias' } },
  },
  SimplifiedLayerNormalization: rootMeanSquare,
  RMSNormalization: rootMeanSquare,
  'com.microsoft.SkipSimplifiedLayerNormalization': {
    byRow: true,
    weights: { 2: { role: 'weight' }, 3: { role: 'bias' } },
  },
  'com.microsoft.EmbedLayerNormalization': {
    weights: { 2: looked, 3: looked, 4: looked, 5: { role: 'weight' }, 6: { role: 'bias' } },
  },
  'com.microsoft.GroupNorm': { weights: scaleAndBias },
  'com.microsoft.SkipGroupNorm': { weights: { ...scaleAndBias, 4: { role: 'bias' } } },
  BatchNormalization: { ...normalisation, given: { 3: 'the mean of its channels', 4: 'the variance of its channels' } },
  GroupNormalization: normalisation,
  NegativeLogLikelihoodLoss: loss,
  SoftmaxCrossEntropyLoss: loss,
  // Group normalisation of older opsets is written with this operator, its own scale and bias left at 1 and 0.
  InstanceNormalization: {
    autocast: 'float32',
    weights: { 1: { ...normalised[1], always: true }, 2: { ...normalised[2], always: true } },
  },
  'ortune.BatchNorm': { autocast: 'float32' },
};

const reductions: Record<string, OperatorTraits> = {
  ReduceMean: { byRow: true, pools: true, averages: true },
  ReduceSum: { pools: true },
  ReduceMax: { pools: true },
  GlobalAveragePool: { autocast: 'float32', pools: true, averages: true },
  GlobalMaxPool: { pools: true },
  AveragePool: { autocast: 'float32', averages: true },
  MaxPool: { ...promote, noBfloat16: true },
  Resize: { autocast: 'float32' },
};

const gradients: Record<string, OperatorTraits> = {
  'ortune.MaxPoolScatter': { ...promote, noBfloat16: true },
  'ortune.GeluGrad': gradient,
  'ortune.BiasGeluGrad': gradient,
  'ortune.SoftmaxGrad': gradient,
  'ortune.LayerNormalizationGrad': gradient,
  'ortune.BatchNormGrad': gradient,
};

const table: ReadonlyMap<string, OperatorTraits> = new Map(
  [products, movement, arithmetic, activations, normalisations, reductions, gradients].flatMap(Object.entries),
);
const none: OperatorTraits = {};

/** The traits of an operator by its name as tables write it: `Op`, or `domain.Op` outside the default domain. */
export const traitsOfOperator = (key: string): OperatorTraits => table.get(key) ?? none;

/** The traits of a node's operator; none of them for an operator without a row. */
export const traitsOf = (node: Pick<Node, 'op' | 'domain'>): OperatorTraits => traitsOfOperator(operatorKey(node));

/** The operators with a trait, by their names as tables write them. */
export const operatorsWith = (has: (traits: OperatorTraits) => unknown): string[] =>
  [...table].filter(([, traits]) => has(traits)).map(([key]) => key);

/** Multiply-adds of a product or convolution of a static graph; 0 of every other node. */
export const workOf = (graph: Graph, node: Node): number => traitsOf(node).work?.(graph, node) ?? 0;
