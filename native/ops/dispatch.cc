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
  constexpr Isa kWidestFirst[] = {Isa::kAmx, Isa::kAvx512, Isa::kAvx2, Isa::kNeon};
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
