// Panels of packed operands and the product of two of them, for gemm.cc and the convolutions: in float32
// vectors, or on processors with AMX in its tiles of bfloat16. There every float32 is the sum of three
// bfloat16, of 8 significant bits each, so exactly itself, and of the nine products of such sums the six that
// matter are added up in float32; those left out are below 2^-25 of the result's terms. Six products at 16
// times the rate of vectors. Source: Henry, Tang and Heinecke, Leveraging the bfloat16 Artificial
// Intelligence Datatype For Higher-Precision Computations (2019). A number that is not finite makes NaN of
// its results.
#pragma once

#include "ops/gemm.h"
#include "ops/gemm_tile.h"
#include "simd/transpose.h"

namespace ortune::ORTUNE_ISA {

static inline float* aligned(float* p) { return p + (-reinterpret_cast<uintptr_t>(p) & 63) / 4; }

/// Lines (rows of A, columns of B) by depth of an operand at any strides, one of which is 1 or costs time.
struct Strided {
  const float* data;
  int64_t line, depth;  // strides
  bool along_depth() const { return depth == 1; }
  bool along_lines() const { return line == 1; }
  const float* at(int64_t l, int64_t d) const { return data + l * line + d * depth; }
};

/// Lines that begin anywhere, `offset` floats behind their addresses.
struct Addressed {
  const float* const* addresses;
  int64_t offset;
  static constexpr int64_t line = 0;
  bool along_depth() const { return true; }
  bool along_lines() const { return false; }
  const float* at(int64_t l, int64_t d) const { return addresses[l] + offset + d; }
};

#if defined(__AMX_BF16__)

/// Lines of the panels of the left and the right operand: 2 x 2 tiles of 16 x 16 sums.
constexpr int64_t kLeftLines = 32, kRightLines = 32, kPanelDepth = 32;
/// Floats of memory of a panel.
static inline int64_t panel_floats(int64_t lines, int64_t depth) {
  return lines * ((depth + kPanelDepth - 1) / kPanelDepth * kPanelDepth) * 3 / 2;
}

/// While it lives this thread's tile registers are in use.
struct Tiles {
  Tiles() {
    struct alignas(64) {
      uint8_t palette, start, reserved[14];
      uint16_t bytes[16];
      uint8_t rows[16];
    } config = {};
    config.palette = 1;
    for (int i = 0; i < 8; ++i) {
      config.bytes[i] = 64;
      config.rows[i] = 16;
    }
    _tile_loadconfig(&config);
  }
  ~Tiles() { _tile_release(); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

/// The first `n` lanes, which may be none or more than there are.
static inline F32 load_some(const float* p, int64_t n) {
  if (n >= kLanes) return load(p, Full{});
  return n > 0 ? (F32)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p) : F32{};
}

static inline F32 gather_some(const float* p, int64_t stride, int64_t n) {
  const __mmask16 lanes = static_cast<__mmask16>(n >= kLanes ? 0xffff : n > 0 ? (1u << n) - 1 : 0);
  const U32 at = iota() * static_cast<uint32_t>(stride);
  return (F32)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), lanes, (__m512i)at, p, 4);
}

/// Pairs (a, b) of bfloat16, the three parts of them `step` bytes apart.
static inline void put_split(F32 a, F32 b, char* to, int64_t step) {
  alignas(64) static const uint16_t kPairs[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                  21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                  11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i pairs = _mm512_load_si512(kPairs);
  for (int part = 0; part < 3; ++part) {
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a);
    const __m512i pair = _mm512_permutexvar_epi16(pairs, both);
    _mm512_store_si512(to + part * step, pair);
    a -= (F32)_mm512_slli_epi32(pair, 16);
    b -= (F32)((U32)pair & 0xffff0000u);
  }
}

/// Packs a panel, `lines` of whose lines exist, at an address of whole cache lines: [depth / 32][part][2]
/// tiles of 1024 bytes. A tile holds pairs of depths i and i + 16; for the left operand, [line][i], and for
/// the right one [i][line].
template <bool Left, class From>
static inline void pack_panel(const From& from, int64_t lines, int64_t depth, float* panel) {
  char* to = reinterpret_cast<char*>(panel);
  for (int64_t k = 0; k < depth; k += kPanelDepth, to += 6 * 1024)
    for (int64_t half = 0; half < 2; ++half) {
      const int64_t first = 16 * half, n = lines - first, left = depth - k;
      char* tile = to + half * 1024;
      F32 low[16] = {}, high[16] = {};
      const bool along = from.along_depth();  // else vectors of the source lie along the lines
      if (along) {
        for (int64_t i = 0; i < 16 && i < n; ++i) {
          low[i] = load_some(from.at(first + i, k), left);
          if (left > 16) high[i] = load_some(from.at(first + i, k + 16), left - 16);
        }
      } else if (from.along_lines()) {
        for (int64_t i = 0; i < 16 && i < left; ++i) low[i] = load_some(from.at(first, k + i), n);
        for (int64_t i = 0; i < 16 && i + 16 < left; ++i) high[i] = load_some(from.at(first, k + 16 + i), n);
      } else {
        for (int64_t i = 0; i < 16 && i < left; ++i)
          low[i] = gather_some(from.at(first, k + i), from.line, n);
        for (int64_t i = 0; i < 16 && i + 16 < left; ++i)
          high[i] = gather_some(from.at(first, k + 16 + i), from.line, n);
      }
      if (along != Left) {
        transpose_tile(low);
        transpose_tile(high);
      }
      for (int i = 0; i < 16; ++i) put_split(low[i], high[i], tile + i * 64, 2048);
    }
}

