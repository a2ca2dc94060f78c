// Adapts a plain struct to the runtime's OrtCustomOp. An op has a name, its ports, its attributes read in the
// constructor, and compute(Context&), which checks shapes and hands pointers to the kernels of native/ops.
// Exceptions of compute become the runtime's status, with the node's name put before by the runtime.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "ort/api.h"
#include "ort/handle.h"

namespace custom_op {

/// An input or output. Of type kAny: the op looks at the type itself.
struct Port {
  ONNXTensorElementDataType type;
  bool optional = false;
};
constexpr ONNXTensorElementDataType kAny = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
constexpr ONNXTensorElementDataType kFloat = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
constexpr ONNXTensorElementDataType kInt32 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
constexpr ONNXTensorElementDataType kInt64 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
constexpr ONNXTensorElementDataType kUint32 = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32;

/// An input tensor; without data when the node leaves it out. The runtime owns the memory.
struct Input {
  void* data = nullptr;
  std::vector<int64_t> shape;
  ONNXTensorElementDataType type = kAny;

  explicit operator bool() const { return data != nullptr; }
  const float* floats() const { return static_cast<const float*>(data); }
  /// Elements from axis `first` on, up to axis `end`.
  int64_t count(size_t first, size_t end) const;
  int64_t count() const { return count(0, shape.size()); }
  /// Elements of the last axis, and of all others.
  int64_t columns() const { return shape.empty() ? 1 : shape.back(); }
  int64_t rows() const { return shape.empty() ? 1 : count(0, shape.size() - 1); }
};

/// A node's attributes; each has a fallback.
class Attributes {
 public:
  Attributes(const OrtApi* api, const OrtKernelInfo* info) : api_(api), info_(info) {}
  int64_t integer(const char* name, int64_t fallback) const;
  float number(const char* name, float fallback) const;
  std::string text(const char* name, const char* fallback) const;
  std::vector<int64_t> integers(const char* name, std::vector<int64_t> fallback) const;

 private:
  bool found(OrtStatus* status) const;
  const OrtApi* api_;
  const OrtKernelInfo* info_;
};

/// One call of a node's kernel.
class Context {
 public:
  explicit Context(OrtKernelContext* context) : api_(ort::api()), context_(context) {}

  Input input(size_t index) const;
  /// Memory of an output, null when the node does not want it. All outputs of the domain are float32.
  float* output(size_t index, const std::vector<int64_t>& shape) const;

  /// Memory of this thread for the rest of the call, shared by all nodes; a second call invalidates it, but
  /// for `floats`, which is other memory: what the calling thread needs while run_with_scratch runs.
  void* scratch(int64_t bytes) const;
  float* floats(int64_t count) const;

  /// Runs `count` chunks on the runtime's own threads.
  template <class Args>
  void run(void (*kernel)(const Args&, int64_t), const Args& args, int64_t count) const {
    for_chunks(count, [&](int64_t chunk) { kernel(args, chunk); });
  }
  template <class Args>
  void run(void (*kernel)(const Args&, int64_t), const Args& args) const {
    run(kernel, args, chunks(args));
  }
  /// The same for a kernel that needs scratch_floats(args) of memory of the thread that runs it.
  template <class Args>
  void run_with_scratch(void (*kernel)(const Args&, int64_t), const Args& args) const {
    const int64_t bytes = scratch_floats(args) * static_cast<int64_t>(sizeof(float));
    std::atomic<bool> full{false};
    for_chunks(chunks(args), [&](int64_t chunk) {
      Args own = args;
      try {
        set_scratch(own, static_cast<float*>(scratch(bytes)));
      } catch (const std::bad_alloc&) {  // must not cross the runtime
        full = true;
        return;
      }
      kernel(own, chunk);
    });
    if (full) throw std::bad_alloc();
  }

 private:
  template <class Body>
  void for_chunks(int64_t count, const Body& body) const {
    if (count == 1) return body(0);
    constexpr auto call = [](void* data, size_t chunk) {
      (*static_cast<const Body*>(data))(static_cast<int64_t>(chunk));
    };
    if (count > 1)
      ort::check(api_->KernelContext_ParallelFor(context_, +call, static_cast<size_t>(count), size_t{0},
                                                 const_cast<Body*>(&body)));
  }

