#include "session/provider.h"

#include "session/log.h"

namespace session {
namespace {

/// The name the runtime itself gives a provider: "WebGPU" is "WebGpuExecutionProvider".
bool is_provider(const char* full, const std::string& name) {
  const std::string wanted = (name == "WebGPU" ? "WebGpu" : name) + "ExecutionProvider";
  return wanted == full;
}

using Option = std::pair<std::string, std::string>;

std::vector<const char*> texts(const std::vector<Option>& options, std::string Option::*member) {
  std::vector<const char*> list;
  for (const Option& option : options) list.push_back((option.*member).c_str());
  return list;
}

}  // namespace

void append_provider(OrtSessionOptions* options, const Provider& provider) {
  const OrtApi* api = ort::api();
  const auto keys = texts(provider.options, &Option::first);
  const auto values = texts(provider.options, &Option::second);
  if (provider.name != "CUDA") {
    ort::check(api->SessionOptionsAppendExecutionProvider(options, provider.name.c_str(), keys.data(),
                                                          values.data(), keys.size()));
    return;
  }
  // The generic call does not know CUDA.
  auto cuda = ort::take<ort::CUDAProviderOptionsV2>(
      [&](OrtCUDAProviderOptionsV2** out) { return api->CreateCUDAProviderOptions(out); });
  ort::check(api->UpdateCUDAProviderOptions(cuda.get(), keys.data(), values.data(), keys.size()));
  ort::check(api->SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda.get()));
  // Its fast sums over rows add with atomics, in any order; a bias's gradient would differ from run to run.
  ort::check(api->SetDeterministicCompute(options, true));
}

std::vector<std::string> available_providers() {
  char** names = nullptr;
  int count = 0;
  ort::check(ort::api()->GetAvailableProviders(&names, &count));
  std::vector<std::string> list(names, names + count);
  ort::check(ort::api()->ReleaseAvailableProviders(names, count));
  return list;
}

std::vector<Placement> nodes_elsewhere(const OrtSession* session, const Provider& provider) {
  const OrtApi* api = ort::api();
  std::vector<Placement> elsewhere;
  const OrtEpAssignedSubgraph* const* parts = nullptr;
  size_t part_count = 0;
  ort::check(api->Session_GetEpGraphAssignmentInfo(session, &parts, &part_count));
  for (size_t i = 0; i < part_count; i++) {
    const char* runner = nullptr;
    ort::check(api->EpAssignedSubgraph_GetEpName(parts[i], &runner));
    if (is_provider(runner, provider.name)) continue;
    const OrtEpAssignedNode* const* nodes = nullptr;
    size_t node_count = 0;
    ort::check(api->EpAssignedSubgraph_GetNodes(parts[i], &nodes, &node_count));
    for (size_t n = 0; n < node_count; n++) {
      const char *name = nullptr, *op = nullptr;
      ort::check(api->EpAssignedNode_GetName(nodes[n], &name));
      ort::check(api->EpAssignedNode_GetOperatorType(nodes[n], &op));
      elsewhere.push_back({name, op, runner});
    }
  }
  return elsewhere;
}

DeviceMemory::DeviceMemory(Environment& environment, const Provider& provider) : environment_(environment) {
  const OrtApi* api = ort::api();
  environment.watch([&] {
    auto options = environment.options(1);
    append_provider(options.get(), provider);
    session_ = environment.identity_session(options.get());
    info_ = ort::take<ort::MemoryInfo>([&](OrtMemoryInfo** out) {
      return api->CreateMemoryInfo(provider.memory.c_str(), OrtDeviceAllocator, provider.id,
                                   OrtMemTypeDefault, out);
    });
    allocator_ = ort::take<ort::Allocator>(
        [&](OrtAllocator** out) { return api->CreateAllocator(session_.get(), info_.get(), out); });
  });
}

DeviceMemory::~DeviceMemory() {
  ignore_device([&] {
    allocator_.reset();
    session_.reset();
  });
}

ort::Value DeviceMemory::allocate(ONNXTensorElementDataType type, const std::vector<int64_t>& shape) {
  ort::Value value;
  environment_.watch([&] {
    value = ort::take<ort::Value>([&](OrtValue** out) {
      return ort::api()->CreateTensorAsOrtValue(allocator_.get(), shape.data(), shape.size(), type, out);
    });
  });
  return value;
}

}  // namespace session
