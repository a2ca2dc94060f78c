// Decodes a part of a JPEG at a reduced scale with libjpeg-turbo, whose library a package of the registry
// brings along. Its binding for JavaScript decodes whole pictures only; so the library is opened here and
// called over its C interface, TurboJPEG 3, of which nothing but the functions used is declared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace jpeg {

/// What to decode: a rectangle of the picture at `eighths`/8 of its size, in pixels of that scale. `left` has
/// to be a multiple of the scaled width of the blocks that the file is made of.
struct Part {
  int eighths;
  int left;
  int top;
  int width;
  int height;
};

/// Opens the library; again at the same path does nothing. Throws std::runtime_error naming what is missing.
void open_library(const std::string& path);

/// Writes the pixels of the part, rows packed, into `out`, which holds `out_size` bytes: grey (1 channel),
/// RGB (3), or the four of CMYK as the file has them. Returns what is wrong with the file, empty when nothing
/// is: a warning of the library (a cut file, damaged data) counts. Nothing is kept from call to call. Call
/// open_library before.
std::string decode(const uint8_t* data, size_t size, const Part& part, int channels, uint8_t* out,
                   size_t out_size);

}  // namespace jpeg
