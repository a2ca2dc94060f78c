// Runs the program of one sample: checks it, says how much memory it takes, and hands each operation to its
// kernel. Compiled for the baseline only; what is done to pixels is in the kernels, but for padding, which
// only copies.
#include <math.h>
#include <string.h>

#include "data/program.h"
#include "data/taps.h"
#include "ops/kernels.h"

namespace ortune {
namespace {

AxisMap axis_x(const double* v, int64_t source) {
  return {static_cast<Filter>(v[0]),
          v[1],
          v[3],
          source,
          static_cast<int64_t>(v[5]),
          static_cast<int64_t>(v[7]),
          static_cast<int64_t>(v[9]),
          v[11] != 0};
}
AxisMap axis_y(const double* v, int64_t source) {
  return {static_cast<Filter>(v[0]),
          v[2],
          v[4],
          source,
          static_cast<int64_t>(v[6]),
          static_cast<int64_t>(v[8]),
          static_cast<int64_t>(v[10]),
          v[12] != 0};
}

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

/// Hands out parts of the scratch memory, or only counts them.
struct Scratch {
  uint8_t* base;
  size_t used;
  template <class T>
  T* take(int64_t count) {
    T* const at = base == nullptr ? nullptr : reinterpret_cast<T*>(base + used);
    used += aligned(static_cast<size_t>(count) * sizeof(T));
    return at;
  }
};

Taps take_taps(Scratch& scratch, const AxisMap& axis) {
  const int64_t taps = taps_of(axis);
  return {axis.count, taps, scratch.take<int32_t>(axis.count), scratch.take<int16_t>(axis.count * taps)};
}

/// A resampling with its scratch, but for its two pictures.
Resample take_resample(Scratch& scratch, const double* v, const Size& size, int64_t channels) {
  const AxisMap x = axis_x(v, size.width), y = axis_y(v, size.height);
  Resample a = {nullptr,
                size.width * channels,
                size.height,
                size.width,
                channels,
                take_taps(scratch, x),
                take_taps(scratch, y),
                nullptr,
                nullptr,
                nullptr};
  const double read = ceil(v[4]) + 2, all = static_cast<double>(size.height);
  a.line = scratch.take<uint8_t>((size.width + a.x.taps) * channels + 16);
  a.rows =
      scratch.take<uint8_t>(static_cast<int64_t>(read < all ? read : all) * row_bytes(x.count, channels));
  return a;
}

size_t tile_bytes(const Size& size, int64_t channels) {
  return aligned(static_cast<size_t>(size.height * size.width * channels));
}

/// What the tiles take each, and the operation that needs most beside them.
struct Memory {
  size_t tile, own;
};

Memory memory_of(const Render& a) {
  const double* const end = a.program + a.length;
  Size size = {a.height, a.width};
  Memory most = {0, 0};
  for (const double* p = a.program; p < end;) {
    const Step step = step_at(p, end);
    Scratch scratch = {nullptr, 0};
    if (step.code == kResample) take_resample(scratch, step.values, size, a.channels);
    if (step.code == 0) scratch.used = colour_scratch(colour_of(step, nullptr, size, a.channels, nullptr));
    size = size_after(step, size);
    const size_t tile = tile_bytes(size, a.channels);
    most = {tile > most.tile ? tile : most.tile, scratch.used > most.own ? scratch.used : most.own};
    p = step.next;
  }
  return most;
}

void resample(const Kernels& kernels, const double* v, const Tile& from, uint8_t* out, uint8_t* memory) {
  Scratch scratch = {memory, 0};
  Resample a = take_resample(scratch, v, {from.height, from.width}, from.channels);
  fill_taps(axis_x(v, from.width), a.x);
  fill_taps(axis_y(v, from.height), a.y);
  a.in = from.pixels;
  a.out = out;
  kernels.resample(a);
}

/// Where a padded place comes from along one axis; -1 where it is filled.
int64_t padded_from(int64_t at, int64_t n, PadMode mode) {
  if (at >= 0 && at < n) return at;
  if (mode == PadMode::kConstant) return -1;
  if (mode == PadMode::kEdge) return at < 0 ? 0 : n - 1;
  const int64_t skip = mode == PadMode::kReflect ? 0 : 1;
  return at < 0 ? -at - skip : 2 * (n - 1) - at + skip;
}

void pad(const double* v, const Tile& from, uint8_t* out, const Size& size) {
  const auto mode = static_cast<PadMode>(v[0]);
  const int64_t left = static_cast<int64_t>(v[1]), top = static_cast<int64_t>(v[2]), C = from.channels;
  for (int64_t y = 0; y < size.height; ++y) {
    const int64_t sy = padded_from(y - top, from.height, mode);
    for (int64_t x = 0; x < size.width; ++x, out += C) {
      const int64_t sx = padded_from(x - left, from.width, mode);
      for (int64_t c = 0; c < C; ++c)
        out[c] =
            sx < 0 || sy < 0 ? static_cast<uint8_t>(v[5 + c]) : from.pixels[(sy * from.width + sx) * C + c];
    }
  }
}

void affine(const Kernels& kernels, const double* v, const Tile& from, uint8_t* out) {
  Affine a = {from.pixels, from.height, from.width, from.channels, v[0] == 1, {}, {}, out};
  for (int i = 0; i < 6; ++i) a.matrix[i] = static_cast<float>(v[1 + i]);
  for (int i = 0; i < kMaxChannels; ++i) a.fill[i] = static_cast<float>(v[7 + i]);
  kernels.affine(a);
}

Erase erase_of(const double* v) {
  const auto whole = [](double x) { return static_cast<int64_t>(x); };
  Erase a = {whole(v[0]), whole(v[1]), whole(v[2]), whole(v[3]), v[4], {}};
  for (int i = 0; i < kMaxChannels; ++i) a.values[i] = static_cast<float>(v[5 + i]);
  return a;
}

}  // namespace

size_t render_scratch(const Render& a) {
  const Memory memory = memory_of(a);
  return 2 * memory.tile + memory.own;
}

void render(const Render& a, const Kernels& kernels, uint8_t* scratch) {
  const double* const end = a.program + a.length;
  // Two tiles hold what an operation reads and what it writes, in turn; behind them is what it needs itself.
  const size_t half = memory_of(a).tile;
  uint8_t* const own = scratch + 2 * half;
  Tile tile = {const_cast<uint8_t*>(a.pixels), a.height, a.width, a.channels};
  const double* p = a.program;
  while (p < end && step_at(p, end).code != kErase) {
    const Step step = step_at(p, end);
    const Size from = {tile.height, tile.width}, to = size_after(step, from);
    uint8_t* const next = tile.pixels == scratch ? scratch + half : scratch;
    p = step.next;
    if (step.code == kResample) {
      resample(kernels, step.values, tile, next, own);
    } else if (step.code == kAffine) {
      affine(kernels, step.values, tile, next);
    } else if (step.code == kPad) {
      pad(step.values, tile, next, to);
    } else {
      // In place, but the picture itself is the caller's.
      if (tile.pixels == a.pixels)
        memcpy(next, a.pixels, static_cast<size_t>(from.height * from.width * a.channels));
      uint8_t* const pixels = tile.pixels == a.pixels ? next : tile.pixels;
      kernels.colour(colour_of(step, pixels, from, a.channels, own));
      tile.pixels = pixels;
      continue;
    }
    tile = {next, to.height, to.width, a.channels};
  }
  Finish last = a.finish;
  last.in = tile.pixels;
  last.places = tile.height * tile.width;
  last.channels = a.channels;
  kernels.finish(last);
  for (; p < end; p = step_at(p, end).next) erase(erase_of(step_at(p, end).values), last, tile.width);
}

}  // namespace ortune