  const OrtApi* api_;
  OrtKernelContext* context_;
};

/// Throws std::invalid_argument when a node's tensors do not fit each other.
void require(bool ok, const std::string& what);

/// The runtime's description of Op, which has
///   kName, kInputs[], kOutputs[], kInPlaceInput (the input whose memory output 0 may take, or -1),
///   a constructor from Attributes and void compute(Context&).
template <class Op>
struct CustomOp : OrtCustomOp {
  CustomOp() : OrtCustomOp() {
    version = kCustomOpVersion;
    GetName = [](const OrtCustomOp*) { return Op::kName; };
    GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return nullptr; };
    GetInputTypeCount = [](const OrtCustomOp*) { return std::size(Op::kInputs); };
    GetInputType = [](const OrtCustomOp*, size_t i) { return Op::kInputs[i].type; };
    GetInputCharacteristic = [](const OrtCustomOp*, size_t i) { return characteristic(Op::kInputs[i]); };
    GetInputMemoryType = [](const OrtCustomOp*, size_t) { return OrtMemTypeDefault; };
    GetOutputTypeCount = [](const OrtCustomOp*) { return std::size(Op::kOutputs); };
    GetOutputType = [](const OrtCustomOp*, size_t i) { return Op::kOutputs[i].type; };
    GetOutputCharacteristic = [](const OrtCustomOp*, size_t i) { return characteristic(Op::kOutputs[i]); };
    GetVariadicInputMinArity = [](const OrtCustomOp*) { return 1; };
    GetVariadicInputHomogeneity = [](const OrtCustomOp*) { return 1; };
    GetVariadicOutputMinArity = [](const OrtCustomOp*) { return 1; };
    GetVariadicOutputHomogeneity = [](const OrtCustomOp*) { return 1; };
    GetStartVersion = [](const OrtCustomOp*) { return 1; };
    GetEndVersion = [](const OrtCustomOp*) { return 1; };
    CreateKernelV2 = create;
    KernelComputeV2 = compute;
    KernelDestroy = [](void* kernel) { delete static_cast<Op*>(kernel); };
    GetMayInplace = [](int** inputs, int** outputs) {
      static int input = Op::kInPlaceInput, output = 0;
      *inputs = &input;
      *outputs = &output;
      return size_t{Op::kInPlaceInput >= 0 ? 1u : 0u};
    };
    ReleaseMayInplace = [](int*, int*) {};
  }

 private:
  static OrtCustomOpInputOutputCharacteristic characteristic(const Port& port) {
    return port.optional ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
  }
  static OrtStatus* ORT_CALL create(const OrtCustomOp*, const OrtApi* api, const OrtKernelInfo* info,
                                    void** kernel) {
    return guarded([&] { *kernel = new Op(Attributes(api, info)); });
  }
  static OrtStatus* ORT_CALL compute(void* kernel, OrtKernelContext* context) {
    return guarded([&] {
      Context call(context);
      static_cast<const Op*>(kernel)->compute(call);
    });
  }
  template <class Body>
  static OrtStatus* guarded(Body body) {
    try {
      body();
      return nullptr;
    } catch (const std::exception& error) {
      return ort::api()->CreateStatus(ORT_INVALID_ARGUMENT, error.what());
    }
  }
};

template <class Op>
const OrtCustomOp* instance() {
  static const CustomOp<Op> op;
  return &op;
}

// One per source of ops: what custom_ops.cc registers.
std::vector<const OrtCustomOp*> attention_ops();
std::vector<const OrtCustomOp*> conv_ops();
std::vector<const OrtCustomOp*> decoder_ops();
std::vector<const OrtCustomOp*> gemm_ops();
std::vector<const OrtCustomOp*> gradient_ops();
std::vector<const OrtCustomOp*> norm_ops();
std::vector<const OrtCustomOp*> loss_ops();
std::vector<const OrtCustomOp*> pool_ops();
std::vector<const OrtCustomOp*> recurrent_ops();
std::vector<const OrtCustomOp*> update_ops();

}  // namespace custom_op
