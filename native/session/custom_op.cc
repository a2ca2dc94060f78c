#include "session/custom_op.h"

namespace custom_op {

void require(bool ok, const std::string& what) {
  if (!ok) throw std::invalid_argument(what);
}

int64_t Input::count(size_t first, size_t end) const {
  int64_t n = 1;
  for (size_t axis = first; axis < end; ++axis) n *= shape[axis];
  return n;
}

// A missing attribute is an error status; there is no slot that only asks.
bool Attributes::found(OrtStatus* status) const {
  if (status == nullptr) return true;
  api_->ReleaseStatus(status);
  return false;
}

int64_t Attributes::integer(const char* name, int64_t fallback) const {
  int64_t value = 0;
  return found(api_->KernelInfoGetAttribute_int64(info_, name, &value)) ? value : fallback;
}

float Attributes::number(const char* name, float fallback) const {
  float value = 0;
  return found(api_->KernelInfoGetAttribute_float(info_, name, &value)) ? value : fallback;
}

std::string Attributes::text(const char* name, const char* fallback) const {
  size_t length = 0;  // with the terminator
  if (!found(api_->KernelInfoGetAttribute_string(info_, name, nullptr, &length)) || length == 0)
    return fallback;
  std::string value(length, '\0');
  ort::check(api_->KernelInfoGetAttribute_string(info_, name, value.data(), &length));
  value.resize(length - 1);
  return value;
}

std::vector<int64_t> Attributes::integers(const char* name, std::vector<int64_t> fallback) const {
  size_t count = 0;
  if (!found(api_->KernelInfoGetAttributeArray_int64(info_, name, nullptr, &count)) || count == 0)
    return fallback;
  std::vector<int64_t> values(count);
  ort::check(api_->KernelInfoGetAttributeArray_int64(info_, name, values.data(), &count));
  return values;
}

Input Context::input(size_t index) const {
  size_t count = 0;
  ort::check(api_->KernelContext_GetInputCount(context_, &count));
  Input input;
  const OrtValue* value = nullptr;
  if (index < count) ort::check(api_->KernelContext_GetInput(context_, index, &value));
  if (value == nullptr) return input;
  ort::check(api_->GetTensorMutableData(const_cast<OrtValue*>(value), &input.data));
  const auto info = ort::take<ort::TensorTypeAndShapeInfo>(
      [&](OrtTensorTypeAndShapeInfo** out) { return api_->GetTensorTypeAndShape(value, out); });
  size_t rank = 0;
  ort::check(api_->GetDimensionsCount(info.get(), &rank));
  input.shape.resize(rank);
  ort::check(api_->GetDimensions(info.get(), input.shape.data(), rank));
  ort::check(api_->GetTensorElementType(info.get(), &input.type));
  return input;
}

float* Context::output(size_t index, const std::vector<int64_t>& shape) const {
  size_t count = 0;
  ort::check(api_->KernelContext_GetOutputCount(context_, &count));
  OrtValue* value = nullptr;
  if (index < count)
    ort::check(api_->KernelContext_GetOutput(context_, index, shape.data(), shape.size(), &value));
  if (value == nullptr) return nullptr;
  void* data = nullptr;
  ort::check(api_->GetTensorMutableData(value, &data));
  return static_cast<float*>(data);
}

namespace {
void* grown(std::vector<double>& memory, int64_t bytes) {
  const size_t length = static_cast<size_t>(bytes) / sizeof(double) + 1;
  if (memory.size() < length) {
    memory = {};  // before the new memory is there: both at once would be the peak
    memory = std::vector<double>(length);
  }
  return memory.data();
}
}  // namespace

void* Context::scratch(int64_t bytes) const {
  thread_local std::vector<double> memory;
  return grown(memory, bytes);
}

float* Context::floats(int64_t count) const {
  thread_local std::vector<double> memory;
  return static_cast<float*>(grown(memory, count * static_cast<int64_t>(sizeof(float))));
}

}  // namespace custom_op
