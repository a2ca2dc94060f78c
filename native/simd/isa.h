// Instruction sets a kernel is compiled for, and which of them this CPU can run. A build made on one machine
// runs on another: nothing outside the sources listed in kernels.cmake is compiled above the baseline.
#pragma once

namespace ortune {

enum class Isa { kBaseline, kAvx2, kAvx512, kAvx512Bf16, kAmx, kNeon };

constexpr Isa kAllIsas[] = {Isa::kBaseline,   Isa::kAvx2, Isa::kAvx512,
                            Isa::kAvx512Bf16, Isa::kAmx,  Isa::kNeon};

/// 'baseline', 'avx2', 'avx512', 'avx512_bf16' (AVX-512 and products of bfloat16), 'amx' (that and tiles of
/// them) or 'neon'.
const char* isa_name(Isa isa);

/// Whether the CPU and the operating system can run it (not whether it was compiled in). Asks the system for
/// the process's leave to use the tile registers, once.
bool cpu_has(Isa isa);

}  // namespace ortune
