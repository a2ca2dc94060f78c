#include "jpeg/decode.h"

#include <mutex>
#include <numeric>
#include <stdexcept>

#include "ort/platform.h"

namespace jpeg {
namespace {

// Of turbojpeg.h, version 3; the numbers are part of its binary interface.
using Handle = void*;
struct Scale {
  int numerator;
  int denominator;
};
struct Region {
  int left;
  int top;
  int width;
  int height;
};
constexpr int kDecompress = 1;
constexpr int kParamStopOnWarning = 0;
constexpr int kParamWidth = 5;
constexpr int kParamHeight = 6;
constexpr int kParamScanLimit = 13;
constexpr int kFormatRgb = 0;
constexpr int kFormatGrey = 6;
constexpr int kFormatCmyk = 11;
// Files of many scans take long to decode for their size; encoders write some ten.
constexpr int kMostScans = 200;

struct Library {
  Handle (*init)(int kind);
  void (*destroy)(Handle);
  char* (*error)(Handle);
  int (*set)(Handle, int parameter, int value);
  int (*get)(Handle, int parameter);
  int (*read_header)(Handle, const unsigned char* data, size_t size);
  int (*set_scale)(Handle, Scale);
  int (*set_region)(Handle, Region);
  int (*decompress)(Handle, const unsigned char* data, size_t size, unsigned char* out, int pitch,
                    int format);
};

Library g_library = {};

template <typename Function>
void find(const std::string& path, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(ort::platform::open_symbol(path, name));
}

// Of one picture: a handle keeps the tables of the last picture, which a file without its own would be read
// with, and after a failure inside a marker it refuses whatever comes. A new one takes microseconds.
class Decoder {
 public:
  Decoder() : handle_(g_library.init(kDecompress)) {
    if (handle_ == nullptr) return;
    g_library.set(handle_, kParamStopOnWarning, 1);
    g_library.set(handle_, kParamScanLimit, kMostScans);
  }
  ~Decoder() {
    if (handle_ != nullptr) g_library.destroy(handle_);
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  std::string decode(const uint8_t* data, size_t size, const Part& part, int channels, uint8_t* out,
                     size_t out_size) {
    if (handle_ == nullptr) return "libjpeg-turbo has no memory for a decoder";
    if (part.eighths < 1 || part.eighths > 8) return "the scale is not one of 1/8 to 8/8";
    if (channels != 1 && channels != 3 && channels != 4) return "expected 1, 3 or 4 channels";
    if (g_library.read_header(handle_, data, size) != 0 ||
        g_library.set_scale(handle_, scale_of(part.eighths)) != 0)
      return g_library.error(handle_);
    const int width = scaled(g_library.get(handle_, kParamWidth), part.eighths);
    const int height = scaled(g_library.get(handle_, kParamHeight), part.eighths);
    if (part.left < 0 || part.top < 0 || part.width < 1 || part.height < 1 ||
        part.left > width - part.width || part.top > height - part.height)
      return "the part is not within the picture";
    if (static_cast<size_t>(part.width) * part.height * channels > out_size)
      return "the part is larger than its buffer";
    const bool whole = part.left == 0 && part.top == 0 && part.width == width && part.height == height;
    if (!whole && g_library.set_region(handle_, {part.left, part.top, part.width, part.height}) != 0)
      return g_library.error(handle_);
    const int format = channels == 1 ? kFormatGrey : channels == 3 ? kFormatRgb : kFormatCmyk;
    if (g_library.decompress(handle_, data, size, out, part.width * channels, format) != 0)
      return g_library.error(handle_);
    return "";
  }

 private:
  // The library knows the fractions in lowest terms.
  static Scale scale_of(int eighths) {
    const int common = std::gcd(eighths, 8);
    return {eighths / common, 8 / common};
  }
  static int scaled(int side, int eighths) { return static_cast<int>((int64_t{side} * eighths + 7) / 8); }

  Handle handle_;
};

}  // namespace

void open_library(const std::string& path) {
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  if (g_library.decompress != nullptr) return;
  Library found = {};
  find(path, "tj3Init", &found.init);
  find(path, "tj3Destroy", &found.destroy);
  find(path, "tj3GetErrorStr", &found.error);
  find(path, "tj3Set", &found.set);
  find(path, "tj3Get", &found.get);
  find(path, "tj3DecompressHeader", &found.read_header);
  find(path, "tj3SetScalingFactor", &found.set_scale);
  find(path, "tj3SetCroppingRegion", &found.set_region);
  find(path, "tj3Decompress8", &found.decompress);
  g_library = found;
}

std::string decode(const uint8_t* data, size_t size, const Part& part, int channels, uint8_t* out,
                   size_t out_size) {
  return Decoder().decode(data, size, part, channels, out, out_size);
}

}  // namespace jpeg
