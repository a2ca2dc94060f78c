// Arguments of the kernels of batch normalisation over rows [rows, channels], which is what a channels-last
// image is, with the activation that follows it: y = f(x a + b) with a = scale r, b = bias - mean a and r = 1
// / sqrt(variance + epsilon). Statistics are those of the rows or given ones. Source of the gradient: Ioffe
// and Szegedy (2015), section 3.
#pragma once

#include "ops/kernels.h"

namespace ortune {

/// Rows of a chunk that leaves partial sums: the same number of chunks for large and small images.
static inline int64_t norm_rows(int64_t rows) { return partial_rows(rows); }

/// partials[chunk][2][channels]: the sums of d and of d^2 over the chunk's rows, d = x - x[0]: moments about
/// a value that is not far from the mean.
struct Moments {
  const float* x;
  int64_t rows, channels;
  float* partials;
};
static inline int64_t chunks(const Moments& a) { return ceil_div(a.rows, norm_rows(a.rows)); }

/// What the moments mean, channel by channel: mean, r, and the running averages with the unbiased variance;
/// running = momentum running + (1 - momentum) batch. Running pointers may all be null.
struct Statistics {
  Moments of;
  float epsilon, momentum;
  const float *running_mean, *running_variance;
  float *mean, *r, *next_mean, *next_variance;
};

/// y = f(x a + b). y may be x.
struct Normalise {
  const float *x, *a, *b;
  float* y;
  int64_t rows, channels;
  Activation activation;
};
static inline int64_t chunks(const Normalise& n) { return ceil_div(n.rows, chunk_rows(n.channels)); }

/// With g = dy f'(x a + b), partials[chunk][2][channels]: the sums of g and of g (x - mean) over the chunk's
/// rows.
struct NormSums {
  const float *dy, *x, *a, *b, *mean;
  int64_t rows, channels;
  float* partials;
  Activation activation;
};
static inline int64_t chunks(const NormSums& s) { return ceil_div(s.rows, norm_rows(s.rows)); }

/// dx = a g + p x + q. dx may be dy.
struct NormGrad {
  const float *dy, *x, *a, *b, *p, *q;
  float* dx;
  int64_t rows, channels;
  Activation activation;
};
static inline int64_t chunks(const NormGrad& g) { return ceil_div(g.rows, chunk_rows(g.channels)); }

/// y = f(x), and dx = dy f'(x); elementwise. y and dx may be x and dy.
struct Activate {
  const float *dy, *x;  // dy null: y = f(x)
  float* y;
  int64_t n;
  Activation activation;
};
static inline int64_t chunks(const Activate& a) { return ceil_div(a.n, kChunkElements); }

}  // namespace ortune
