#include "data/taps.h"

#include <math.h>

namespace ortune {

// The triangle, Keys' cubic convolution with a = -0.5, and a sinc under a sinc of three times its width.
static double cubic(double x) {
  x = fabs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}
static double triangle(double x) {
  x = fabs(x);
  return x < 1 ? 1 - x : 0;
}

static double sinc(double x) {
  const double t = x * 3.14159265358979323846;
  return t == 0 ? 1 : sin(t) / t;
}
static double lanczos(double x) { return fabs(x) < 3 ? sinc(x) * sinc(x / 3) : 0; }

static double weight_of(Filter filter, double x) {
  if (filter == Filter::kBicubic) return cubic(x);
  return filter == Filter::kLanczos ? lanczos(x) : triangle(x);
}
static double radius_of(Filter filter) {
  if (filter == Filter::kBicubic) return 2;
  return filter == Filter::kLanczos ? 3 : 1;
}

static bool is_nearest(Filter filter) {
  return filter == Filter::kNearest || filter == Filter::kNearestExact;
}

static double scale_of(const AxisMap& axis) { return axis.length / static_cast<double>(axis.size); }

static double support_of(const AxisMap& axis) {
  const double scale = scale_of(axis);
  return radius_of(axis.filter) * (scale > 1 ? scale : 1);
}

int64_t taps_of(const AxisMap& axis) {
  if (is_nearest(axis.filter)) return 2;
  return (static_cast<int64_t>(ceil(2 * support_of(axis))) + 1) / 2 * 2;
}

static double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

/// Weights that are rounded add up to exactly one, so that flat pictures stay flat: what is over goes to the
/// middle half.
static void balance(int16_t* weights, int64_t n) {
  int32_t left = 1 << kWeightBits;
  for (int64_t k = 0; k < n; ++k) left -= weights[k];
  const int64_t begin = n / 4, end = n - n / 4;
  for (int64_t k = begin; left != 0; k = k + 1 < end ? k + 1 : begin) {
    const int32_t step = left < 0 ? -1 : 1;
    weights[k] = static_cast<int16_t>(weights[k] + step);
    left -= step;
  }
}

void fill_taps(const AxisMap& axis, Taps& taps) {
  const double scale = scale_of(axis), support = support_of(axis);
  const double stretch = scale > 1 ? scale : 1;
  const double low = clamp(floor(axis.begin), 0, static_cast<double>(axis.source - 1));
  const double high = clamp(ceil(axis.begin + axis.length), low + 1, static_cast<double>(axis.source));
  taps.count = axis.count;
  taps.taps = taps_of(axis);
  for (int64_t i = 0; i < axis.count; ++i) {
    const int64_t at = axis.from + (axis.mirror ? axis.count - 1 - i : i);
    int16_t* const weights = taps.weights + i * taps.taps;
    for (int64_t k = 0; k < taps.taps; ++k) weights[k] = 0;
    const double shift = axis.filter == Filter::kNearest ? 0 : 0.5;
    const double centre = axis.begin + (static_cast<double>(at) + shift) * scale;
    if (is_nearest(axis.filter)) {
      taps.first[i] = static_cast<int32_t>(clamp(floor(centre), low, high - 1));
      weights[0] = 1 << kWeightBits;
      continue;
    }
    const double begin = clamp(floor(centre - support + 0.5), low, high - 1);
    const double end = clamp(floor(centre + support + 0.5), begin + 1, high);
    const int64_t n = static_cast<int64_t>(end - begin);
    taps.first[i] = static_cast<int32_t>(begin);
    const auto weight = [&](int64_t k) {
      return weight_of(axis.filter, (begin + static_cast<double>(k) - centre + 0.5) / stretch);
    };
    double sum = 0;
    for (int64_t k = 0; k < n; ++k) sum += weight(k);
    for (int64_t k = 0; k < n; ++k)
      weights[k] = static_cast<int16_t>(lrint(weight(k) / sum * (1 << kWeightBits)));
    balance(weights, n);
  }
}

}  // namespace ortune
