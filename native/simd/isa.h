// Instruction sets a kernel is compiled for, and which of them this CPU can run. A build made on one machine
// runs on another: nothing outside the sources listed in kernels.cmake is compiled above the baseline.
#pragma once

namespace ortune {

enum class Isa { kBaseline, kAvx2, kAvx512, kAmx, kNeon };

constexpr Isa kAllIsas[] = {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512, Isa::kAmx, Isa::kNeon};

/// 'baseline', 'avx2', 'avx512', 'amx' (AVX-512 and tiles of bfloat16) or 'neon'.
const char* isa_name(Isa isa);

/// Whether the CPU and the operating system can run it (not whether it was compiled in). Asks the system for
/// the process's leave to use the tile registers, once.
bool cpu_has(Isa isa);

}  // namespace ortune
