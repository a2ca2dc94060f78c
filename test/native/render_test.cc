// Samples from decoded pixels: resampling against sums in double precision, and whole programs of odd sizes,
// whose bits every instruction set must share, on memory of just the length that they may touch.
#include "data/render.h"

#include <random>

#include "data/colour.h"
#include "harness.h"

namespace test {

using namespace ortune;

namespace {

using Bytes = std::vector<uint8_t>;
using Program = std::vector<double>;

struct Shape {
  int64_t height, width, channels;
  size_t bytes() const { return static_cast<size_t>(height * width * channels); }
  std::string label() const {
    return std::to_string(height) + "x" + std::to_string(width) + "x" + std::to_string(channels);
  }
};

Bytes noise(const Shape& shape, uint64_t seed) {
  std::mt19937_64 bits(seed);
  Bytes pixels(shape.bytes());
  for (uint8_t& value : pixels) value = static_cast<uint8_t>(bits());
  return pixels;
}

/// The numbers of a sample that is not normalised.
std::vector<float> rendered(const Kernels& kernels, const Bytes& pixels, const Shape& shape,
                            const Program& program, const Shape& to, bool channels_last,
                            const std::string& what) {
  Render a = {};
  a.pixels = pixels.data();
  a.height = shape.height;
  a.width = shape.width;
  a.channels = shape.channels;
  a.program = program.data();
  a.length = static_cast<int64_t>(program.size());
  a.out_height = to.height;
  a.out_width = to.width;
  for (int64_t c = 0; c < shape.channels; ++c) a.finish.scale[c] = 1;
  a.finish.channels_last = channels_last;
  const char* problem = render_problem(a);
  check(problem == nullptr, what + ": " + (problem == nullptr ? "runs" : problem));
  Floats out(static_cast<int64_t>(to.bytes()), 1);
  if (problem != nullptr) return out.copy();
  a.finish.out = out.data();
  const size_t bytes = render_scratch(a);
  std::vector<uint8_t> memory(bytes + 64);
  const size_t skip = (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
  memory.resize(skip + bytes);
  render(a, kernels, memory.data() + skip);
  check(out.guarded(), what + ": writes its range only");
  return out.copy();
}

double weight(Filter filter, double x) {
  x = fabs(x);
  if (filter == Filter::kBilinear) return x < 1 ? 1 - x : 0;
  if (filter == Filter::kBicubic)
    return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
  const double t = 3.14159265358979323846 * x;
  return x >= 3 ? 0 : x == 0 ? 1 : 3 * sin(t) * sin(t / 3) / (t * t);
}

/// One axis: the values of `count` results from `n` of the part [begin, begin + length).
std::vector<double> along(const std::vector<double>& in, Filter filter, int64_t begin, int64_t length,
                          int64_t size) {
  const double scale = static_cast<double>(length) / static_cast<double>(size),
               stretch = scale > 1 ? scale : 1;
  std::vector<double> out;
  for (int64_t i = 0; i < size; ++i) {
    const double centre = static_cast<double>(begin) + (static_cast<double>(i) + 0.5) * scale;
    double sum = 0, total = 0;
    for (int64_t k = begin; k < begin + length; ++k) {
      const double w = weight(filter, (static_cast<double>(k) + 0.5 - centre) / stretch);
      sum += w * in[static_cast<size_t>(k)];
      total += w;
    }
    out.push_back(sum / total);
  }
  return out;
}

/// Both axes, the middle rounded and clamped as pixels are.
std::vector<double> resampled(const Bytes& pixels, const Shape& shape, const Program& v, const Shape& to) {
  const auto filter = static_cast<Filter>(static_cast<int32_t>(v[2]));
  const auto whole = [&](size_t i) { return static_cast<int64_t>(v[i]); };
  std::vector<double> middle(static_cast<size_t>(shape.height * to.width * shape.channels));
  std::vector<double> out(to.bytes());
  const auto at = [&](int64_t y, int64_t x, int64_t c, int64_t width) {
    return static_cast<size_t>((y * width + x) * shape.channels + c);
  };
  for (int64_t c = 0; c < shape.channels; ++c) {
    for (int64_t y = 0; y < shape.height; ++y) {
      std::vector<double> row;
      for (int64_t x = 0; x < shape.width; ++x) row.push_back(pixels[at(y, x, c, shape.width)]);
      row = along(row, filter, whole(3), whole(5), to.width);
      for (int64_t x = 0; x < to.width; ++x)
        middle[at(y, x, c, to.width)] = round(fmin(fmax(row[static_cast<size_t>(x)], 0), 255));
    }
    for (int64_t x = 0; x < to.width; ++x) {
      std::vector<double> column;
      for (int64_t y = 0; y < shape.height; ++y) column.push_back(middle[at(y, x, c, to.width)]);
      column = along(column, filter, whole(4), whole(6), to.height);
      for (int64_t y = 0; y < to.height; ++y)
        out[at(y, x, c, to.width)] = fmin(fmax(column[static_cast<size_t>(y)], 0), 255);
    }
  }
  return out;
}

Program resample(Filter filter, double left, double top, double width, double height, const Shape& to) {
  const double w = static_cast<double>(to.width), h = static_cast<double>(to.height);
  return {kResample, 13, static_cast<double>(filter), left, top, width, height, w, h, 0, 0, w, h, 0, 0};
}

void test_resample(const Target& target) {
  uint64_t seed = 70;
  for (const Shape& shape :
       {Shape{1, 1, 3}, Shape{7, 5, 1}, Shape{9, 31, 3}, Shape{33, 18, 4}, Shape{3, 301, 3}})
    for (const auto& [height, width] : {std::pair<int64_t, int64_t>{1, 1}, {5, 17}, {12, 6}, {40, 67}})
      for (Filter filter : {Filter::kBilinear, Filter::kBicubic, Filter::kLanczos}) {
        const Bytes pixels = noise(shape, ++seed);
        const Shape to{height, width, shape.channels};
        const int64_t left = shape.width / 3, top = shape.height / 4;
        const Program program =
            resample(filter, static_cast<double>(left), static_cast<double>(top),
                     static_cast<double>(shape.width - left), static_cast<double>(shape.height - top), to);
        const std::string what = target.name + " resample " + shape.label() + " to " + to.label() +
                                 " filter " + std::to_string(static_cast<int>(filter));
        const std::vector<float> got = rendered(target.kernels, pixels, shape, program, to, true, what);
        // A value that is rounded the other way in the middle goes through the filter once more.
        const double most = filter == Filter::kBilinear ? 1.6 : 2.1;
        check_close(what, got.data(), resampled(pixels, shape, program, to), 0, most);
      }
}

/// Whatever a chain may do, on sizes that no vector fits.
void test_programs(const Target& target) {
  std::mt19937_64 bits(71);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(bits() % static_cast<uint64_t>(n)); };
  for (int round = 0; round < 200; ++round) {
    Shape shape{1 + below(40), 1 + below(70), 1 + below(4)};
    const Bytes pixels = noise(shape, static_cast<uint64_t>(round));
    Program program;
    Shape to = shape;
    const int64_t steps = below(4);
    for (int64_t i = 0; i < steps; ++i) {
      Program next;
      switch (below(4)) {
        case 0: {
          const Shape size{1 + below(60), 1 + below(60), shape.channels};
          const double part = 0.3 + static_cast<double>(below(700)) / 1000;
          next = resample(static_cast<Filter>(below(5)), static_cast<double>(below(9)) / 4, 0.5,
                          static_cast<double>(to.width) * part, static_cast<double>(to.height) * part, size);
          const int64_t keep_x = 1 + below(size.width), keep_y = 1 + below(size.height);
          next[9] = static_cast<double>(below(size.width - keep_x + 1));
          next[10] = static_cast<double>(below(size.height - keep_y + 1));
          next[11] = static_cast<double>(keep_x);
          next[12] = static_cast<double>(keep_y);
          next[13] = static_cast<double>(below(2));
          next[14] = static_cast<double>(below(2));
          to = {keep_y, keep_x, shape.channels};
          break;
        }
        case 1:
          next = {kAffine, 11, static_cast<double>(below(2)), 0.8, 0.4, -1.3, -0.3, 1.1, 2.6, 9, 200,
                  33,      255};
          break;
        case 2:
          if (to.channels == 1 || to.channels == 3)
            next = {kBrightness, 1, 1.2, kContrast, 1, 0.7, kHue, 1, 0.1, kSharpness, 1, 1.5};
          break;
        default: {
          const int64_t most = to.width < to.height ? to.width : to.height;
          next = {kPad,
                  9,
                  static_cast<double>(below(4)),
                  static_cast<double>(below(most)),
                  0,
                  static_cast<double>(below(most)),
                  static_cast<double>(below(most)),
                  5,
                  6,
                  7,
                  8};
          to.width += static_cast<int64_t>(next[3] + next[5]);
          to.height += static_cast<int64_t>(next[4] + next[6]);
        }
      }
      program.insert(program.end(), next.begin(), next.end());
    }
    if (below(3) == 0)
      for (double value :
           {double(kErase), 9.0, static_cast<double>(to.width / 2), 0.0, static_cast<double>(to.width / 3),
            static_cast<double>(to.height), below(2) == 0 ? -1.0 : 77.0, 1.5, 2.5, 3.5, 4.5})
        program.push_back(value);
    const std::string what = target.name + " program " + std::to_string(round) + " on " + shape.label();
    const bool last = below(2) == 1;
    const std::vector<float> got = rendered(target.kernels, pixels, shape, program, to, last, what);
    const Kernels& baseline = *kernels_for(Isa::kBaseline);
    const std::vector<float> want = rendered(baseline, pixels, shape, program, to, last, what);
    check(same_bits(got, want), what + ": the bits of the baseline");
  }
}

}  // namespace

void test_render(const Target& target) {
  test_resample(target);
  test_programs(target);
}

}  // namespace test
