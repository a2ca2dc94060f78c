# The kernels, as object libraries: one compilation of the same sources for each instruction set of the processor, and
# the run-time choice between them. Sets ORTUNE_KERNEL_OBJECTS, to be listed among a target's sources. Included by
# the addon's CMakeLists.txt and by test/native/CMakeLists.txt, which needs neither Node nor the runtime.

if(MSVC AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "the kernels use vector extensions of GCC and Clang: configure with -T ClangCL")
endif()

set(ORTUNE_NATIVE_DIR ${CMAKE_CURRENT_LIST_DIR})
set(ORTUNE_KERNEL_OBJECTS)

function(ortune_kernel_library name)
  add_library(${name} OBJECT ${ARGN})
  target_include_directories(${name} PUBLIC ${ORTUNE_NATIVE_DIR})
  target_compile_features(${name} PUBLIC cxx_std_17)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wno-psabi -fno-exceptions -fno-rtti)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden)
  set(ORTUNE_KERNEL_OBJECTS ${ORTUNE_KERNEL_OBJECTS} $<TARGET_OBJECTS:${name}> PARENT_SCOPE)
endfunction()

# Pixels get the same bits from every instruction set, so their multiply-adds are not contracted.
foreach(source affine colour colour_filter colour_table finish mix taps)
  set_source_files_properties(${ORTUNE_NATIVE_DIR}/data/${source}.cc PROPERTIES COMPILE_OPTIONS -ffp-contract=off)
endforeach()

# Sources of no kernel, compiled once; every other one of these folders is compiled for each instruction set.
set(ORTUNE_COMMON_SOURCES simd/isa.cc ops/dispatch.cc data/colour_program.cc data/erase.cc data/render_checks.cc
  data/render_program.cc data/taps.cc)
list(TRANSFORM ORTUNE_COMMON_SOURCES PREPEND ${ORTUNE_NATIVE_DIR}/)
file(GLOB ORTUNE_KERNEL_SOURCES CONFIGURE_DEPENDS ${ORTUNE_NATIVE_DIR}/ops/*.cc ${ORTUNE_NATIVE_DIR}/data/*.cc
  ${ORTUNE_NATIVE_DIR}/optim/*.cc)
list(REMOVE_ITEM ORTUNE_KERNEL_SOURCES ${ORTUNE_COMMON_SOURCES})

# An instruction set: its name in simd/isa.h, the width of its vectors, the compiler's flags. ORTUNE_KERNEL_SOURCES is what
# is compiled for it.
macro(ortune_instruction_set isa bytes)
  ortune_kernel_library(ortune_kernels_${isa} ${ORTUNE_KERNEL_SOURCES})
  target_compile_definitions(ortune_kernels_${isa} PRIVATE ORTUNE_ISA=${isa} ORTUNE_VECTOR_BYTES=${bytes})
  target_compile_options(ortune_kernels_${isa} PRIVATE
    $<$<CONFIG:Release>:-O3> -ffp-contract=fast -fno-math-errno -fno-trapping-math ${ARGN})
endmacro()

ortune_kernel_library(ortune_kernels_dispatch ${ORTUNE_COMMON_SOURCES})
ortune_instruction_set(baseline 16)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64|i[3-6]86)$")
  ortune_instruction_set(avx2 32 -mavx2 -mfma)
  set(ORTUNE_AVX512 -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl)
  ortune_instruction_set(avx512 64 ${ORTUNE_AVX512})
  include(CheckCXXCompilerFlag)
  check_cxx_compiler_flag("-mamx-tile -mamx-bf16 -mavx512bf16" ORTUNE_COMPILER_HAS_AMX)
  if(ORTUNE_COMPILER_HAS_AMX AND CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
    ortune_instruction_set(amx 64 ${ORTUNE_AVX512} -mavx512bf16 -mamx-tile -mamx-bf16)
    target_compile_definitions(ortune_kernels_dispatch PRIVATE ORTUNE_AMX)
  endif()
  check_cxx_compiler_flag(-mavx512bf16 ORTUNE_COMPILER_HAS_AVX512_BF16)
  if(ORTUNE_COMPILER_HAS_AVX512_BF16)
    set(ORTUNE_KERNEL_SOURCES ${ORTUNE_NATIVE_DIR}/ops/gemm_bf16.cc) # the rest is AVX-512's: ops/dispatch.cc
    ortune_instruction_set(avx512_bf16 64 ${ORTUNE_AVX512} -mavx512bf16)
    target_compile_definitions(ortune_kernels_dispatch PRIVATE ORTUNE_AVX512_BF16)
  endif()
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  ortune_instruction_set(neon 16)
endif()
