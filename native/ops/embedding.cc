// Gradient of Gather over the rows of a table. Blocks of columns, not ranges of rows, are the unit of work: a
// token that fills half the batch (padding, a token type) then burdens all threads alike, and each sum has
// one order.
#include "ops/kernels.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

void embedding_zero(const EmbeddingGrad& a, int64_t chunk) {
  const int64_t begin = chunk * 4 * kChunkElements, left = a.rows * a.columns - begin;
  const int64_t n = left < 4 * kChunkElements ? left : 4 * kChunkElements;
  memset(a.dw + begin, 0, static_cast<size_t>(n) * sizeof(float));
}

template <class Index>
static inline void add_tokens(const EmbeddingGrad& a, int64_t column, int64_t n) {
  const Index* indices = static_cast<const Index*>(a.indices);
  const auto target = [&](int64_t m) {
    const int64_t row = static_cast<int64_t>(indices[m]);
    return a.dw + (row < 0 ? row + a.rows : row) * a.columns + column;
  };
  constexpr int64_t kAhead = 8;
  for (int64_t m = 0; m < a.tokens; ++m) {
    if (m + kAhead < a.tokens) {
      const float* next = target(m + kAhead);
      for (int64_t i = 0; i < n; i += 16) __builtin_prefetch(next + i, 1);
    }
    float* dw = target(m);
    const float* dy = a.dy + m * a.columns + column;
    each(n, [&](int64_t i, auto part) { store(dw + i, load(dw + i, part) + load(dy + i, part), part); });
  }
}

void embedding_add(const EmbeddingGrad& a, int64_t chunk) {
  const int64_t column = chunk * kColumnBlock, left = a.columns - column;
  const int64_t n = left < kColumnBlock ? left : kColumnBlock;
  if (a.wide)
    add_tokens<int64_t>(a, column, n);
  else
    add_tokens<int32_t>(a, column, n);
}

}  // namespace ortune::ORTUNE_ISA
