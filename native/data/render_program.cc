// Runs the program of one sample: checks it, says how much memory it takes, and hands each operation to its
// kernel. Compiled for the baseline only; what is done to pixels is in the kernels, but for padding, which
// only copies.
#include <math.h>
#include <string.h>

#include "data/render.h"
#include "data/taps.h"
#include "ops/kernels.h"

namespace ortune {
namespace {

constexpr double kMaxSide = 65535;
constexpr int64_t kMaxPlaces = int64_t{1} << 28;

struct Size {
  int64_t height, width;
};

/// An operation of a program.
struct Step {
  int32_t code;
  int64_t count;
  const double* values;
  const double* next;
};

Step step_at(const double* p) {
  const int64_t count = static_cast<int64_t>(p[1]);
  return {static_cast<int32_t>(p[0]), count, p + 2, p + 2 + count};
}

bool whole(double x, double low, double high) { return x >= low && x <= high && floor(x) == x; }

const char* resample_problem(const Step& step) {
  const double* v = step.values;
  if (step.count != 13) return "a resampling takes 13 values";
  if (!whole(v[0], 0, 3)) return "unknown filter";
  for (int i = 1; i < 5; ++i)
    if (!(fabs(v[i]) <= 1e6)) return "a resampling reads from a place beyond all pictures";
  if (!(v[3] > 0 && v[4] > 0)) return "a resampling reads an empty part";
  if (!whole(v[5], 1, kMaxSide) || !whole(v[6], 1, kMaxSide)) return "a resampling gives an empty picture";
  if (!whole(v[9], 1, v[5]) || !whole(v[10], 1, v[6]) || !whole(v[7], 0, v[5] - v[9]) ||
      !whole(v[8], 0, v[6] - v[10]))
    return "a resampling keeps what lies outside its result";
  return nullptr;
}

const char* affine_problem(const Step& step) {
  if (step.count != 11) return "an affine map takes 11 values";
  if (!whole(step.values[0], 0, 1)) return "unknown filter of an affine map";
  return nullptr;
}

const char* pad_problem(const Step& step, const Size& size) {
  const double* v = step.values;
  if (step.count != 9) return "padding takes 9 values";
  if (!whole(v[0], 0, 3)) return "unknown mode of padding";
  for (int i = 1; i < 5; ++i)
    if (!whole(v[i], -kMaxSide, kMaxSide)) return "padding takes whole numbers of pixels";
  const double height = static_cast<double>(size.height), width = static_cast<double>(size.width);
  if (width + v[1] + v[3] < 1 || height + v[2] + v[4] < 1) return "padding cuts the whole picture away";
  const auto mode = static_cast<PadMode>(v[0]);
  const double least = mode == PadMode::kReflect ? 1 : 0;
  if (mode == PadMode::kReflect || mode == PadMode::kSymmetric)
    if (v[1] > width - least || v[3] > width - least || v[2] > height - least || v[4] > height - least)
      return "padding mirrors more than there is of the picture";
  return nullptr;
}

Size size_after(const Step& step, const Size& size) {
  const double* v = step.values;
  if (step.code == kResample) return {static_cast<int64_t>(v[10]), static_cast<int64_t>(v[9])};
  if (step.code == kPad)
    return {size.height + static_cast<int64_t>(v[2] + v[4]), size.width + static_cast<int64_t>(v[1] + v[3])};
  return size;
}

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

void affine(const double* v, const Tile& from, uint8_t* out) {
  Affine a = {from.pixels, from.height, from.width, from.channels, v[0] == 1, {}, {}, out};
  for (int i = 0; i < 6; ++i) a.matrix[i] = static_cast<float>(v[1 + i]);
  for (int i = 0; i < kMaxChannels; ++i) a.fill[i] = static_cast<float>(v[7 + i]);
  kernels().affine(a);
}

}  // namespace

const char* render_problem(const Render& a) {
  if (a.height < 1 || a.width < 1) return "the picture is empty";
  if (a.channels < 1 || a.channels > kMaxChannels) return "a picture has 1 to 4 channels";
  const double* const end = a.program + a.length;
  for (const double* p = a.program; p < end; ++p)
    if (!isfinite(*p)) return "a number of the program is not finite";
  Size size = {a.height, a.width};
  for (const double* p = a.program; p < end;) {
    if (end - p < 2 || !whole(p[0], 0, 1000) || !whole(p[1], 0, static_cast<double>(end - p - 2)))
      return "the program ends within an operation";
    const Step step = step_at(p);
    const char* problem = step.code == kResample ? resample_problem(step)
                          : step.code == kAffine ? affine_problem(step)
                          : step.code == kPad    ? pad_problem(step, size)
                                                 : "unknown operation";
    if (problem != nullptr) return problem;
    size = size_after(step, size);
    if (size.height * size.width > kMaxPlaces) return "the picture grows too large";
    p = step.next;
  }
  if (size.height != a.out_height || size.width != a.out_width) return "the program ends at another size";
  return nullptr;
}

size_t render_scratch(const Render& a) {
  Size size = {a.height, a.width};
  size_t most = 0, tiles = 0;
  for (const double* p = a.program; p < a.program + a.length;) {
    const Step step = step_at(p);
    Scratch scratch = {nullptr, 0};
    if (step.code == kResample) take_resample(scratch, step.values, size, a.channels);
    size = size_after(step, size);
    most = scratch.used > most ? scratch.used : most;
    const size_t bytes = tile_bytes(size, a.channels);
    tiles = bytes > tiles ? bytes : tiles;
    p = step.next;
  }
  return 2 * tiles + most;
}

void render(const Render& a, uint8_t* scratch) {
  // The two halves of the scratch memory hold what an operation reads and what it writes, in turn.
  size_t half = 0;
  Size size = {a.height, a.width};
  for (const double* p = a.program; p < a.program + a.length; p = step_at(p).next) {
    size = size_after(step_at(p), size);
    half = tile_bytes(size, a.channels) > half ? tile_bytes(size, a.channels) : half;
  }
  Tile tile = {const_cast<uint8_t*>(a.pixels), a.height, a.width, a.channels};
  uint8_t* next = scratch;
  for (const double* p = a.program; p < a.program + a.length;) {
    const Step step = step_at(p);
    const Size from = {tile.height, tile.width}, to = size_after(step, from);
    if (step.code == kResample) {
      Scratch parts = {scratch + 2 * half, 0};
      Resample r = take_resample(parts, step.values, from, a.channels);
      fill_taps(axis_x(step.values, from.width), r.x);
      fill_taps(axis_y(step.values, from.height), r.y);
      r.in = tile.pixels;
      r.out = next;
      kernels().resample(r);
    } else if (step.code == kAffine) {
      affine(step.values, tile, next);
    } else {
      pad(step.values, tile, next, to);
    }
    tile = {next, to.height, to.width, a.channels};
    next = next == scratch ? scratch + half : scratch;
    p = step.next;
  }
  Finish last = a.finish;
  last.in = tile.pixels;
  last.places = tile.height * tile.width;
  last.channels = a.channels;
  kernels().finish(last);
}

}  // namespace ortune
