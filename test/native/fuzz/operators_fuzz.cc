// libFuzzer: nodes of the domain `ortune` with any attributes and tensors, as a model file may have them,
// through a function table that stands in for the runtime's (native/session). What the checks let through
// must stay within its tensors. Also the checks of tensors that are bound (session/tensor.cc).
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <string>

#include "ops/kernels.h"
#include "reader.h"
#include "session/custom_op.h"
#include "session/tensor.h"

struct OrtStatus {
  std::string message;
};

namespace {

/// What a node may have of elements, in and out; more is refused as the runtime refuses what it has no memory
/// for.
constexpr int64_t kMostElements = 1 << 14;

struct FuzzTensor {
  ONNXTensorElementDataType type;
  std::vector<int64_t> shape;
  void* data = nullptr;  // exactly its elements
  FuzzTensor(ONNXTensorElementDataType type, std::vector<int64_t> shape)
      : type(type), shape(std::move(shape)) {}
  FuzzTensor(const FuzzTensor&) = delete;
  ~FuzzTensor() { std::free(data); }
  size_t bytes() const {
    size_t n = session::element_bits(type) / 8;
    for (const int64_t dim : shape) n *= static_cast<size_t>(dim);
    return n;
  }
  void allocate() { data = std::malloc(bytes() + (bytes() == 0)); }
};

/// One node: its attributes are drawn when they are asked for.
struct Node {
  fuzz::Reader& in;
  std::map<std::string, std::vector<int64_t>> integers{};
  std::vector<std::unique_ptr<FuzzTensor>> inputs{}, outputs{};
  int64_t elements = 0;

