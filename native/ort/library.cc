#include "ort/library.h"

#include <cstring>
#include <mutex>

#include "ort/handle.h"
#include "ort/platform.h"

namespace ort {
namespace {

const OrtApi* g_api = nullptr;
const OrtApiBase* g_base = nullptr;
std::string* g_path = nullptr;  // never freed: read until the process ends

// Makes a tensor over known numbers and reads type, shape and data back through the table.
void self_test() {
  float numbers[6] = {1, 2, 3, 4, 5, 6};
  const int64_t shape[2] = {2, 3};
  auto memory = take<MemoryInfo>([](OrtMemoryInfo** out) {
    return g_api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, out);
  });
  auto value = take<Value>([&](OrtValue** out) {
    return g_api->CreateTensorWithDataAsOrtValue(memory.get(), static_cast<void*>(numbers), sizeof(numbers),
                                                 shape, size_t{2}, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, out);
  });
  auto info = take<TensorTypeAndShapeInfo>(
      [&](OrtTensorTypeAndShapeInfo** out) { return g_api->GetTensorTypeAndShape(value.get(), out); });
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  size_t rank = 0;
  int64_t dims[2] = {0, 0};
  void* data = nullptr;
  check(g_api->GetTensorElementType(info.get(), &type));
  check(g_api->GetDimensionsCount(info.get(), &rank));
  if (rank == 2) check(g_api->GetDimensions(info.get(), dims, rank));
  check(g_api->GetTensorMutableData(value.get(), &data));
  if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT || dims[0] != 2 || dims[1] != 3 || data != numbers)
    throw std::runtime_error("a tensor written through its function table did not read back");
}

void open(const std::string& path) {
  void* symbol = platform::open_symbol(path, "OrtGetApiBase");
  g_base = reinterpret_cast<const OrtApiBase*(ORT_CALL*)()>(symbol)();
  g_api = g_base->GetApi(kOrtApiVersion);
  if (g_api == nullptr)
    throw std::runtime_error("ONNX Runtime " + library_version() + " at " + path + " has no C API version " +
                             std::to_string(kOrtApiVersion) +
                             ", which ortune needs; install onnxruntime-node 1.24 or later");
  try {
    self_test();
  } catch (const std::exception& error) {
    g_api = nullptr;
    throw std::runtime_error("ONNX Runtime " + library_version() + " at " + path +
                             " does not fit ortune: " + error.what());
  }
  g_path = new std::string(path);
}

}  // namespace

const OrtApi* api() { return g_api; }

void open_library(const std::string& path) {
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  if (g_path == nullptr) {
    open(path);
  } else if (*g_path != path) {
    throw std::runtime_error("ortune already uses the ONNX Runtime at " + *g_path + " and was asked to use " +
                             path + "; make both versions of ortune share one onnxruntime-node (npm dedupe)");
  }
}

std::string library_version() { return g_base == nullptr ? "" : g_base->GetVersionString(); }

std::vector<std::string> loaded_libraries() { return platform::loaded_modules("onnxruntime"); }

}  // namespace ort
