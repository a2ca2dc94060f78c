// Colour operations against plain per-pixel references in double precision: HSV by its six cases, histograms
// and neighbourhoods spelled out. Every instruction set must also give the same bytes.
#include "data/colour.h"

#include <algorithm>
#include <map>
#include <random>

#include "harness.h"

namespace test {

using namespace ortune;
using Bytes = std::vector<uint8_t>;
using Program = std::vector<double>;

struct Picture {
  int64_t height, width, channels;
  Bytes pixels;
  uint8_t& at(int64_t y, int64_t x, int64_t c) {
    return pixels[static_cast<size_t>((y * width + x) * channels + c)];
  }
};

/// Noise, or for style 1 grays, 2 saturated colours, 3 one colour alone.
static Picture picture(int64_t height, int64_t width, int64_t channels, int style) {
  Picture p{height, width, channels, Bytes(static_cast<size_t>(height * width * channels))};
  std::mt19937 bits(static_cast<unsigned>(height * 1000 + width * 10 + style));
  for (int64_t i = 0; i < height * width; ++i) {
    const uint8_t gray = static_cast<uint8_t>(bits());
    for (int64_t c = 0; c < channels; ++c) {
      const uint8_t own = static_cast<uint8_t>(bits());
      const uint8_t values[] = {own, gray, static_cast<uint8_t>(own < 128 ? 0 : 255),
                                static_cast<uint8_t>(60 * c)};
      p.pixels[static_cast<size_t>(i * channels + c)] = values[style];
    }
  }
  return p;
}

static double gray_of(const double* v, int64_t channels) {
  return channels == 1 ? v[0] : floor(0.2989 * v[0] + 0.587 * v[1] + 0.114 * v[2] + 1e-6);
}

static void turn_hue(double* v, double turn) {
  const double high = std::max({v[0], v[1], v[2]}) / 255, low = std::min({v[0], v[1], v[2]}) / 255;
  const double d = high - low, s = high > 0 ? d / high : 0;
  double h = 0;
  if (d > 0) {
    const double r = v[0] / 255, g = v[1] / 255, b = v[2] / 255;
    h = r == high ? (g - b) / d : g == high ? 2 + (b - r) / d : 4 + (r - g) / d;
  }
  h = h / 6 + turn;
  h = 6 * (h - floor(h));
  const int sector = static_cast<int>(h) % 6;
  const double f = h - floor(h), p = high * (1 - s), q = high * (1 - s * f), t = high * (1 - s * (1 - f));
  const double cases[6][3] = {{high, t, p}, {q, high, p}, {p, high, t},
                              {p, q, high}, {t, p, high}, {high, p, q}};
  for (int c = 0; c < 3; ++c) v[c] = cases[sector][c] * 255.999;
}

/// In float32, which decides on which side of a whole number a sum comes to lie.
static double blend(double x, double y, double f) {
  const float own = static_cast<float>(x) * static_cast<float>(f);
  const float other = static_cast<float>(y) * static_cast<float>(1 - f);
  return floor(std::min(255.0f, std::max(0.0f, own + other)));
}

static int64_t mirrored(int64_t i, int64_t n) { return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i; }

/// One operation, before the fraction is cut off.
static std::vector<double> reference(Picture p, const Program& op) {
  const int code = static_cast<int>(op[0]);
  const double f = op.size() > 2 ? op[2] : 0;
  const int64_t n = p.height * p.width, C = p.channels;
  std::vector<double> v(p.pixels.begin(), p.pixels.end()), out = v;
  double mean = 0;
  for (int64_t i = 0; i < n; ++i) mean += gray_of(&v[static_cast<size_t>(i * C)], C);
  mean /= static_cast<double>(n);
  std::vector<std::vector<int64_t>> counts(static_cast<size_t>(C), std::vector<int64_t>(256));
  for (int64_t i = 0; i < n * C; ++i) ++counts[static_cast<size_t>(i % C)][p.pixels[static_cast<size_t>(i)]];
  for (int64_t i = 0; i < n; ++i) {
    double* const o = &out[static_cast<size_t>(i * C)];
    const double gray = gray_of(o, C);
    if (code == kHue && C == 3) turn_hue(o, f);
    for (int64_t c = 0; c < C; ++c) {
      const std::vector<int64_t>& count = counts[static_cast<size_t>(c)];
      int64_t low = 0, high = 255, below = 0;
      while (count[static_cast<size_t>(low)] == 0) ++low;
      while (count[static_cast<size_t>(high)] == 0) --high;
      for (int k = 0; k < o[c]; ++k) below += count[static_cast<size_t>(k)];
      const int64_t step = (n - count[static_cast<size_t>(high)]) / 255;
      if (code == kBrightness) o[c] = std::min(255.0, o[c] * f);
      if (code == kContrast) o[c] = blend(o[c], mean, f);
      if (code == kSaturation && C == 3) o[c] = blend(o[c], gray, f);
      if (code == kGrayscale && C == 3) o[c] = gray;
      if (code == kInvert) o[c] = 255 - o[c];
      if (code == kSolarize && o[c] >= f) o[c] = 255 - o[c];
      if (code == kPosterize) o[c] -= fmod(o[c], 1 << (8 - static_cast<int>(f)));
      if (code == kAutocontrast && high > low) {
        const float scale = static_cast<float>(high - low) * (1.0f / 255.0f);
        o[c] = floor(std::min(255.0f, (static_cast<float>(o[c]) - static_cast<float>(low)) / scale));
      }
      if (code == kEqualize && step > 0)
        o[c] = static_cast<double>(std::min<int64_t>(255, (below + step / 2) / step));
    }
  }
  const auto neighbour = [&](int64_t y, int64_t x, int64_t c) {
    return v[static_cast<size_t>((mirrored(y, p.height) * p.width + mirrored(x, p.width)) * C + c)];
  };
  for (int64_t y = 0; y < p.height; ++y)
    for (int64_t x = 0; x < p.width; ++x)
      for (int64_t c = 0; c < C; ++c) {
        double& o = out[static_cast<size_t>((y * p.width + x) * C + c)];
        const bool inside = y > 0 && x > 0 && y + 1 < p.height && x + 1 < p.width;
        if (code == kSharpness && inside) {
          double total = 4 * o;
          for (int64_t dy = -1; dy <= 1; ++dy)
            for (int64_t dx = -1; dx <= 1; ++dx) total += neighbour(y + dy, x + dx, c);
          o = std::min(255.0, std::max(0.0, o + (1 - f) * (floor(total / 13 + 0.5) - o)));
        }
        if (code != kGaussianBlur) continue;
        const int64_t columns = static_cast<int64_t>(f), rows = static_cast<int64_t>(op[1]) - 1 - columns;
        double total = 0;
        for (int64_t j = 0; j < rows; ++j)
          for (int64_t k = 0; k < columns; ++k)
            total += neighbour(y + j - rows / 2, x + k - columns / 2, c) * op[static_cast<size_t>(3 + k)] *
                     op[static_cast<size_t>(3 + columns + j)];
        o = total + 0.5;
      }
  return out;
}

static const uint8_t kGuard = 0xa5;

/// The program on a copy at an odd address, its scratch of just the length asked for.
static Bytes run_program(const Target& target, const Picture& p, const Program& program, size_t offset) {
  Bytes memory(p.pixels.size() + offset + 1, kGuard);
  std::copy(p.pixels.begin(), p.pixels.end(), memory.begin() + static_cast<std::ptrdiff_t>(offset));
  Colour args{memory.data() + offset,
              p.height,
              p.width,
              p.channels,
              program.data(),
              static_cast<int64_t>(program.size()),
              nullptr};
  const char* problem = colour_problem(args);
  check(problem == nullptr, problem ? problem : "a good program is taken");
  std::vector<float> scratch(colour_scratch(args) / sizeof(float) + 1);
  args.scratch = scratch.data();
  target.kernels.colour(args);
  check(memory.back() == kGuard && (offset == 0 || memory[offset - 1] == kGuard),
        "colour writes its picture only");
  return {memory.begin() + static_cast<std::ptrdiff_t>(offset), memory.end() - 1};
}

/// The bytes each program gave on the first instruction set.
static Bytes& first_bytes(const std::string& what, const Bytes& bytes) {
  static std::map<std::string, Bytes> known;
  return known.emplace(what, bytes).first->second;
}

static Bytes run_everywhere(const Target& target, const std::string& what, const Picture& p,
                            const Program& program) {
  const Bytes got = run_program(target, p, program, 0);
  check(got == run_program(target, p, program, 1), target.name + " " + what + ": same at an odd address");
  check(got == first_bytes(what, got), target.name + " " + what + ": same bits as the baseline");
  return got;
}

static const Program kOperations[] = {
    {kBrightness, 1, 0},
    {kBrightness, 1, 0.6},
    {kBrightness, 1, 1},
    {kBrightness, 1, 3.5},
    {kContrast, 1, 0},
    {kContrast, 1, 0.6},
    {kContrast, 1, 1},
    {kContrast, 1, 4},
    {kSaturation, 1, 0},
    {kSaturation, 1, 1.4},
    {kSaturation, 1, 1},
    {kSaturation, 1, 5},
    {kHue, 1, -0.5},
    {kHue, 1, -0.07},
    {kHue, 1, 0},
    {kHue, 1, 0.1},
    {kHue, 1, 0.5},
    {kGrayscale, 0},
    {kInvert, 0},
    {kSolarize, 1, 0},
    {kSolarize, 1, 127.5},
    {kSolarize, 1, 255},
    {kPosterize, 1, 0},
    {kPosterize, 1, 3},
    {kPosterize, 1, 8},
    {kAutocontrast, 0},
    {kEqualize, 0},
    {kSharpness, 1, 0},
    {kSharpness, 1, 1},
    {kSharpness, 1, 1.9},
    {kSharpness, 1, 6},
    {kGaussianBlur, 3, 1, 1, 1},
    {kGaussianBlur, 7, 3, 0.25, 0.5, 0.25, 0.1, 0.8, 0.1},
    {kGaussianBlur, 7, 5, 0.1, 0.2, 0.4, 0.2, 0.1, 1},
};

static void test_operation(const Target& target, Picture p, int style, const Program& op) {
  if (op[0] == kGaussianBlur && (p.width < 3 || p.height < 2)) return;
  const std::string what = "colour " + std::to_string(static_cast<int>(op[0])) + " value " +
                           std::to_string(op.size() > 2 ? op[2] : 0) + " " + std::to_string(p.height) + "x" +
                           std::to_string(p.width) + "x" + std::to_string(p.channels) + " style " +
                           std::to_string(style);
  const Bytes got = run_everywhere(target, what, p, op);
  const std::vector<double> want = reference(p, op);
  bool right = true;
  // float32 may round across a whole number.
  for (size_t i = 0; i < got.size(); ++i)
    right = right && got[i] >= floor(want[i] - 1e-3) && got[i] <= floor(want[i] + 1e-3);
  check(right, target.name + " " + what);
}

/// Operations in one program give what they give one by one.
static void test_together(const Target& target, Picture p, const std::vector<Program>& ops,
                          const std::string& what) {
  Program all;
  Picture single = p;
  for (const Program& op : ops) {
    all.insert(all.end(), op.begin(), op.end());
    single.pixels = run_program(target, single, op, 0);
  }
  check(run_everywhere(target, what, p, all) == single.pixels, target.name + " " + what);
}

void test_colour(const Target& target) {
  for (const auto& size :
       {std::pair<int64_t, int64_t>{1, 1}, {2, 5}, {3, 3}, {7, 13}, {16, 16}, {19, 41}, {5, 300}})
    for (int64_t channels : {1, 3})
      for (int style = 0; style < 4; ++style)
        for (const Program& op : kOperations)
          test_operation(target, picture(size.first, size.second, channels, style), style, op);
  const Program brighter{kBrightness, 1, 1.3}, contrast{kContrast, 1, 0.7}, saturation{kSaturation, 1, 1.2},
      hue{kHue, 1, -0.1}, equalized{kEqualize, 0}, sharper{kSharpness, 1, 1.7}, gray{kGrayscale, 0};
  for (int64_t channels : {1, 3}) {
    const Picture p = picture(33, 29, channels, 0);
    const std::string of = " of " + std::to_string(channels) + " channels";
    test_together(target, p, {brighter, contrast, saturation, hue}, "contrast second" + of);
    test_together(target, p, {contrast, hue, saturation, brighter}, "contrast first" + of);
    test_together(target, p, {hue, saturation, brighter, contrast}, "contrast last" + of);
    test_together(target, p, {contrast, contrast, gray, contrast}, "contrast after contrast" + of);
    test_together(target, p, {equalized, contrast, sharper, contrast, equalized, hue},
                  "filters between" + of);
  }
}

void test_colour_programs() {
  uint8_t pixels[4 * 4 * 3] = {};
  const auto problem = [&](const Program& program, int64_t channels = 3) {
    return colour_problem(
        {pixels, 4, 4, channels, program.data(), static_cast<int64_t>(program.size()), nullptr});
  };
  check(problem({}) == nullptr, "an empty program is taken");
  for (const Program& bad : std::vector<Program>{{99, 0},
                                                 {kInvert},
                                                 {kBrightness, 1},
                                                 {kBrightness, 1, -1},
                                                 {kBrightness, 1, NAN},
                                                 {kBrightness, NAN},
                                                 {kBrightness, -1},
                                                 {kBrightness, 1e18},
                                                 {kHue, 1, 0.6},
                                                 {kPosterize, 1, 9},
                                                 {kSolarize, 0},
                                                 {kInvert, 1, 0},
                                                 {kGaussianBlur, 1, 1},
                                                 {kGaussianBlur, 3, 2, 1, 1},
                                                 {kGaussianBlur, 3, 3, 1, 1},
                                                 {kGaussianBlur, 10, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1},
                                                 {kGaussianBlur, 10, 9, 1, 0, 0, 0, 0, 0, 0, 0, 1}})
    check(problem(bad) != nullptr, "a bad colour program is refused");
  check(problem({kInvert, 0}, 4) != nullptr, "four channels are refused");
}

}  // namespace test