/// sums [kLeftLines, kRightLines] = the product of two panels, or += that.
static inline void multiply_panels(const float* a, const float* b, int64_t depth, float* sums, bool add) {
  if (add) {
    _tile_loadd(0, sums, 128);
    _tile_loadd(1, sums + 16, 128);
    _tile_loadd(2, sums + 512, 128);
    _tile_loadd(3, sums + 528, 128);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const char *left = reinterpret_cast<const char*>(a), *right = reinterpret_cast<const char*>(b);
#define ORTUNE_LEFT(part)                 \
  _tile_loadd(4, left + (part)*2048, 64); \
  _tile_loadd(5, left + (part)*2048 + 1024, 64)
#define ORTUNE_RIGHT(part)                 \
  _tile_loadd(6, right + (part)*2048, 64); \
  _tile_loadd(7, right + (part)*2048 + 1024, 64)
#define ORTUNE_ADD         \
  _tile_dpbf16ps(0, 4, 6); \
  _tile_dpbf16ps(1, 4, 7); \
  _tile_dpbf16ps(2, 5, 6); \
  _tile_dpbf16ps(3, 5, 7)
  for (int64_t k = 0; k < depth; k += kPanelDepth, left += 6 * 1024, right += 6 * 1024) {
    ORTUNE_LEFT(0);
    ORTUNE_RIGHT(2);
    ORTUNE_ADD;
    ORTUNE_RIGHT(1);
    ORTUNE_ADD;
    ORTUNE_RIGHT(0);
    ORTUNE_ADD;
    ORTUNE_LEFT(2);
    ORTUNE_ADD;
    ORTUNE_LEFT(1);
    ORTUNE_ADD;
    ORTUNE_RIGHT(1);
    ORTUNE_ADD;
  }
#undef ORTUNE_LEFT
#undef ORTUNE_RIGHT
#undef ORTUNE_ADD
  _tile_stored(0, sums, 128);
  _tile_stored(1, sums + 16, 128);
  _tile_stored(2, sums + 512, 128);
  _tile_stored(3, sums + 528, 128);
}

#else

constexpr int64_t kLeftLines = kTileRows, kRightLines = kTileVectors * kLanes;
static inline int64_t panel_floats(int64_t lines, int64_t depth) { return lines * depth; }
struct Tiles {};

/// Packs a panel, `lines` of whose lines exist, at an address of whole vectors: [depth][line].
template <bool Left, class From>
static inline void pack_panel(const From& from, int64_t lines, int64_t depth, float* panel) {
  constexpr int64_t all = Left ? kLeftLines : kRightLines;
  const int64_t real = lines < all ? lines : all;
  for (int64_t k = 0; k < depth; ++k, panel += all) {
    for (int64_t i = 0; i < real; ++i) panel[i] = *from.at(i, k);
    for (int64_t i = real; i < all; ++i) panel[i] = 0;
  }
}

/// sums [kLeftLines, kRightLines] = the product of two panels, or += that.
static inline void multiply_panels(const float* a, const float* b, int64_t depth, float* sums, bool add) {
  F32 c[kTileRows][kTileVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kTileVectors; ++v)
      c[r][v] = add ? load(sums + (r * kTileVectors + v) * kLanes, Full{}) : F32{};
  for (int64_t k = 0; k < depth; ++k, a += kTileRows, b += kRightLines) {
    F32 of_b[kTileVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kTileVectors; ++v) of_b[v] = load(b + v * kLanes, Full{});
#pragma GCC unroll 8
    for (int r = 0; r < kTileRows; ++r) {
      const F32 of_a = set(a[r]);
#pragma GCC unroll 8
      for (int v = 0; v < kTileVectors; ++v) c[r][v] += of_a * of_b[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kTileVectors; ++v) store(sums + (r * kTileVectors + v) * kLanes, c[r][v], Full{});
}

#endif

}  // namespace ortune::ORTUNE_ISA