  bool present() { return in.byte() > 40; }
};

Node* node_of(const void* pointer) { return static_cast<Node*>(const_cast<void*>(pointer)); }
OrtStatus* failure(const char* message) { return new OrtStatus{message}; }

OrtStatus* ORT_CALL create_status(OrtErrorCode, const char* message) { return failure(message); }
const char* ORT_CALL message_of(const OrtStatus* status) { return status->message.c_str(); }
void ORT_CALL release_status(OrtStatus* status) { delete status; }

OrtStatus* ORT_CALL attribute_float(const OrtKernelInfo* info, const char*, float* value) {
  Node& node = *node_of(info);
  if (!node.present()) return failure("none");
  *value = static_cast<float>(node.in.number());
  return nullptr;
}
OrtStatus* ORT_CALL attribute_integer(const OrtKernelInfo* info, const char* name, int64_t* value) {
  Node& node = *node_of(info);
  if (std::strcmp(name, "channels_last") == 0 && node.in.byte() > 20) {
    *value = 1;
    return nullptr;
  }
  if (!node.present()) return failure("none");
  *value = node.in.integer();
  return nullptr;
}
OrtStatus* ORT_CALL attribute_text(const OrtKernelInfo* info, const char* name, char* text, size_t* length) {
  static constexpr const char* kTexts[] = {"none",  "tanh",  "Relu",     "HardSwish", "Swish",
                                           "given", "batch", "nonsense", ""};
  Node& node = *node_of(info);
  // Asked twice: for the length, then for the text.
  auto found = node.integers.find(name);
  if (found == node.integers.end()) {
    if (!node.present()) return failure("none");
    found = node.integers.emplace(name, std::vector<int64_t>{node.in.upto(8)}).first;
  }
  const char* value = kTexts[found->second[0]];
  if (text) std::memcpy(text, value, *length);
  *length = std::strlen(value) + 1;
  return nullptr;
}
OrtStatus* ORT_CALL attribute_integers(const OrtKernelInfo* info, const char* name, int64_t* values,
                                       size_t* count) {
  Node& node = *node_of(info);
  auto found = node.integers.find(name);
  if (found == node.integers.end()) {
    if (!node.present()) return failure("none");
    std::vector<int64_t> drawn(static_cast<size_t>(node.in.byte() > 245 ? node.in.upto(4) : 2));
    const bool tame = node.in.byte() > 60;
    for (int64_t& value : drawn) value = tame ? node.in.between(1, 4) : node.in.integer();
    found = node.integers.emplace(name, std::move(drawn)).first;
  }
  if (values) std::memcpy(values, found->second.data(), found->second.size() * sizeof(int64_t));
  *count = found->second.size();
  return nullptr;
}

OrtStatus* ORT_CALL input_count(const OrtKernelContext* context, size_t* count) {
  *count = node_of(context)->inputs.size();
  return nullptr;
}
OrtStatus* ORT_CALL output_count(const OrtKernelContext* context, size_t* count) {
  *count = node_of(context)->outputs.size();
  return nullptr;
}
OrtStatus* ORT_CALL get_input(const OrtKernelContext* context, size_t index, const OrtValue** value) {
  *value = reinterpret_cast<const OrtValue*>(node_of(context)->inputs[index].get());
  return nullptr;
}
OrtStatus* ORT_CALL get_output(OrtKernelContext* context, size_t index, const int64_t* dims, size_t rank,
                               OrtValue** value) {
  Node& node = *node_of(context);
  *value = nullptr;
  if (!node.outputs[index]) return nullptr;  // not wanted
  int64_t elements = 1;
  for (size_t i = 0; i < rank; ++i) {
    if (dims[i] < 0) return failure("a negative dimension");
    if (dims[i] > kMostElements) return failure("no memory");
    elements *= dims[i];
    if (elements > kMostElements) return failure("no memory");
  }
  node.outputs[index] =
      std::make_unique<FuzzTensor>(custom_op::kFloat, std::vector<int64_t>(dims, dims + rank));
  node.outputs[index]->allocate();
  *value = reinterpret_cast<OrtValue*>(node.outputs[index].get());
  return nullptr;
}
OrtStatus* ORT_CALL parallel_for(const OrtKernelContext*, void (*body)(void*, size_t), size_t total, size_t,
                                 void* data) {
  for (size_t i = total; i-- > 0;) body(data, i);
  return nullptr;
}

const FuzzTensor& tensor_of(const void* value) { return *static_cast<const FuzzTensor*>(value); }
OrtStatus* ORT_CALL mutable_data(OrtValue* value, void** data) {
  *data = tensor_of(value).data;
  return nullptr;
}
OrtStatus* ORT_CALL type_and_shape(const OrtValue* value, OrtTensorTypeAndShapeInfo** info) {
  *info = reinterpret_cast<OrtTensorTypeAndShapeInfo*>(const_cast<OrtValue*>(value));
  return nullptr;
}
void ORT_CALL release_info(OrtTensorTypeAndShapeInfo*) {}
OrtStatus* ORT_CALL rank_of(const OrtTensorTypeAndShapeInfo* info, size_t* rank) {
  *rank = tensor_of(info).shape.size();
  return nullptr;
}
OrtStatus* ORT_CALL dimensions(const OrtTensorTypeAndShapeInfo* info, int64_t* dims, size_t rank) {
  for (size_t i = 0; i < rank; ++i) dims[i] = tensor_of(info).shape[i];
  return nullptr;
}
OrtStatus* ORT_CALL element_type(const OrtTensorTypeAndShapeInfo* info, ONNXTensorElementDataType* type) {
  *type = tensor_of(info).type;
  return nullptr;
}

void* g_slots[413];

void fill_slots() {
  const auto set = [](int slot, auto function) { g_slots[slot] = reinterpret_cast<void*>(function); };
  set(0, create_status);
  set(2, message_of);
  set(93, release_status);
  set(85, attribute_float);
  set(86, attribute_integer);
  set(87, attribute_text);
  set(163, attribute_integers);
  set(88, input_count);
  set(89, output_count);
  set(90, get_input);
  set(91, get_output);
  set(274, parallel_for);
  set(51, mutable_data);
  set(65, type_and_shape);
  set(99, release_info);
  set(61, rank_of);
  set(62, dimensions);
  set(60, element_type);
}

/// An input: a shape of its own, or that of an earlier one, which is what most operators ask for.
std::unique_ptr<FuzzTensor> draw_input(Node& node, const OrtCustomOp* op, size_t index) {
  fuzz::Reader& in = node.in;
  ONNXTensorElementDataType type = op->GetInputType(op, index);
  if (type == custom_op::kAny) type = in.byte() > 128 ? custom_op::kInt64 : custom_op::kInt32;
  if (op->GetInputCharacteristic(op, index) == INPUT_OUTPUT_OPTIONAL && in.byte() > 128) return nullptr;
  std::vector<int64_t> shape;
  const int64_t like = in.upto(255);
  const FuzzTensor* earlier =
      node.inputs.empty() ? nullptr : node.inputs[static_cast<size_t>(like) % node.inputs.size()].get();
  if (earlier && like > 100) {
    shape = earlier->shape;
    const uint8_t change = in.byte();
    if (change > 200 && !shape.empty())
      shape = {shape.back()};
    else if (change > 170 && !shape.empty())
      shape = {shape.front()};
    else if (change > 150)
      shape.push_back(in.upto(3));
  } else {
    shape.resize(static_cast<size_t>(in.byte() > 60 ? 4 - in.upto(3) % 3 : in.upto(5)));
    for (int64_t& dim : shape) dim = in.byte() > 20 ? in.between(1, 7) : in.upto(40);
  }
  int64_t elements = 1;
  for (const int64_t dim : shape) elements *= dim;
  if (elements > kMostElements) shape = {1};
  auto tensor = std::make_unique<FuzzTensor>(type, shape);
  tensor->allocate();
  const size_t bytes = tensor->bytes();
  uint8_t* data = static_cast<uint8_t*>(tensor->data);
  if (type == custom_op::kInt64)
    for (size_t i = 0; i < bytes / 8; ++i) {
      const int64_t value = in.left() ? in.integer() : static_cast<int64_t>(i % 3);
      std::memcpy(data + 8 * i, &value, 8);
    }
  else if (type == custom_op::kFloat)
    for (size_t i = 0; i < bytes / 4; ++i) {
      const float value = in.left() > 64 ? static_cast<float>(in.number()) : static_cast<float>(i % 5) - 2;
      std::memcpy(data + 4 * i, &value, 4);
    }
  else
    for (size_t i = 0; i < bytes; ++i) data[i] = i % 4 == 0 ? in.byte() % 9 : 0;
  return tensor;
}

/// A tensor that a host program binds.
void check_bound(fuzz::Reader& in) {
  session::Tensor tensor;
  tensor.name = "x";
  tensor.type = static_cast<ONNXTensorElementDataType>(in.upto(24) - 1);
  for (int64_t rank = in.upto(5); rank-- > 0;) tensor.shape.push_back(in.integer());
  tensor.bytes = static_cast<size_t>(in.integer());
  session::Slot slot{"x", static_cast<ONNXTensorElementDataType>(in.upto(24) - 1), tensor.shape};
  try {
    session::check_length(tensor);
    double bits = static_cast<double>(session::element_bits(tensor.type));
    for (const int64_t dim : tensor.shape) bits *= static_cast<double>(dim);
    if (std::ceil(bits / 8) != static_cast<double>(tensor.bytes)) __builtin_trap();
  } catch (const std::invalid_argument&) {
  }
  try {
    session::check_fits(tensor, slot);
  } catch (const std::invalid_argument&) {
  }
}

std::vector<const OrtCustomOp*> all_ops() {
  std::vector<const OrtCustomOp*> ops;
  for (const auto& family :
       {custom_op::attention_ops(), custom_op::conv_ops(), custom_op::gemm_ops(), custom_op::gradient_ops(),
        custom_op::loss_ops(), custom_op::norm_ops(), custom_op::pool_ops(), custom_op::update_ops()})
    ops.insert(ops.end(), family.begin(), family.end());
  return ops;
}

}  // namespace

