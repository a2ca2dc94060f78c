// From decoded uint8 pixels to the finished numbers of one sample, in a single call: geometry, colours, then
// normalisation in the model's layout. What is done stands in a program that TypeScript draws
// (src/data/images/augment/); every number of it is decided there. To add a geometric operation: a code
// below, its check and result's size in render_program.cc, a kernel; the code and its writer in
// src/data/images/augment/program.ts. All arithmetic is integer, or float32 without contracted multiply-adds:
// every instruction set gives the same bits.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace ortune {

struct Kernels;

/// What each operation but those on colours (ColourCode in colour.h) is called in a program, and its values.
enum RenderCode : int32_t {
  // filter; left, top, width, height of the part that is read (fractions of pixels allowed); width, height
  // it is brought to; left, top, width, height of what is kept of that; 1 to mirror left and right; the same
  // for top and bottom
  kResample = 101,
  // 0 nearest or 1 bilinear; the matrix by which a pixel of the result finds its source,
  // x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5; a fill value for each of four channels
  kAffine = 102,
  // mode (PadMode); pixels added left, top, right, bottom, where negative ones cut; a fill value for each of
  // four channels
  kPad = 103,
  // Only at the end, since it works on the finished numbers. left, top, width, height; a seed of the noise
  // that is put
  // there, or -1; else a number for each of four channels
  kErase = 201,
};

enum class Filter : int32_t { kNearest = 0, kNearestExact = 1, kBilinear = 2, kBicubic = 3, kLanczos = 4 };
enum class PadMode : int32_t { kConstant = 0, kEdge = 1, kReflect = 2, kSymmetric = 3 };

constexpr int64_t kMaxChannels = 4;

/// A picture between two operations: rows packed, channels interleaved.
struct Tile {
  uint8_t* pixels;
  int64_t height, width, channels;
};

/// The sources of each result along one axis: result i is the sum of weights[i * taps + k] * source[first[i]
/// + k].
struct Taps {
  int64_t count;
  int64_t taps;      // even
  int32_t* first;    // with all its taps within the source and `taps` zeros behind it
  int16_t* weights;  // add up to 1 << kWeightBits
};
constexpr int kWeightBits = 14;

/// Resampling along both axes, rounding to uint8 between them as Pillow and PyTorch do.
struct Resample {
  const uint8_t* in;
  int64_t stride, height, width, channels;  // bytes from row to row
  Taps x, y;
  uint8_t* line;  // width + x.taps pixels and 16 bytes
  uint8_t* rows;  // resample_rows(y) rows of row_bytes(x.count, channels)
  uint8_t* out;   // [y.count, x.count, channels]
};
static inline int64_t row_bytes(int64_t width, int64_t channels) { return width * channels + 16; }

/// A picture through one affine map, without antialiasing: torchvision's affine and rotate.
struct Affine {
  const uint8_t* in;
  int64_t height, width, channels;
  bool bilinear;
  float matrix[6];
  float fill[kMaxChannels];
  uint8_t* out;
};

/// (pixel * scale + bias), in the model's order of channels and axes.
struct Finish {
  const uint8_t* in;  // [places, channels]
  int64_t places, channels;
  float scale[kMaxChannels], bias[kMaxChannels];  // of the model's channels
  bool flip_channels;
  bool channels_last;
  float* out;
};

/// A rectangle of the finished numbers replaced by one value for each channel, or by standard normal noise.
struct Erase {
  int64_t left, top, width, height;
  double seed;  // -1: the values
  float values[kMaxChannels];
};
void erase(const Erase& a, const Finish& of, int64_t row);

/// One sample. The program is a row of operations, each its code, how many values follow, and these.
struct Render {
  const uint8_t* pixels;  // [height, width, channels]
  int64_t height, width, channels;
  const double* program;
  int64_t length;
  Finish finish;  // `in` and `places` are filled in
  int64_t out_height, out_width;
};

/// Why a program cannot run on a picture, or does not end at the size that is wanted; null where it can.
const char* render_problem(const Render& a);

/// Bytes that running it needs, for a program without problems.
size_t render_scratch(const Render& a);

/// Writes the sample; `scratch` is aligned to 64 bytes.
void render(const Render& a, const Kernels& kernels, uint8_t* scratch);

}  // namespace ortune
