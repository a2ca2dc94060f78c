// libFuzzer: files that are JPEGs or nearly (native/jpeg). What is decoded must stay within its buffer, which
// a page that cannot be written follows, since the library itself is not built with sanitizers; it must not
// depend on the files before it; and a good file must give the same pixels after every one.
// ORTUNE_JPEG_LIBRARY names the library, ORTUNE_JPEG_GOOD a good file.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "jpeg/decode.h"
#include "reader.h"

namespace {

/// Memory whose last byte is the last of its page.
class Guarded {
 public:
  explicit Guarded(size_t size) : size_(size) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    whole_ = (size + page - 1) / page * page + page;
    void* memory = mmap(nullptr, whole_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    begin_ = static_cast<uint8_t*>(memory);
    mprotect(begin_ + whole_ - page, page, PROT_NONE);
    data_ = begin_ + whole_ - page - size;
  }
  ~Guarded() { munmap(begin_, whole_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  size_t size_, whole_;
  uint8_t *begin_, *data_;
};

std::vector<uint8_t> g_good;
constexpr jpeg::Part kGoodPart = {8, 0, 0, 16, 16};

std::string decode_good(uint8_t* out, size_t size) {
  return jpeg::decode(g_good.data(), g_good.size(), kGoodPart, 3, out, size);
}

std::vector<uint8_t> good_pixels() {
  static std::vector<uint8_t> pixels = [] {
    std::vector<uint8_t> first(16 * 16 * 3);
    const std::string problem = decode_good(first.data(), first.size());
    if (!problem.empty()) {
      std::fprintf(stderr, "the good file is refused: %s\n", problem.c_str());
      std::abort();
    }
    return first;
  }();
  return pixels;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char *library = std::getenv("ORTUNE_JPEG_LIBRARY"), *good = std::getenv("ORTUNE_JPEG_GOOD");
  if (!library || !good) {
    std::fprintf(stderr, "start me by `npm run fuzz:native`\n");
    std::exit(2);
  }
  jpeg::open_library(library);
  std::ifstream file(good, std::ios::binary);
  g_good.assign(std::istreambuf_iterator<char>(file), {});
  good_pixels();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The file comes first, so that the seeds are JPEGs; what to decode of it stands in its last bytes as well.
  fuzz::Reader in(data + (size > 12 ? size - 12 : 0), size > 12 ? 12 : size);
  const uint8_t kind = in.byte();
  const int channels = kind & 1 ? 3 : kind & 2 ? 1 : 4;
  jpeg::Part part = {1 << in.upto(3), 8 * static_cast<int>(in.upto(4)), static_cast<int>(in.upto(40)),
                     static_cast<int>(in.between(1, 64)), static_cast<int>(in.between(1, 64))};
  if (kind > 240)
    part = {static_cast<int>(in.raw<int32_t>()), in.byte(), in.byte() - 128, in.byte(), in.byte()};
  if (kind % 16 < 8) part = {8, 0, 0, 16, 16};
  // The file between pages that cannot be read.
  Guarded file(size);
  std::memcpy(file.data(), data, size);
  Guarded out(static_cast<size_t>(part.width) * static_cast<size_t>(part.height) * channels);
  const std::string first = jpeg::decode(file.data(), size, part, channels, out.data(), out.size());
  std::vector<uint8_t> pixels(out.data(), out.data() + out.size());

  std::vector<uint8_t> good(16 * 16 * 3);
  if (!decode_good(good.data(), good.size()).empty() || good != good_pixels()) __builtin_trap();

  std::memset(out.data(), 0, out.size());
  const std::string again = jpeg::decode(file.data(), size, part, channels, out.data(), out.size());
  if (first != again) __builtin_trap();
  if (first.empty() && std::memcmp(pixels.data(), out.data(), out.size()) != 0) __builtin_trap();
  return 0;
}
