// The kernel table of one instruction set. Each kernel's own source defines it in the namespace ORTUNE_ISA.
#include "ops/kernels.h"

namespace ortune::ORTUNE_ISA {

#define ORTUNE_KERNEL(name, Args) void name(const Args&, int64_t);
#define ORTUNE_PICTURE(name, Args) void name(const Args&);
#define ORTUNE_OPTIMIZER(name, ...) void name(const Update&, int64_t);
ORTUNE_KERNELS(ORTUNE_KERNEL, ORTUNE_PICTURE, ORTUNE_OPTIMIZER)

#define ORTUNE_QUOTED(name) #name
#define ORTUNE_TEXT(macro) ORTUNE_QUOTED(macro)
#define ORTUNE_ENTRY(name, ...) name,
#if defined(__AMX_BF16__)
constexpr bool kFastPanels = true;
#else
constexpr bool kFastPanels = false;
#endif

extern const Kernels kKernels;
const Kernels kKernels = {ORTUNE_TEXT(ORTUNE_ISA), kFastPanels,
                          ORTUNE_KERNELS(ORTUNE_ENTRY, ORTUNE_ENTRY, ORTUNE_ENTRY)};

}  // namespace ortune::ORTUNE_ISA
