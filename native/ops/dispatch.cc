// Chooses the kernel table for this CPU. Compiled for the baseline only.
#include <atomic>

#include "ops/kernels.h"

namespace ortune {

#define ORTUNE_DECLARE(isa)      \
  namespace isa {                \
  extern const Kernels kKernels; \
  }
ORTUNE_DECLARE(baseline)
#if defined(__x86_64__) || defined(__i386__)
ORTUNE_DECLARE(avx2)
ORTUNE_DECLARE(avx512)
#if defined(ORTUNE_AMX)
ORTUNE_DECLARE(amx)
#endif
#elif defined(__aarch64__)
ORTUNE_DECLARE(neon)
#endif
#undef ORTUNE_DECLARE

#if defined(ORTUNE_AVX512_BF16)
// Of this set only the products are compiled; all else is AVX-512's.
namespace avx512_bf16 {
void gemm_bf16_pack(const GemmBf16&, int64_t);
void gemm_bf16(const GemmBf16&, int64_t);
}  // namespace avx512_bf16

static const Kernels& avx512_with_bf16() {
  static const Kernels all = [] {
    Kernels kernels = avx512::kKernels;
    kernels.isa = isa_name(Isa::kAvx512Bf16);
    kernels.gemm_bf16_pack = avx512_bf16::gemm_bf16_pack;
    kernels.gemm_bf16 = avx512_bf16::gemm_bf16;
    return kernels;
  }();
  return all;
}
#endif

const Kernels* kernels_for(Isa isa) {
  if (!cpu_has(isa)) return nullptr;
  switch (isa) {
    case Isa::kBaseline:
      return &baseline::kKernels;
#if defined(__x86_64__) || defined(__i386__)
    case Isa::kAvx2:
      return &avx2::kKernels;
    case Isa::kAvx512:
      return &avx512::kKernels;
#if defined(ORTUNE_AVX512_BF16)
    case Isa::kAvx512Bf16:
      return &avx512_with_bf16();
#endif
#if defined(ORTUNE_AMX)
    case Isa::kAmx:
      return &amx::kKernels;
#endif
#elif defined(__aarch64__)
    case Isa::kNeon:
      return &neon::kKernels;
#endif
    default:
      return nullptr;
  }
}

static const Kernels& best() {
  constexpr Isa kWidestFirst[] = {Isa::kAmx, Isa::kAvx512Bf16, Isa::kAvx512, Isa::kAvx2, Isa::kNeon};
  for (Isa isa : kWidestFirst)
    if (const Kernels* found = kernels_for(isa)) return *found;
  return baseline::kKernels;
}

static std::atomic<const Kernels*> chosen{nullptr};

const Kernels& kernels() {
  if (const Kernels* found = chosen.load(std::memory_order_relaxed)) return *found;
  const Kernels& widest = best();
  chosen.store(&widest, std::memory_order_relaxed);  // the same in every thread that comes here at once
  return widest;
}

bool use_kernels(Isa isa) {
  const Kernels* found = kernels_for(isa);
  if (found) chosen.store(found, std::memory_order_relaxed);
  return found != nullptr;
}

}  // namespace ortune
