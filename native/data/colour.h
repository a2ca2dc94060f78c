// Colour operations on a tile of decoded pixels, in place: a picture between its geometry and its
// normalisation. Formulas, order of rounding and borders are those of torchvision.transforms.v2.functional on
// uint8 tensors, which rounds (mostly towards zero) after every operation. All arithmetic is integer, or
// float32 without contracted multiply-adds, so that every instruction set gives the same bits.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace ortune {

/// What each operation is called in a program, and its values. src/data/images/augment/colour.ts writes them.
enum ColourCode : int32_t {
  kBrightness = 1,     // factor >= 0
  kContrast = 2,       // factor >= 0
  kSaturation = 3,     // factor >= 0
  kHue = 4,            // turn of the colour circle, -0.5 to 0.5
  kGrayscale = 5,      // none
  kInvert = 6,         // none
  kSolarize = 7,       // threshold
  kPosterize = 8,      // bits to keep, 0 to 8
  kAutocontrast = 9,   // none
  kEqualize = 10,      // none
  kSharpness = 11,     // factor >= 0
  kGaussianBlur = 12,  // taps along x (odd), then the weights along x and along y
};

/// Operations in their order on one picture. One channel: what needs colours does nothing.
struct Colour {
  uint8_t* pixels;  // [height, width, channels]
  int64_t height, width, channels;
  const double* program;  // for each operation its code, how many values follow, and these
  int64_t length;
  void* scratch;  // colour_scratch(a) bytes, aligned for float
};

/// Why a program cannot run on a picture of this size; null where it can. Kernels rely on it.
const char* colour_problem(const Colour& a);

size_t colour_scratch(const Colour& a);

// Internal linkage, for the reason given in simd/vec.h.
static inline int32_t colour_code(const double* op) { return static_cast<int32_t>(op[0]); }
static inline int64_t colour_values(const double* op) { return static_cast<int64_t>(op[1]); }
static inline const double* next_colour(const double* op) { return op + 2 + colour_values(op); }

}  // namespace ortune
