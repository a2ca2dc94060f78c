// libFuzzer: programs of augmentation and mixing on pictures of any size (native/data). What the checks let
// through must run within just the memory that is asked for, and give the same numbers again.
#include <cstdlib>
#include <cstring>

#include "data/colour.h"
#include "data/mix.h"
#include "data/render.h"
#include "ops/kernels.h"
#include "reader.h"

using namespace ortune;

namespace {

/// More than this of work or memory is not tried, though it is allowed.
constexpr int64_t kMostPlaces = 1 << 18;
constexpr size_t kMostScratch = size_t{1} << 26;

/// Memory whose end is the end of what may be touched.
template <class T>
struct Exact {
  explicit Exact(size_t count) : memory(static_cast<T*>(std::malloc(count * sizeof(T) + (count == 0)))) {}
  ~Exact() { std::free(memory); }
  Exact(const Exact&) = delete;
  Exact& operator=(const Exact&) = delete;
  T* memory;
};

void operation(fuzz::Reader& in, std::vector<double>& program, int64_t& height, int64_t& width) {
  static constexpr struct {
    int code, values;
  } kOperations[] = {{1, 1}, {2, 1},  {3, 1},  {4, 1},  {5, 0},    {6, 0},    {7, 1},   {8, 1},
                     {9, 0}, {10, 0}, {11, 1}, {12, 7}, {101, 13}, {102, 11}, {103, 9}, {201, 9}};
  const auto& kind = kOperations[in.upto(15)];
  const bool wild = in.byte() > 250;
  program.push_back(wild ? in.number() : kind.code);
  program.push_back(in.byte() > 250 ? in.number() : kind.values);
  const size_t at = program.size();
  for (int i = 0; i < kind.values; ++i) program.push_back(in.number());
  if (in.byte() > 200) return;
  // As TypeScript would write it, but for the numbers that are left to chance.
  double* v = program.data() + at;
  if (kind.code == 101) {
    const int64_t w = in.between(1, 40), h = in.between(1, 40);
    v[0] = static_cast<double>(in.upto(4));
    v[3] = v[3] > 0 ? v[3] : 1;
    v[4] = v[4] > 0 ? v[4] : 1;
    v[5] = static_cast<double>(w);
    v[6] = static_cast<double>(h);
    v[9] = static_cast<double>(width = in.between(1, w));
    v[10] = static_cast<double>(height = in.between(1, h));
    v[7] = static_cast<double>(in.upto(w - width));
    v[8] = static_cast<double>(in.upto(h - height));
  } else if (kind.code == 102) {
    v[0] = static_cast<double>(in.upto(1));
  } else if (kind.code == 103) {
    v[0] = static_cast<double>(in.upto(3));
    for (int i = 1; i < 5; ++i) v[i] = static_cast<double>(in.between(-3, 6));
    width += static_cast<int64_t>(v[1] + v[3]);
    height += static_cast<int64_t>(v[2] + v[4]);
  } else if (kind.code == 12) {
    v[0] = 3;
  } else if (kind.code == 201) {
    const int64_t w = in.upto(width), h = in.upto(height);
    v[0] = static_cast<double>(in.upto(width - w));
    v[1] = static_cast<double>(in.upto(height - h));
    v[2] = static_cast<double>(w);
    v[3] = static_cast<double>(h);
    v[4] = in.byte() > 128 ? -1 : in.byte();
  }
}

void mix_samples(fuzz::Reader& in) {
  const int64_t count = in.between(1, 9), size = in.upto(70);
  Exact<float> samples(static_cast<size_t>(count * size));
  for (int64_t i = 0; i < count * size; ++i) samples.memory[i] = in.raw<float>();
  kernels().mix({samples.memory, count, size, in.raw<float>()});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Reader in(data, size);
  const uint8_t flags = in.byte();
  if (flags > 240) {
    mix_samples(in);
    return 0;
  }
  Render a = {};
  a.height = flags > 230 ? in.integer() : in.between(1, 40);
  a.width = flags > 230 ? in.integer() : in.between(1, 40);
  a.channels = flags > 230 ? in.integer() : in.between(1, 4);
  // As far as the operations below follow the size.
  const auto tame = [](int64_t side) { return side > 0 && side < (1 << 16) ? side : 1; };
  int64_t height = tame(a.height), width = tame(a.width);
  std::vector<double> program;
  for (int64_t n = in.upto(6); n-- > 0;) operation(in, program, height, width);
  if (in.byte() > 245 && !program.empty()) program.resize(program.size() - 1);
  Exact<double> operations(program.size());
  if (!program.empty()) std::memcpy(operations.memory, program.data(), program.size() * sizeof(double));
  a.program = operations.memory;
  a.length = static_cast<int64_t>(program.size());
  a.out_height = in.byte() > 250 ? in.integer() : height;
  a.out_width = in.byte() > 250 ? in.integer() : width;
  if (render_problem(a)) return 0;
  // As the binding has checked.
  if (a.height * a.width > kMostPlaces || a.out_height * a.out_width > kMostPlaces) return 0;
  const size_t bytes = render_scratch(a);
  if (bytes > kMostScratch) return 0;
  Exact<uint8_t> pixels(static_cast<size_t>(a.height * a.width * a.channels));
  for (int64_t i = 0; i < a.height * a.width * a.channels; ++i)
    pixels.memory[i] = static_cast<uint8_t>(in.left() ? in.byte() : i * 37);
  a.pixels = pixels.memory;
  for (int64_t c = 0; c < a.channels; ++c) {
    a.finish.scale[c] = 0.25f;
    a.finish.bias[c] = -1;
  }
  a.finish.flip_channels = flags & 1;
  a.finish.channels_last = flags & 2;
  const size_t results = static_cast<size_t>(a.out_height * a.out_width * a.channels);
  Exact<float> first(results), again(results);
  for (float* out : {first.memory, again.memory}) {
    a.finish.out = out;
    void* scratch = nullptr;
    // What is at the end of it shows an overrun; what is in it must not matter.
    if (posix_memalign(&scratch, 64, bytes + (bytes == 0)) != 0) return 0;
    std::memset(scratch, out == first.memory ? 0 : 0xa5, bytes);
    render(a, kernels(), static_cast<uint8_t*>(scratch));
    std::free(scratch);
  }
  if (std::memcmp(first.memory, again.memory, results * sizeof(float)) != 0) __builtin_trap();
  return 0;
}
