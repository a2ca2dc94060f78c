// The operations that look at more than a pixel; colour.cc runs them in a program's order.
#pragma once

#include "data/colour.h"

namespace ortune::ORTUNE_ISA {

/// invert, solarize, posterize, autocontrast, equalize: each value of a channel becomes another
/// (colour_table.cc).
void map_values(const Colour& a, const double* op);
/// colour_filter.cc
void sharpen(const Colour& a, double factor);
void gaussian_blur(const Colour& a, const double* op);

}  // namespace ortune::ORTUNE_ISA
