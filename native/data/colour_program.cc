// What a colour program may hold, and the memory that running it takes. Compiled for the baseline only.
#include <math.h>

#include "data/colour.h"

namespace ortune {

/// Products with pixels stay numbers that float and int hold.
constexpr double kMostFactor = 1e6;

static bool between(double x, double low, double high) { return x >= low && x <= high; }

static const char* blur_problem(const Colour& a, const double* op) {
  const int64_t count = colour_values(op);
  if (count < 3 || !between(op[2], 1, static_cast<double>(count - 2)))
    return "a blur needs weights along both axes";
  const int64_t x = static_cast<int64_t>(op[2]), y = count - 1 - x;
  if (x % 2 == 0 || y % 2 == 0) return "a blur needs an odd number of weights";
  if (x / 2 >= a.width || y / 2 >= a.height) return "a blur's kernel reaches beyond the reflected picture";
  for (int64_t i = 0; i < x + y; ++i)
    if (!between(op[3 + i], 0, kMostFactor)) return "a weight of a blur is between 0 and a million";
  return nullptr;
}

static const char* operation_problem(const Colour& a, const double* op) {
  const int64_t count = colour_values(op);
  switch (colour_code(op)) {
    case kBrightness:
    case kContrast:
    case kSaturation:
    case kSharpness:
      return count == 1 && between(op[2], 0, kMostFactor) ? nullptr : "a factor is between 0 and a million";
    case kHue:
      return count == 1 && between(op[2], -0.5, 0.5) ? nullptr : "a hue is between -0.5 and 0.5";
    case kSolarize:
      return count == 1 && between(op[2], -kMostFactor, kMostFactor) ? nullptr : "solarize takes a threshold";
    case kPosterize:
      return count == 1 && between(op[2], 0, 8) ? nullptr : "posterize keeps 0 to 8 bits";
    case kGrayscale:
    case kInvert:
    case kAutocontrast:
    case kEqualize:
      return count == 0 ? nullptr : "the operation takes no values";
    case kGaussianBlur:
      return blur_problem(a, op);
    default:
      return "unknown colour operation";
  }
}

const char* colour_problem(const Colour& a) {
  if (a.channels != 1 && a.channels != 3) return "colour operations take 1 or 3 channels";
  if (a.height < 1 || a.width < 1) return "the picture is empty";
  const double* const end = a.program + a.length;
  for (const double* p = a.program; p < end; ++p)
    if (!isfinite(*p)) return "a number of the program is not finite";
  for (const double* op = a.program; op < end; op = next_colour(op)) {
    if (end - op < 2 || !between(op[0], 0, 1000) || !between(op[1], 0, static_cast<double>(end - op - 2)))
      return "the program ends within an operation";
    if (const char* problem = operation_problem(a, op)) return problem;
  }
  return nullptr;
}

size_t colour_scratch(const Colour& a) {
  size_t most = 0;
  const size_t row = static_cast<size_t>(a.width * a.channels);
  for (const double* op = a.program; op < a.program + a.length; op = next_colour(op)) {
    size_t bytes = 0;
    if (colour_code(op) == kSharpness) bytes = 2 * row;
    if (colour_code(op) == kGaussianBlur) {
      const size_t x = static_cast<size_t>(op[2]), y = static_cast<size_t>(colour_values(op)) - 1 - x;
      bytes = (row * (y + 1) + (x - 1) * static_cast<size_t>(a.channels)) * sizeof(float);
    }
    most = most < bytes ? bytes : most;
  }
  return most;
}

}  // namespace ortune
