// Rotary position embeddings by halves of a head: see Rotary in kernels.h. cos and sin are given for every
// channel, so that angles may differ between the halves. Source: Su et al., RoFormer (2021).
#include "ops/kernels.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

void rotary(const Rotary& a, int64_t chunk) {
  const int64_t half = a.d / 2, columns = a.heads * a.d, all = a.batch * a.T;
  const int64_t height = chunk_rows(columns), begin = chunk * height;
  const int64_t end = begin + height < all ? begin + height : all;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t angles = row / a.T * a.angle_stride[0] + row % a.T * a.angle_stride[1];
    const float *cos = a.cos + angles, *sin = a.sin + angles;
    for (int64_t h = 0; h < a.heads; ++h) {
      const float* x = a.x + row * columns + h * a.d;
      float* y = a.y + row * columns + h * a.d;
      each(half, [&](int64_t i, auto part) {
        const F32 low = load(x + i, part), high = load(x + half + i, part);
        const F32 s_low = load(sin + i, part), s_high = load(sin + half + i, part);
        const F32 to_low = a.transposed ? high * s_high : -(high * s_low);
        const F32 to_high = a.transposed ? -(low * s_low) : low * s_high;
        store(y + i, low * load(cos + i, part) + to_low, part);
        store(y + half + i, high * load(cos + half + i, part) + to_high, part);
      });
    }
  }
}

}  // namespace ortune::ORTUNE_ISA
