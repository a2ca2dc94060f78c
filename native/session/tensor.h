// A tensor that somebody else owns: what bindings hand to sessions. It lies in the process's memory, where
// its data must stay valid and in place for as long as the session (bound tensors, constants) or the run
// (inputs, outputs) that uses it; or in a device's, and is shared then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ort/handle.h"

namespace session {

struct Tensor {
  std::string name;
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  std::vector<int64_t> shape;
  void* data = nullptr;
  size_t bytes = 0;
  std::shared_ptr<const OrtValue> resident;  // in a device's memory; data is null then
};

/// Name, element type and static shape of a session's input or output.
struct Slot {
  std::string name;
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  std::vector<int64_t> shape;
};

/// Bits of one element; 0 for types that are not bound (strings, complex). Those of 4 lie two in a byte.
size_t element_bits(ONNXTensorElementDataType type);

/// Throws std::invalid_argument unless `tensor` holds exactly the bytes its shape and type need.
void check_length(const Tensor& tensor);

/// Throws std::invalid_argument unless `tensor` has the element type and shape of `slot`.
void check_fits(const Tensor& tensor, const Slot& slot);

/// The runtime's view of `tensor`, without a copy.
ort::Value as_value(const Tensor& tensor);

}  // namespace session
