// Why a program cannot run: wrong numbers of values, sizes that do not fit, an order that makes no sense. The
// kernels rely on it. Compiled for the baseline only.
#include <math.h>

#include "data/program.h"

namespace ortune {
namespace {

constexpr double kMaxSide = 65535;
constexpr int64_t kMaxPlaces = int64_t{1} << 28;

bool whole(double x, double low, double high) { return x >= low && x <= high && floor(x) == x; }

const char* resample_problem(const Step& step) {
  const double* v = step.values;
  if (step.count != 13) return "a resampling takes 13 values";
  if (!whole(v[0], 0, 4)) return "unknown filter";
  for (int i = 1; i < 5; ++i)
    if (!(fabs(v[i]) <= 1e6)) return "a resampling reads from a place beyond all pictures";
  if (!(v[3] > 0 && v[4] > 0)) return "a resampling reads an empty part";
  if (!whole(v[5], 1, kMaxSide) || !whole(v[6], 1, kMaxSide)) return "a resampling gives an empty picture";
  if (!whole(v[9], 1, v[5]) || !whole(v[10], 1, v[6]) || !whole(v[7], 0, v[5] - v[9]) ||
      !whole(v[8], 0, v[6] - v[10]))
    return "a resampling keeps what lies outside its result";
  return nullptr;
}

/// The fill value of each of four channels.
const char* fill_problem(const double* fill) {
  for (int64_t c = 0; c < kMaxChannels; ++c)
    if (!(fill[c] >= 0 && fill[c] <= 255)) return "a fill value is no number of a pixel, 0 to 255";
  return nullptr;
}

const char* affine_problem(const Step& step) {
  if (step.count != 11) return "an affine map takes 11 values";
  if (!whole(step.values[0], 0, 1)) return "unknown filter of an affine map";
  return fill_problem(step.values + 7);
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
  return fill_problem(v + 5);
}

const char* erase_problem(const Step& step, const Size& size) {
  const double* v = step.values;
  const double height = static_cast<double>(size.height), width = static_cast<double>(size.width);
  if (step.count != 9) return "erasing takes 9 values";
  if (!whole(v[0], 0, width) || !whole(v[1], 0, height) || !whole(v[2], 0, width - v[0]) ||
      !whole(v[3], 0, height - v[1]))
    return "a rectangle to erase lies outside the picture";
  return whole(v[4], -1, 4294967295.0) ? nullptr : "a seed of noise is a whole number";
}

const char* step_problem(const Step& step, const Size& size, int64_t channels) {
  switch (step.code) {
    case 0:
      return colour_problem(colour_of(step, nullptr, size, channels, nullptr));
    case kResample:
      return resample_problem(step);
    case kAffine:
      return affine_problem(step);
    case kPad:
      return pad_problem(step, size);
    case kErase:
      return erase_problem(step, size);
    default:
      return "unknown operation";
  }
}

}  // namespace

const char* render_problem(const Render& a) {
  if (a.height < 1 || a.width < 1) return "the picture is empty";
  if (a.height > kMaxPlaces / a.width) return "the picture is too large";
  if (a.channels < 1 || a.channels > kMaxChannels) return "a picture has 1 to 4 channels";
  const double* const end = a.program + a.length;
  for (const double* p = a.program; p < end; ++p)
    if (!isfinite(*p)) return "a number of the program is not finite";
  for (const double* p = a.program; p < end; p = next_colour(p))
    if (end - p < 2 || !whole(p[0], 0, 1000) || !whole(p[1], 0, static_cast<double>(end - p - 2)))
      return "the program ends within an operation";
  Size size = {a.height, a.width};
  bool erased = false;
  for (const double* p = a.program; p < end;) {
    const Step step = step_at(p, end);
    if (const char* problem = step_problem(step, size, a.channels)) return problem;
    if (erased && step.code != kErase)
      return "what follows an erasing works on pixels, of which there are none by then";
    erased = step.code == kErase;
    size = size_after(step, size);
    if (size.height * size.width > kMaxPlaces) return "the picture grows too large";
    p = step.next;
  }
  if (size.height != a.out_height || size.width != a.out_width) return "the program ends at another size";
  return nullptr;
}

}  // namespace ortune
