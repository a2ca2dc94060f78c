// Attributes of the ops that drop elements, and the kernel's mask for a key.
#pragma once

#include <cmath>
#include <string>

#include "ops/kernels.h"
#include "session/custom_op.h"

namespace custom_op {

struct DropoutOptions {
  const double ratio;
  const uint32_t id;
  explicit DropoutOptions(const Attributes& a)
      : ratio(static_cast<double>(a.number("ratio", 0))), id(static_cast<uint32_t>(a.integer("id", 0))) {
    require(ratio >= 0 && ratio < 1, "attribute 'ratio' must be at least 0 and below 1");
  }

  /// The mask of a key [4], of no elements yet.
  ortune::Dropout mask(const Input& key) const {
    require(key.count() == 4, "the key must have 4 elements, not " + std::to_string(key.count()));
    ortune::Dropout mask{};
    mask.state = ortune::dropout_state(static_cast<const uint32_t*>(key.data), id);
    mask.threshold = static_cast<uint32_t>(std::floor(ratio * 4294967296.0));
    mask.factor = static_cast<float>(1 / (1 - ratio));
    return mask;
  }
};

}  // namespace custom_op
