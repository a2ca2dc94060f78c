// The kernel table of one instruction set. Each kernel's own source defines it in the namespace ORTUNE_ISA.
#include "ops/kernels.h"

namespace ortune::ORTUNE_ISA {

void gelu_grad(const GeluGrad&, int64_t);
void bias_gelu(const BiasGelu&, int64_t);
void bias_gelu_grad(const BiasGeluGrad&, int64_t);
void transpose(const Transpose&, int64_t);
void dropout(const Dropout&, int64_t);
void softmax_grad(const SoftmaxGrad&, int64_t);
void log_softmax_grad(const LogSoftmaxGrad&, int64_t);
void layer_norm_grad(const LayerNormGrad&, int64_t);
void bias_grad(const BiasGrad&, int64_t);
void add_partials(const AddPartials&, int64_t);
void embedding_zero(const EmbeddingGrad&, int64_t);
void embedding_add(const EmbeddingGrad&, int64_t);
void attention(const Attention&, int64_t);
void attention_grad(const AttentionGrad&, int64_t);
void moments(const Moments&, int64_t);
void statistics(const Statistics&, int64_t);
void normalise(const Normalise&, int64_t);
void norm_sums(const NormSums&, int64_t);
void norm_grad(const NormGrad&, int64_t);
void activate(const Activate&, int64_t);
void gemm_pack(const Gemm&, int64_t);
void gemm(const Gemm&, int64_t);
void gemm_total(const Gemm&, int64_t);
void conv_panels_pack(const ConvPanelsPack&, int64_t);
void conv_panels(const ConvPanels&, int64_t);
void conv_pack(const ConvPack&, int64_t);
void conv(const Conv&, int64_t);
void conv_weight(const ConvWeight&, int64_t);
void conv_weight_total(const ConvWeight&, int64_t);
void depthwise_pack(const DepthwisePack&, int64_t);
void depthwise(const Depthwise&, int64_t);
void depthwise_weight(const DepthwiseWeight&, int64_t);
void depthwise_weight_total(const DepthwiseWeight&, int64_t);
void pool(const Pool&, int64_t);
void max_pool_grad(const MaxPoolGrad&, int64_t);
void cross_entropy(const CrossEntropy&, int64_t);
void cross_entropy_total(const CrossEntropy&, int64_t);
void cross_entropy_grad(const CrossEntropyGrad&, int64_t);
void gradient_norm(const Update&, int64_t);
void gradient_norm_total(const Update&, int64_t);
void adamw(const Update&, int64_t);
void sgd(const Update&, int64_t);
void resample(const Resample&);
void affine(const Affine&);
void finish(const Finish&);
void colour(const Colour&);
void mix(const Mix&);

#define ORTUNE_QUOTED(name) #name
#define ORTUNE_TEXT(macro) ORTUNE_QUOTED(macro)

extern const Kernels kKernels;
#if defined(__AMX_BF16__)
constexpr bool kFastPanels = true;
#else
constexpr bool kFastPanels = false;
#endif
const Kernels kKernels = {ORTUNE_TEXT(ORTUNE_ISA),
                          kFastPanels,
                          gelu_grad,
                          bias_gelu,
                          bias_gelu_grad,
                          transpose,
                          dropout,
                          softmax_grad,
                          log_softmax_grad,
                          layer_norm_grad,
                          bias_grad,
                          add_partials,
                          embedding_zero,
                          embedding_add,
                          attention,
                          attention_grad,
                          moments,
                          statistics,
                          normalise,
                          norm_sums,
                          norm_grad,
                          activate,
                          gemm_pack,
                          gemm,
                          gemm_total,
                          conv_panels_pack,
                          conv_panels,
                          conv_pack,
                          conv,
                          conv_weight,
                          conv_weight_total,
                          depthwise_pack,
                          depthwise,
                          depthwise_weight,
                          depthwise_weight_total,
                          pool,
                          max_pool_grad,
                          cross_entropy,
                          cross_entropy_total,
                          cross_entropy_grad,
                          gradient_norm,
                          gradient_norm_total,
                          adamw,
                          sgd,
                          resample,
                          affine,
                          finish,
                          colour,
                          mix};

}  // namespace ortune::ORTUNE_ISA
