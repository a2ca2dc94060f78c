#include "session/tensor.h"

namespace session {
namespace {

std::string describe(ONNXTensorElementDataType type, const std::vector<int64_t>& shape) {
  std::string text = "element type " + std::to_string(type) + ", shape [";
  for (size_t i = 0; i < shape.size(); i++) text += (i == 0 ? "" : ",") + std::to_string(shape[i]);
  return text + "]";
}

const OrtMemoryInfo* cpu_memory() {
  // Leaked: read until the process ends.
  static const OrtMemoryInfo* info =
      ort::take<ort::MemoryInfo>([](OrtMemoryInfo** out) {
        return ort::api()->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, out);
      }).release();
  return info;
}

}  // namespace

size_t element_bits(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT4:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT4:
      return 4;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL:
      return 8;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16:
      return 16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32:
      return 32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
      return 64;
    default:
      return 0;
  }
}

void check_length(const Tensor& tensor) {
  const size_t bits = element_bits(tensor.type);
  if (bits == 0)
    throw std::invalid_argument("tensor '" + tensor.name + "' has an element type that cannot be bound");
  size_t needed = bits;
  for (int64_t dim : tensor.shape) {
    if (dim < 0 || (dim > 0 && needed > SIZE_MAX / static_cast<size_t>(dim)))
      throw std::invalid_argument("tensor '" + tensor.name + "' has an impossible shape");
    needed *= static_cast<size_t>(dim);
  }
  needed = needed / 8 + (needed % 8 == 0 ? 0 : 1);
  if (tensor.bytes != needed)
    throw std::invalid_argument("tensor '" + tensor.name + "' (" + describe(tensor.type, tensor.shape) +
                                ") needs " + std::to_string(needed) + " bytes and was given " +
                                std::to_string(tensor.bytes));
}

void check_fits(const Tensor& tensor, const Slot& slot) {
  if (tensor.type != slot.type || tensor.shape != slot.shape)
    throw std::invalid_argument("tensor '" + tensor.name + "': the graph has " +
                                describe(slot.type, slot.shape) + ", given was " +
                                describe(tensor.type, tensor.shape));
}

ort::Value as_value(const Tensor& tensor) {
  return ort::take<ort::Value>([&](OrtValue** out) {
    return ort::api()->CreateTensorWithDataAsOrtValue(
        cpu_memory(), tensor.data, tensor.bytes, tensor.shape.data(), tensor.shape.size(), tensor.type, out);
  });
}

}  // namespace session
