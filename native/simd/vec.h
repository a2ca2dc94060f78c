// The vector type kernels are written in: GCC's and Clang's vector extensions, so one source serves every
// instruction set, with + - * / < and ?: working lane by lane. A kernel source is compiled once per set with
// ORTUNE_ISA (its namespace) and ORTUNE_VECTOR_BYTES. Multiply-adds are contracted by the compiler.
// Everything has internal linkage and nothing of the C++ library is used: a shared inline function compiled
// for a wide set could otherwise be the copy the linker keeps for all.
#pragma once

#include <stdint.h>
#include <string.h>

#if !defined(__GNUC__)
#error "the kernels need GCC or Clang (clang-cl on Windows)"
#endif
#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace ortune::ORTUNE_ISA {

/// float32 lanes of a vector.
constexpr int kLanes = ORTUNE_VECTOR_BYTES / 4;

typedef float F32 __attribute__((vector_size(ORTUNE_VECTOR_BYTES)));
typedef double F64 __attribute__((vector_size(ORTUNE_VECTOR_BYTES)));
typedef int32_t I32 __attribute__((vector_size(ORTUNE_VECTOR_BYTES)));
typedef uint32_t U32 __attribute__((vector_size(ORTUNE_VECTOR_BYTES)));
typedef float HalfF32 __attribute__((vector_size(ORTUNE_VECTOR_BYTES / 2)));

/// How many lanes of an access count: all of them, or the first n (0 < n < kLanes) at the end of an array.
struct Full {};
struct Tail {
  int64_t n;
};

static inline F32 set(float x) { return x - F32{}; }
static inline U32 set(uint32_t x) { return x - U32{}; }

/// 0, 1, 2, ...
static inline U32 iota() {
  uint32_t lanes[kLanes];
  for (int i = 0; i < kLanes; ++i) lanes[i] = static_cast<uint32_t>(i);
  U32 v;
  memcpy(&v, lanes, sizeof v);
  return v;
}

// Loads and stores take any alignment. Lanes beyond a tail are read as zero and not written.
static inline F32 load(const float* p, Full) {
  F32 v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline F32 load(const float* p, Tail tail) {
  float lanes[kLanes] = {};
  for (int64_t i = 0; i < tail.n; ++i) lanes[i] = p[i];
  return load(lanes, Full{});
}
static inline void store(float* p, F32 v, Full) { memcpy(p, &v, sizeof v); }
static inline void store(float* p, F32 v, Tail tail) {
  float lanes[kLanes];
  store(lanes, v, Full{});
  for (int64_t i = 0; i < tail.n; ++i) p[i] = lanes[i];
}

/// v with the lanes beyond a tail set to zero.
static inline F32 keep(F32 v, Full) { return v; }
static inline F32 keep(F32 v, Tail tail) { return iota() < set(static_cast<uint32_t>(tail.n)) ? v : F32{}; }

static inline F32 abs(F32 x) { return (F32)((U32)x & 0x7fffffffu); }
/// -1, 0 or 1; 0 for what is no number.
static inline F32 sign(F32 x) {
  const F32 one = set(1.0f), none = {};
  return (x > none ? one : none) - (x < none ? one : none);
}

// What the extensions lack, and two comparisons that compilers turn into slow masked loads. A NaN in x stays.
#if defined(__AVX512F__)
static inline F32 sqrt(F32 x) { return (F32)_mm512_maskz_sqrt_ps(0xffff, (__m512)x); }
static inline F32 at_least(F32 x, F32 low) {
  return (F32)_mm512_maskz_max_ps(0xffff, (__m512)low, (__m512)x);
}
static inline F32 at_most(F32 x, float high) {
  return (F32)_mm512_maskz_min_ps(0xffff, (__m512)set(high), (__m512)x);
}
#elif defined(__AVX__)
static inline F32 sqrt(F32 x) { return (F32)_mm256_sqrt_ps((__m256)x); }
static inline F32 at_least(F32 x, F32 low) { return (F32)_mm256_max_ps((__m256)low, (__m256)x); }
static inline F32 at_most(F32 x, float high) { return (F32)_mm256_min_ps((__m256)set(high), (__m256)x); }
#elif defined(__SSE2__)
static inline F32 sqrt(F32 x) { return (F32)_mm_sqrt_ps((__m128)x); }
static inline F32 at_least(F32 x, F32 low) { return (F32)_mm_max_ps((__m128)low, (__m128)x); }
static inline F32 at_most(F32 x, float high) { return (F32)_mm_min_ps((__m128)set(high), (__m128)x); }
#elif defined(__aarch64__)
static inline F32 sqrt(F32 x) { return (F32)vsqrtq_f32((float32x4_t)x); }
static inline F32 at_least(F32 x, F32 low) { return (F32)vmaxq_f32((float32x4_t)low, (float32x4_t)x); }
static inline F32 at_most(F32 x, float high) {
  return (F32)vminq_f32((float32x4_t)set(high), (float32x4_t)x);
}
#else
static inline F32 sqrt(F32 x) {
  for (int i = 0; i < kLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
}
static inline F32 at_least(F32 x, F32 low) { return x < low ? low : x; }
static inline F32 at_most(F32 x, float high) { return x > high ? set(high) : x; }
#endif
static inline F32 at_least(F32 x, float low) { return at_least(x, set(low)); }

/// The lanes of an F32 in double precision.
struct WideF64 {
  F64 low, high;
};
static inline WideF64 widen(F32 x) {
  HalfF32 half[2];
  memcpy(half, &x, sizeof half);
  return {__builtin_convertvector(half[0], F64), __builtin_convertvector(half[1], F64)};
}
static inline F32 narrow(WideF64 x) {
  const HalfF32 half[2] = {__builtin_convertvector(x.low, HalfF32), __builtin_convertvector(x.high, HalfF32)};
  F32 v;
  memcpy(&v, half, sizeof v);
  return v;
}

/// The sum of all lanes, added as a tree.
static inline float add_lanes(F32 v) {
  float lanes[kLanes];
  store(lanes, v, Full{});
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  return lanes[0];
}
static inline float largest_lane(F32 v) {
  float lanes[kLanes];
  store(lanes, v, Full{});
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lanes[i] = lanes[i] < lanes[i + width] ? lanes[i + width] : lanes[i];
  return lanes[0];
}
static inline double add_lanes(F64 v) {
  double sum = 0;
  for (int i = 0; i < kLanes / 2; ++i) sum += v[i];
  return sum;
}

/// Calls f(i, Full or Tail) for every vector of [0, n).
template <class F>
static inline void each(int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, Full{});
  if (i < n) f(i, Tail{n - i});
}

/// K sums over [0, n) at once: term(i, Full or Tail, sums) adds to F32 sums[K]. Lanes beyond a tail must add
/// zero. Two sets of running sums hide the latency of the additions.
template <int K, class F>
static inline void sums(int64_t n, float* out, F term) {
  F32 even[K] = {}, odd[K] = {};
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    term(i, Full{}, even);
    term(i + kLanes, Full{}, odd);
  }
  if (i + kLanes <= n) {
    term(i, Full{}, even);
    i += kLanes;
  }
  if (i < n) term(i, Tail{n - i}, odd);
  for (int k = 0; k < K; ++k) out[k] = add_lanes(even[k] + odd[k]);
}

/// The sum of term(i, Full or Tail) over [0, n).
template <class F>
static inline float sum(int64_t n, F term) {
  float total;
  sums<1>(n, &total, [&](int64_t i, auto part, F32* s) { s[0] += term(i, part); });
  return total;
}

}  // namespace ortune::ORTUNE_ISA
