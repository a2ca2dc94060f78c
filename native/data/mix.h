// Mixup over a batch of finished samples.
#pragma once

#include <stdint.h>

namespace ortune {

/// Each sample becomes share * itself + (1 - share) * the sample before it; before the first is the last.
struct Mix {
  float* samples;  // [count, size]
  int64_t count, size;
  float share;
};

}  // namespace ortune
