// Changes of definitions that leave the meaning of the old form: element types were added, negative axes allowed, or an
// attribute came in whose default is the old behaviour.

import { type Conversion, same } from './rewrite.js';

export const unchanged: readonly Conversion[] = [
  ...same(8, 'Max MaxPool Mean Min Sum'),
  ...same(9, 'BatchNormalization Cast Constant Flatten Gemm Greater Less MatMul PRelu'),
  ...same(10, 'AveragePool Dropout MaxPool'),
  ...same(
    11,
    'ArgMax ArgMin AveragePool Compress Concat Constant Conv ConvTranspose DepthToSpace Equal Flatten Gather',
  ),
  ...same(11, 'Gemm Hardmax LogSoftmax LpPool MaxPool MaxUnpool NonMaxSuppression OneHot ReduceL1 ReduceL2'),
  ...same(11, 'ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Slice'),
  ...same(11, 'Softmax Split Squeeze TopK Unsqueeze'),
  ...same(12, 'ArgMax ArgMin Clip Constant GatherND Max MaxPool Min Pow ReduceMax ReduceMin'),
  ...same(13, 'Abs Add ArgMax ArgMin Cast Ceil Clip Concat Constant DepthToSpace Div Dropout Equal Erf Exp Expand'),
  ...same(13, 'Flatten Floor Gather GatherElements GatherND Gemm Greater Identity IsNaN LRN Less Log MatMul Max Mean'),
  ...same(
    13,
    'MeanVarianceNormalization Min Mod Mul Neg NegativeLogLikelihoodLoss NonZero Pad Pow Reciprocal ReduceL1',
  ),
  ...same(13, 'ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare Relu'),
  ...same(13, 'Reshape ScatterElements ScatterND Shape Sigmoid Sign Size Slice SoftmaxCrossEntropyLoss SpaceToDepth'),
  ...same(13, 'Sqrt Sub Sum Tanh Tile Transpose'),
  ...same(14, 'Add CumSum Div GRU Identity LSTM Mul RNN Relu Reshape Sub'),
  ...same(15, 'BatchNormalization Pow Shape'),
  ...same(16, 'GreaterOrEqual Identity LeakyRelu LessOrEqual PRelu ScatterElements ScatterND Where'),
  ...same(18, 'LpPool Pad Resize ScatterElements ScatterND'),
  ...same(19, 'AveragePool Cast CastLike Constant Equal Identity Pad Reshape Resize Shape Size'),
  ...same(20, 'ConstantOfShape IsInf IsNaN ReduceMax ReduceMin'),
  ...same(
    21,
    'Cast CastLike Constant ConstantOfShape Flatten Identity Pad Reshape Shape Size Squeeze Transpose Unsqueeze',
  ),
  // Since 21 element types were added, narrow floats first of all.
  ...same(
    22,
    'Acos Acosh Asin Asinh Atan Atanh AveragePool Bernoulli Conv ConvTranspose Cos Cosh DeformConv Det Dropout',
  ),
  ...same(22, 'Elu EyeLike GRU GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample HardSigmoid HardSwish'),
  ...same(22, 'InstanceNormalization LSTM LpNormalization LpPool MaxPool MaxRoiPool MaxUnpool Mish Multinomial'),
  ...same(22, 'NegativeLogLikelihoodLoss RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike RoiAlign'),
  ...same(22, 'Round Selu Sin Sinh Softplus Softsign Tan ThresholdedRelu'),
  ...same(23, 'Cast CastLike'),
  ...[23, 24, 25].flatMap((since) =>
    same(since, 'Constant ConstantOfShape Flatten Identity Pad Reshape Shape Size Squeeze Transpose Unsqueeze'),
  ),
  ...same(24, 'TopK'),
  ...same(25, 'Cast CastLike'),
];