namespace ort {
const OrtApi* api() { return reinterpret_cast<const OrtApi*>(g_slots); }
}  // namespace ort

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  fill_slots();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<const OrtCustomOp*> ops = all_ops();
  fuzz::Reader in(data, size);
  const uint8_t choice = in.byte();
  if (choice > 250) {
    check_bound(in);
    return 0;
  }
  const OrtCustomOp* op = ops[choice % ops.size()];
  Node node{in};
  void* kernel = nullptr;
  OrtStatus* status =
      op->CreateKernelV2(op, ort::api(), reinterpret_cast<const OrtKernelInfo*>(&node), &kernel);
  if (status) {
    release_status(status);
    return 0;
  }
  for (size_t i = 0; i < op->GetInputTypeCount(op); ++i) node.inputs.push_back(draw_input(node, op, i));
  for (size_t i = 0; i < op->GetOutputTypeCount(op); ++i) {
    const bool wanted = op->GetOutputCharacteristic(op, i) == INPUT_OUTPUT_REQUIRED || in.byte() > 60;
    node.outputs.push_back(wanted ? std::make_unique<FuzzTensor>(custom_op::kFloat, std::vector<int64_t>{})
                                  : nullptr);
  }
  status = op->KernelComputeV2(kernel, reinterpret_cast<OrtKernelContext*>(&node));
  if (status) release_status(status);
  op->KernelDestroy(kernel);
  return 0;
}
