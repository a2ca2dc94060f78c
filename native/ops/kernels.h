// The training kernels: one struct of arguments and one function per kernel, chosen at run time for the CPU.
// A kernel does one chunk of its work. chunks(args) depends on sizes only, chunks are independent and may run
// in any order on any thread, and what several chunks add up to is put together in chunk order by a second
// kernel; so the bits do not depend on the number of threads. Kernels neither allocate, throw nor log: the
// caller owns all memory, scratch included, and has checked lengths. float32, row-major, dense; any
// alignment.
#pragma once

#include <stdint.h>

#include "simd/isa.h"

namespace ortune {

constexpr int64_t kChunkElements = 16384;  // 64 KiB a stream: several streams of a chunk fit the L2 cache
constexpr int64_t kMaxPartials = 64;       // chunks a column sum over rows is split into, at most
constexpr int64_t kColumnBlock = 64;       // columns of a chunk where chunks are blocks of columns

// Internal linkage, for the reason given in simd/vec.h.
static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t at_least_one(int64_t a) { return a < 1 ? 1 : a; }

/// Rows of a chunk where rows are independent.
static inline int64_t chunk_rows(int64_t columns) {
  return at_least_one(kChunkElements / at_least_one(columns));
}
/// Rows of a chunk where rows are added up into one partial sum a chunk.
static inline int64_t partial_rows(int64_t rows) {
  const int64_t even = ceil_div(rows, kMaxPartials);
  return even < 32 ? 32 : even;
}

/// dx = dy * gelu'(x); gelu by erf or by its tanh approximation. dx may be dy.
struct GeluGrad {
  const float *dy, *x;
  float* dx;
  int64_t n;
  bool tanh;
};
static inline int64_t chunks(const GeluGrad& a) { return ceil_div(a.n, kChunkElements); }

/// y = gelu(x + bias), bias along rows of `columns`. y may be x.
struct BiasGelu {
  const float *x, *bias;
  float* y;
  int64_t rows, columns;
  bool tanh;
};
static inline int64_t chunks(const BiasGelu& a) { return ceil_div(a.rows, chunk_rows(a.columns)); }

/// dx = dy * gelu'(x + bias), and the chunk's sum of dx over its rows, written to partials[chunk][columns].
/// dx may be dy.
struct BiasGeluGrad {
  const float *dy, *x, *bias;
  float *dx, *partials;
  int64_t rows, columns;
  bool tanh;
};
static inline int64_t chunks(const BiasGeluGrad& a) { return ceil_div(a.rows, partial_rows(a.rows)); }

/// y[columns, rows] = x[rows, columns] transposed.
struct Transpose {
  const float* x;
  float* y;
  int64_t rows, columns;
};
constexpr int64_t kTransposeColumns = 32;  // columns of x, so rows of y, of a chunk
static inline int64_t chunks(const Transpose& a) { return ceil_div(a.columns, kTransposeColumns); }

/// y = x * factor where the generator keeps the element, else 0. `state` is the hash of key and node id
/// (dropout_state). y may be x.
struct Dropout {
  const float* x;
  float* y;
  int64_t n;
  uint32_t state, threshold;
  float factor;
};
static inline int64_t chunks(const Dropout& a) { return ceil_div(a.n, kChunkElements); }
static inline uint32_t dropout_state(const uint32_t key[4], uint32_t id) {
  return key[0] * 0x9e3779b1u + key[1] * 0x85ebca77u + key[2] * 0xc2b2ae3du + key[3] * 0x27d4eb2fu +
         id * 0x165667b1u;
}

/// Per row of C: dx = scale * y * (dy - sum(dy * y)). dx may be dy or y.
struct SoftmaxGrad {
  const float *dy, *y;
  float* dx;
  int64_t rows, columns;
  float scale;
};
static inline int64_t chunks(const SoftmaxGrad& a) { return ceil_div(a.rows, chunk_rows(a.columns)); }

/// Per row: dx = dy - exp(y) * sum(dy). dx may be dy or y.
struct LogSoftmaxGrad {
  const float *dy, *y;
  float* dx;
  int64_t rows, columns;
};
static inline int64_t chunks(const LogSoftmaxGrad& a) { return ceil_div(a.rows, chunk_rows(a.columns)); }

/// Per row: dx of y = scale * (x - mean) / sqrt(variance + epsilon) + bias, and the chunk's sums of
/// dy * normalised x and of dy, written to partials[chunk][2][columns]. dx may be dy, or null; partials may
/// be null.
struct LayerNormGrad {
  const float *dy, *x, *scale;
  float *dx, *partials;
  int64_t rows, columns;
  float epsilon;
};
static inline int64_t chunks(const LayerNormGrad& a) { return ceil_div(a.rows, partial_rows(a.rows)); }

/// Per row: y = x / sqrt(mean(x^2) + epsilon) * scale. y may be x.
struct RmsNorm {
  const float *x, *scale;
  float* y;
  int64_t rows, columns;
  float epsilon;
};
static inline int64_t chunks(const RmsNorm& a) { return ceil_div(a.rows, chunk_rows(a.columns)); }

/// dx of RmsNorm, and the chunk's sum over its rows of dy * normalised x, written to
/// partials[chunk][columns]. dx may be dy, or null; partials may be null.
struct RmsNormGrad {
  const float *dy, *x, *scale;
  float *dx, *partials;
  int64_t rows, columns;
  float epsilon;
};
static inline int64_t chunks(const RmsNormGrad& a) { return ceil_div(a.rows, partial_rows(a.rows)); }

/// y = swish(gate) * up, with swish(x) = x * sigmoid(x). y may be either.
struct SwiGlu {
  const float *gate, *up;
  float* y;
  int64_t n;
};
static inline int64_t chunks(const SwiGlu& a) { return ceil_div(a.n, kChunkElements); }

/// Gradients of both; each may be null, or any of the inputs.
struct SwiGluGrad {
  const float *dy, *gate, *up;
  float *dgate, *dup;
  int64_t n;
};
static inline int64_t chunks(const SwiGluGrad& a) { return ceil_div(a.n, kChunkElements); }

/// Rotates pairs of channels i and i + d/2 of every head of x [batch * T, heads * d]:
///   y_i = x_i cos_i - x_{i+d/2} sin_i,  y_{i+d/2} = x_{i+d/2} cos_{i+d/2} + x_i sin_{i+d/2},
/// or, transposed, gives the gradient of x for that of y. The angles of row n * T + t are at
/// (n * angle_stride[0] + t * angle_stride[1]). y may be x.
struct Rotary {
  const float *x, *cos, *sin;
  float* y;
  int64_t batch, T, heads, d;
  int64_t angle_stride[2];
  bool transposed;
};
static inline int64_t chunks(const Rotary& a) { return ceil_div(a.batch * a.T, chunk_rows(a.heads * a.d)); }

/// The chunk's sum of dy over its rows, written to partials[chunk][columns].
struct BiasGrad {
  const float* dy;
  float* partials;
  int64_t rows, columns;
};
static inline int64_t chunks(const BiasGrad& a) { return ceil_div(a.rows, partial_rows(a.rows)); }

/// out[c] = sum over k < count of partials[k * stride + c], in double, for blocks of columns.
struct AddPartials {
  const float* partials;
  float* out;
  int64_t count, stride, columns;
};
static inline int64_t chunks(const AddPartials& a) { return ceil_div(a.columns, 16 * kColumnBlock); }

/// dw[indices[m]] += dy[m] over dw[rows, columns], after zeroing it. Negative indices count from the end; the
/// caller has checked the range. Two kernels: embedding_zero over ranges of dw, embedding_add over blocks of
/// columns, where tokens are added in order.
struct EmbeddingGrad {
  const float* dy;
  const void* indices;
  bool wide;  // int64 indices, else int32
  float* dw;
  int64_t tokens, rows, columns;
};
static inline int64_t zero_chunks(const EmbeddingGrad& a) {
  return ceil_div(a.rows * a.columns, 4 * kChunkElements);
}
static inline int64_t add_chunks(const EmbeddingGrad& a) { return ceil_div(a.columns, kColumnBlock); }

/// Shared by both directions. Per row n with label t: loss = s_n ((1-e) w_t (lse - l_t) + e/C sum_c w_c (lse
/// - l_c)), where e is the smoothing, s the sample weights (null: ones) and w the class weights (null: ones);
/// 0 when t is ignore_index. Other labels are in [0, C): the caller has checked.
struct CrossEntropy {
  const float* logits;
  const int64_t* labels;
  const float *sample_weights, *class_weights;
  int64_t rows, columns, ignore_index;
  float smoothing;
  float* lse;          // [rows] out: log of the sum of exp
  double* row_losses;  // [rows] scratch
  float* loss;         // [1], written by cross_entropy_total: one chunk, rows in order
};
static inline int64_t chunks(const CrossEntropy& a) { return ceil_div(a.rows, chunk_rows(a.columns)); }

/// dlogits = dloss * dloss/dlogits. dlogits may be logits. `of` needs no outputs but lse.
struct CrossEntropyGrad {
  CrossEntropy of;
  float dloss;
  float* dlogits;
};
static inline int64_t chunks(const CrossEntropyGrad& a) { return chunks(a.of); }

/// What follows a layer.
enum class Activation { kNone, kRelu, kRelu6, kHardSigmoid, kHardSwish, kSwish };

/// Every kernel, on one line: it declares the kernel and its arguments, makes it a member of Kernels and puts
/// it into the table of each instruction set.
///   KERNEL(name, Args)   void name(const Args&, int64_t chunk)
///   PICTURE(name, Args)  void name(const Args&): not cut into chunks
///   OPTIMIZER(name, Op, states, numbers...)  a kernel over Update, which is the operator ortune.Op: how many
///     arenas of state it has, and the numbers that it takes for each range, in their order (Op##Numbers)
#define ORTUNE_KERNELS(KERNEL, PICTURE, OPTIMIZER)                                             \
  /* their arguments are above */                                                              \
  KERNEL(gelu_grad, GeluGrad)                                                                  \
  KERNEL(bias_gelu, BiasGelu)                                                                  \
  KERNEL(bias_gelu_grad, BiasGeluGrad)                                                         \
  KERNEL(transpose, Transpose)                                                                 \
  KERNEL(dropout, Dropout)                                                                     \
  KERNEL(softmax_grad, SoftmaxGrad)                                                            \
  KERNEL(log_softmax_grad, LogSoftmaxGrad)                                                     \
  KERNEL(layer_norm_grad, LayerNormGrad)                                                       \
  KERNEL(rms_norm, RmsNorm)                                                                    \
  KERNEL(rms_norm_grad, RmsNormGrad)                                                           \
  KERNEL(swiglu, SwiGlu)                                                                       \
  KERNEL(swiglu_grad, SwiGluGrad)                                                              \
  KERNEL(rotary, Rotary)                                                                       \
  KERNEL(bias_grad, BiasGrad)                                                                  \
  KERNEL(add_partials, AddPartials)                                                            \
  KERNEL(embedding_zero, EmbeddingGrad)                                                        \
  KERNEL(embedding_add, EmbeddingGrad)                                                         \
  KERNEL(cross_entropy, CrossEntropy)                                                          \
  KERNEL(cross_entropy_total, CrossEntropy)                                                    \
  KERNEL(cross_entropy_grad, CrossEntropyGrad)                                                 \
  /* attention.h */                                                                            \
  KERNEL(attention, Attention)                                                                 \
  KERNEL(attention_grad, AttentionGrad)                                                        \
  /* batch_norm.h */                                                                           \
  KERNEL(moments, Moments)                                                                     \
  KERNEL(statistics, Statistics)                                                               \
  KERNEL(normalise, Normalise)                                                                 \
  KERNEL(norm_sums, NormSums)                                                                  \
  KERNEL(norm_grad, NormGrad)                                                                  \
  KERNEL(activate, Activate)                                                                   \
  /* gemm.h */                                                                                 \
  KERNEL(gemm_pack, Gemm)                                                                      \
  KERNEL(gemm, Gemm)                                                                           \
  KERNEL(gemm_total, Gemm)                                                                     \
  /* gemm_bf16.h */                                                                            \
  KERNEL(gemm_bf16_pack, GemmBf16)                                                             \
  KERNEL(gemm_bf16, GemmBf16)                                                                  \
  /* conv_panels.h */                                                                          \
  KERNEL(conv_panels_pack, ConvPanelsPack)                                                     \
  KERNEL(conv_panels, ConvPanels)                                                              \
  /* conv.h */                                                                                 \
  KERNEL(conv_pack, ConvPack)                                                                  \
  KERNEL(conv, Conv)                                                                           \
  KERNEL(conv_weight, ConvWeight)                                                              \
  KERNEL(conv_weight_total, ConvWeight)                                                        \
  /* depthwise.h */                                                                            \
  KERNEL(depthwise_pack, DepthwisePack)                                                        \
  KERNEL(depthwise, Depthwise)                                                                 \
  KERNEL(depthwise_weight, DepthwiseWeight)                                                    \
  KERNEL(depthwise_weight_total, DepthwiseWeight)                                              \
  /* pool.h */                                                                                 \
  KERNEL(pool, Pool)                                                                           \
  KERNEL(max_pool_grad, MaxPoolGrad)                                                           \
  /* recurrent.h */                                                                            \
  KERNEL(recurrent_pack, RecurrentPack)                                                        \
  KERNEL(recurrent_step, Recurrence)                                                           \
  KERNEL(recurrent_grad_step, RecurrenceGrad)                                                  \
  /* optim/update.h */                                                                         \
  KERNEL(gradient_norm, Update)                                                                \
  KERNEL(gradient_norm_total, Update)                                                          \
  OPTIMIZER(adam, Adam, 2, rate, beta1, beta2, epsilon, decay, coupled_decay, mean_correction, \
            square_correction)                                                                 \
  OPTIMIZER(sgd, Sgd, 1, rate, momentum, dampening, nesterov, decay)                           \
  OPTIMIZER(rmsprop, RMSprop, 2, rate, alpha, epsilon, momentum, decay)                        \
  OPTIMIZER(adadelta, Adadelta, 2, rate, rho, epsilon, decay)                                  \
  OPTIMIZER(lion, Lion, 1, rate, beta1, beta2, decay)                                          \
  /* data/render.h */                                                                          \
  PICTURE(resample, Resample)                                                                  \
  PICTURE(affine, Affine)                                                                      \
  PICTURE(finish, Finish)                                                                      \
  /* data/colour.h */                                                                          \
  PICTURE(colour, Colour)                                                                      \
  /* data/mix.h */                                                                             \
  PICTURE(mix, Mix)
#define ORTUNE_NOTHING(...)

#define ORTUNE_ARGUMENTS(name, Args) struct Args;
struct Update;
ORTUNE_KERNELS(ORTUNE_ARGUMENTS, ORTUNE_ARGUMENTS, ORTUNE_NOTHING)
#undef ORTUNE_ARGUMENTS

struct Kernels {
  const char* isa;   // isa_name of the set
  bool fast_panels;  // panels outrun the runtime's Gemm and the tiles of `conv`: native-test.mjs --timings
#define ORTUNE_KERNEL(name, Args) void (*name)(const Args&, int64_t chunk);
#define ORTUNE_PICTURE(name, Args) void (*name)(const Args&);
#define ORTUNE_OPTIMIZER(name, ...) void (*name)(const Update&, int64_t chunk);
  ORTUNE_KERNELS(ORTUNE_KERNEL, ORTUNE_PICTURE, ORTUNE_OPTIMIZER)
#undef ORTUNE_KERNEL
#undef ORTUNE_PICTURE
#undef ORTUNE_OPTIMIZER
};

/// The kernels compiled for an instruction set; null when not compiled in or not known to this CPU.
const Kernels* kernels_for(Isa isa);

/// The kernels in use: those of the widest set this CPU has, or of the set chosen by use_kernels.
const Kernels& kernels();

/// Chooses the instruction set for the whole process; false, with nothing changed, where kernels_for has
/// none.
bool use_kernels(Isa isa);

}  // namespace ortune
