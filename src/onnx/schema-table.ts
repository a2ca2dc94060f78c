// Made by scripts/operator-schemas.py; not to be edited. For each operator of the default domain, and each opset that
// changed it: inputs and outputs ('a' one that is needed, '?' one that may be left out, '*' any number), and attributes
// with their kind ('!': needed). Kinds: f float, i int, s string, t tensor, g graph, p sparse tensor, y type; capital
// letters are lists of them.

export const schemaTable = `
Abs 1 a a consumed_inputs:I
Abs 6 a a
Acos 7 a a
Acosh 9 a a
Add 1 aa a axis:i broadcast:i consumed_inputs:I
Add 6 aa a axis:i broadcast:i
Add 7 aa a
AffineGrid 20 aa a align_corners:i
And 1 aa a axis:i broadcast:i
And 7 aa a
ArgMax 1 a a axis:i keepdims:i
ArgMax 12 a a axis:i keepdims:i select_last_index:i
ArgMin 1 a a axis:i keepdims:i
ArgMin 12 a a axis:i keepdims:i select_last_index:i
Asin 7 a a
Asinh 9 a a
Atan 7 a a
Atanh 9 a a
Attention 23 aaa??? a??? is_causal:i kv_num_heads:i q_num_heads:i qk_matmul_output_mode:i scale:f softcap:f softmax_precision:i
Attention 24 aaa???? a??? is_causal:i kv_num_heads:i q_num_heads:i qk_matmul_output_mode:i scale:f softcap:f softmax_precision:i
Attention 25 aaa???? a??? is_causal:i kv_num_heads:i left_window_size:i q_num_heads:i qk_matmul_output_mode:i right_window_size:i scale:f softcap:f softmax_precision:i
AveragePool 1 a a auto_pad:s kernel_shape:I! pads:I strides:I
AveragePool 7 a a auto_pad:s count_include_pad:i kernel_shape:I! pads:I strides:I
AveragePool 10 a a auto_pad:s ceil_mode:i count_include_pad:i kernel_shape:I! pads:I strides:I
AveragePool 19 a a auto_pad:s ceil_mode:i count_include_pad:i dilations:I kernel_shape:I! pads:I strides:I
BatchNormalization 1 aaaaa a???? consumed_inputs:I! epsilon:f is_test:i momentum:f spatial:i
BatchNormalization 6 aaaaa a???? epsilon:f is_test:i momentum:f spatial:i
BatchNormalization 7 aaaaa a???? epsilon:f momentum:f spatial:i
BatchNormalization 9 aaaaa a???? epsilon:f momentum:f
BatchNormalization 14 aaaaa a?? epsilon:f momentum:f training_mode:i
Bernoulli 15 a a dtype:i seed:f
BitShift 11 aa a direction:s!
BitwiseAnd 18 aa a
BitwiseNot 18 a a
BitwiseOr 18 aa a
BitwiseXor 18 aa a
BlackmanWindow 17 a a output_datatype:i periodic:i
Cast 1 a a to:s!
Cast 6 a a to:i!
Cast 19 a a saturate:i to:i!
Cast 24 a a round_mode:s saturate:i to:i!
CastLike 15 aa a
CastLike 19 aa a saturate:i
CastLike 24 aa a round_mode:s saturate:i
Ceil 1 a a consumed_inputs:I
Ceil 6 a a
Celu 12 a a alpha:f
CenterCropPad 18 aa a axes:I
Clip 1 a a consumed_inputs:I max:f min:f
Clip 6 a a max:f min:f
Clip 11 a?? a
Col2Im 18 aaa a dilations:I pads:I strides:I
Compress 9 aa a axis:i
Concat 1 a* a axis:i
Concat 4 a* a axis:i!
ConcatFromSequence 11 a a axis:i! new_axis:i
Constant 1 - a value:t!
Constant 11 - a sparse_value:p value:t
Constant 12 - a sparse_value:p value:t value_float:f value_floats:F value_int:i value_ints:I value_string:s value_strings:S
ConstantOfShape 9 a a value:t
Conv 1 aa? a auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I
ConvInteger 10 aa?? a auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I
ConvTranspose 1 aa? a auto_pad:s dilations:I group:i kernel_shape:I output_padding:I output_shape:I pads:I strides:I
Cos 7 a a
Cosh 9 a a
CumSum 11 aa a exclusive:i reverse:i
DFT 17 a? a axis:i inverse:i onesided:i
DFT 20 a?? a inverse:i onesided:i
DeformConv 19 aaa?? a dilations:I group:i kernel_shape:I offset_group:i pads:I strides:I
DepthToSpace 1 a a blocksize:i!
DepthToSpace 11 a a blocksize:i! mode:s
DequantizeLinear 10 aa? a
DequantizeLinear 13 aa? a axis:i
DequantizeLinear 21 aa? a axis:i block_size:i
DequantizeLinear 23 aa? a axis:i block_size:i output_dtype:i
Det 11 a a
Div 1 aa a axis:i broadcast:i consumed_inputs:I
Div 6 aa a axis:i broadcast:i
Div 7 aa a
Dropout 1 a a? consumed_inputs:I is_test:i ratio:f
Dropout 6 a a? is_test:i ratio:f
Dropout 7 a a? ratio:f
Dropout 12 a?? a? seed:i
DynamicQuantizeLinear 11 a aaa
Einsum 12 a* a equation:s!
Elu 1 a a alpha:f consumed_inputs:I
Elu 6 a a alpha:f
Equal 1 aa a axis:i broadcast:i
Equal 7 aa a
Erf 9 a a
Exp 1 a a consumed_inputs:I
Exp 6 a a
Expand 8 aa a
EyeLike 9 a a dtype:i k:i
Flatten 1 a a axis:i
Floor 1 a a consumed_inputs:I
Floor 6 a a
GRU 1 aaa??? ?a activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i output_sequence:i
GRU 3 aaa??? ?? activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i linear_before_reset:i output_sequence:i
GRU 7 aaa??? ?? activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i linear_before_reset:i
GRU 14 aaa??? ?? activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i layout:i linear_before_reset:i
Gather 1 aa a axis:i
GatherElements 11 aa a axis:i
GatherND 11 aa a
GatherND 12 aa a batch_dims:i
Gelu 20 a a approximate:s
Gemm 1 aaa a alpha:f beta:f broadcast:i transA:i transB:i
Gemm 7 aaa a alpha:f beta:f transA:i transB:i
Gemm 11 aa? a alpha:f beta:f transA:i transB:i
GlobalAveragePool 1 a a
GlobalLpPool 1 a a p:f
GlobalLpPool 2 a a p:i
GlobalMaxPool 1 a a
Greater 1 aa a axis:i broadcast:i
Greater 7 aa a
GreaterOrEqual 12 aa a
GridSample 16 aa a align_corners:i mode:s padding_mode:s
GroupNormalization 18 aaa a epsilon:f num_groups:i!
GroupNormalization 21 aaa a epsilon:f num_groups:i! stash_type:i
HammingWindow 17 a a output_datatype:i periodic:i
HannWindow 17 a a output_datatype:i periodic:i
HardSigmoid 1 a a alpha:f beta:f consumed_inputs:I
HardSigmoid 6 a a alpha:f beta:f
HardSwish 14 a a
Hardmax 1 a a axis:i
Identity 1 a a
If 1 a a* else_branch:g! then_branch:g!
ImageDecoder 20 a a pixel_format:s
InstanceNormalization 1 aaa a consumed_inputs:I epsilon:f
InstanceNormalization 6 aaa a epsilon:f
IsInf 10 a a detect_negative:i detect_positive:i
IsNaN 9 a a
LRN 1 a a alpha:f beta:f bias:f size:i!
LSTM 1 aaa????? ??? activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i input_forget:i output_sequence:i
LSTM 7 aaa????? ??? activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i input_forget:i
LSTM 14 aaa????? ??? activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i input_forget:i layout:i
LayerNormalization 17 aa? a?? axis:i epsilon:f stash_type:i
LeakyRelu 1 a a alpha:f consumed_inputs:I
LeakyRelu 6 a a alpha:f
Less 1 aa a axis:i broadcast:i
Less 7 aa a
LessOrEqual 12 aa a
Log 1 a a consumed_inputs:I
Log 6 a a
LogSoftmax 1 a a axis:i
Loop 1 ??a* a* body:g!
Loop 11 ??* a* body:g!
LpNormalization 1 a a axis:i p:i
LpPool 1 a a auto_pad:s kernel_shape:I p:f pads:I strides:I
LpPool 2 a a auto_pad:s kernel_shape:I! p:i pads:I strides:I
LpPool 18 a a auto_pad:s ceil_mode:i dilations:I kernel_shape:I! p:i pads:I strides:I
MatMul 1 aa a
MatMulInteger 10 aa?? a
Max 1 a* a consumed_inputs:I
Max 6 a* a
MaxPool 1 a a auto_pad:s kernel_shape:I! pads:I strides:I
MaxPool 8 a a? auto_pad:s kernel_shape:I! pads:I storage_order:i strides:I
MaxPool 10 a a? auto_pad:s ceil_mode:i dilations:I kernel_shape:I! pads:I storage_order:i strides:I
MaxRoiPool 1 aa a pooled_shape:I! spatial_scale:f
MaxUnpool 9 aa? a kernel_shape:I! pads:I strides:I
Mean 1 a* a consumed_inputs:I
Mean 6 a* a
MeanVarianceNormalization 9 a a axes:I
MelWeightMatrix 17 aaaaa a output_datatype:i
Min 1 a* a consumed_inputs:I
Min 6 a* a
Mish 18 a a
Mod 10 aa a fmod:i
Mul 1 aa a axis:i broadcast:i consumed_inputs:I
Mul 6 aa a axis:i broadcast:i
Mul 7 aa a
Multinomial 7 a a dtype:i sample_size:i seed:f
Neg 1 a a consumed_inputs:I
Neg 6 a a
NegativeLogLikelihoodLoss 12 aa? a ignore_index:i reduction:s
NonMaxSuppression 10 aa??? a center_point_box:i
NonZero 9 a a
Not 1 a a
OneHot 9 aaa a axis:i
Optional 15 ? a type:y
OptionalGetElement 15 a a
OptionalHasElement 15 a a
OptionalHasElement 18 ? a
Or 1 aa a axis:i broadcast:i
Or 7 aa a
PRelu 1 aa a consumed_inputs:I
PRelu 6 aa a
Pad 1 a a mode:s paddings:I! value:f
Pad 2 a a mode:s pads:I! value:f
Pad 11 aa? a mode:s
Pad 18 aa?? a mode:s
Pow 1 aa a axis:i broadcast:i
Pow 7 aa a
QLinearConv 10 aaaaaaaa? a auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I
QLinearMatMul 10 aaaaaaaa a
QuantizeLinear 10 aa? a
QuantizeLinear 13 aa? a axis:i
QuantizeLinear 19 aa? a axis:i saturate:i
QuantizeLinear 21 aa? a axis:i block_size:i output_dtype:i saturate:i
QuantizeLinear 23 aa? a axis:i block_size:i output_dtype:i precision:i saturate:i
RMSNormalization 23 aa a axis:i epsilon:f stash_type:i
RNN 1 aaa??? ?? activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i output_sequence:i
RNN 7 aaa??? ?? activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i
RNN 14 aaa??? ?? activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i layout:i
RandomNormal 1 - a dtype:i mean:f scale:f seed:f shape:I!
RandomNormalLike 1 a a dtype:i mean:f scale:f seed:f
RandomUniform 1 - a dtype:i high:f low:f seed:f shape:I!
RandomUniformLike 1 a a dtype:i high:f low:f seed:f
Range 11 aaa a
Reciprocal 1 a a consumed_inputs:I
Reciprocal 6 a a
ReduceL1 1 a a axes:I keepdims:i
ReduceL1 18 a? a keepdims:i noop_with_empty_axes:i
ReduceL2 1 a a axes:I keepdims:i
ReduceL2 18 a? a keepdims:i noop_with_empty_axes:i
ReduceLogSum 1 a a axes:I keepdims:i
ReduceLogSum 18 a? a keepdims:i noop_with_empty_axes:i
ReduceLogSumExp 1 a a axes:I keepdims:i
ReduceLogSumExp 18 a? a keepdims:i noop_with_empty_axes:i
ReduceMax 1 a a axes:I keepdims:i
ReduceMax 18 a? a keepdims:i noop_with_empty_axes:i
ReduceMean 1 a a axes:I keepdims:i
ReduceMean 18 a? a keepdims:i noop_with_empty_axes:i
ReduceMin 1 a a axes:I keepdims:i
ReduceMin 18 a? a keepdims:i noop_with_empty_axes:i
ReduceProd 1 a a axes:I keepdims:i
ReduceProd 18 a? a keepdims:i noop_with_empty_axes:i
ReduceSum 1 a a axes:I keepdims:i
ReduceSum 13 a? a keepdims:i noop_with_empty_axes:i
ReduceSumSquare 1 a a axes:I keepdims:i
ReduceSumSquare 18 a? a keepdims:i noop_with_empty_axes:i
RegexFullMatch 20 a a pattern:s
Relu 1 a a consumed_inputs:I
Relu 6 a a
Reshape 1 a a consumed_inputs:I shape:I
Reshape 5 aa a
Reshape 14 aa a allowzero:i
Resize 10 aa a mode:s
Resize 11 aaa? a coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i extrapolation_value:f mode:s nearest_mode:s
Resize 13 a??? a coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i extrapolation_value:f mode:s nearest_mode:s
Resize 18 a??? a antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i extrapolation_value:f keep_aspect_ratio_policy:s mode:s nearest_mode:s
ReverseSequence 10 aa a batch_axis:i time_axis:i
RoiAlign 10 aaa a mode:s output_height:i output_width:i sampling_ratio:i spatial_scale:f
RoiAlign 16 aaa a coordinate_transformation_mode:s mode:s output_height:i output_width:i sampling_ratio:i spatial_scale:f
RotaryEmbedding 23 aaa? a interleaved:i num_heads:i rotary_embedding_dim:i
Round 11 a a
STFT 17 aa?? a onesided:i
Scan 8 ?a* a* body:g! directions:I num_scan_inputs:i!
Scan 9 a* a* body:g! num_scan_inputs:i! scan_input_axes:I scan_input_directions:I scan_output_axes:I scan_output_directions:I
Scatter 9 aaa a axis:i
ScatterElements 11 aaa a axis:i
ScatterElements 16 aaa a axis:i reduction:s
ScatterND 11 aaa a
ScatterND 16 aaa a reduction:s
Selu 1 a a alpha:f consumed_inputs:I gamma:f
Selu 6 a a alpha:f gamma:f
SequenceAt 11 aa a
SequenceConstruct 11 a* a
SequenceEmpty 11 - a dtype:i
SequenceErase 11 a? a
SequenceInsert 11 aa? a
SequenceLength 11 a a
SequenceMap 17 a* a* body:g!
Shape 1 a a
Shape 15 a a end:i start:i
Shrink 9 a a bias:f lambd:f
Sigmoid 1 a a consumed_inputs:I
Sigmoid 6 a a
Sign 9 a a
Sin 7 a a
Sinh 9 a a
Size 1 a a
Slice 1 a a axes:I ends:I! starts:I!
Slice 10 aaa?? a
Softmax 1 a a axis:i
SoftmaxCrossEntropyLoss 12 aa? a? ignore_index:i reduction:s
Softplus 1 a a
Softsign 1 a a
SpaceToDepth 1 a a blocksize:i!
Split 1 a? a* axis:i split:I
Split 2 a a* axis:i split:I
Split 13 a? a* axis:i
Split 18 a? a* axis:i num_outputs:i
SplitToSequence 11 a? a axis:i keepdims:i
Sqrt 1 a a consumed_inputs:I
Sqrt 6 a a
Squeeze 1 a a axes:I
Squeeze 13 a? a
StringConcat 20 aa a
StringNormalizer 10 a a case_change_action:s is_case_sensitive:i locale:s stopwords:S
StringSplit 20 a aa delimiter:s maxsplit:i
Sub 1 aa a axis:i broadcast:i consumed_inputs:I
Sub 6 aa a axis:i broadcast:i
Sub 7 aa a
Sum 1 a* a consumed_inputs:I
Sum 6 a* a
Swish 24 a a alpha:f
Tan 7 a a
Tanh 1 a a consumed_inputs:I
Tanh 6 a a
TensorScatter 24 aa? a axis:i mode:s
TfIdfVectorizer 9 a a max_gram_length:i! max_skip_count:i! min_gram_length:i! mode:s! ngram_counts:I! ngram_indexes:I! pool_int64s:I pool_strings:S weights:F
ThresholdedRelu 10 a a alpha:f
Tile 1 aaa a
Tile 6 aa a
TopK 1 a aa axis:i k:i!
TopK 10 aa aa axis:i
TopK 11 aa aa axis:i largest:i sorted:i
Transpose 1 a a perm:I
Trilu 14 a? a upper:i
Unique 11 a a??? axis:i sorted:i
Unsqueeze 1 a a axes:I!
Unsqueeze 13 aa a
Upsample 1 a a height_scale:f! mode:s width_scale:f!
Upsample 7 a a mode:s scales:F!
Upsample 9 aa a mode:s
Where 9 aaa a
Xor 1 aa a axis:i broadcast:i
Xor 7 aa a
`;
