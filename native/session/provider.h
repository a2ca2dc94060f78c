// An execution provider: who runs a session's graph instead of the CPU, and the memory it computes in. A
// DeviceMemory makes tensors there that sessions of the same provider read and write in place, so that
// nothing crosses between two runs.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "session/environment.h"
#include "session/tensor.h"

namespace session {

struct Provider {
  std::string name;  // "WebGPU", "CUDA"; empty: the CPU
  std::vector<std::pair<std::string, std::string>> options;
  std::string memory;  // name of its memory, as in "WebGPU_Buf"
  int id = 0;          // of the device among several
};

/// Makes sessions with these options run on the provider. Throws std::runtime_error where the library lacks
/// it.
void append_provider(OrtSessionOptions* options, const Provider& provider);

/// Names of the providers that the library was built with.
std::vector<std::string> available_providers();

/// A node that a session runs elsewhere than on its provider.
struct Placement {
  std::string name, op, provider;
};

/// The nodes of a session that recorded its assignment and are not on `provider`.
std::vector<Placement> nodes_elsewhere(const OrtSession* session, const Provider& provider);

/// Allocates in a provider's memory, on the run thread. The provider's context lives as long as this.
class DeviceMemory {
 public:
  /// Opens the device: throws std::runtime_error when it does not work on this machine.
  DeviceMemory(Environment& environment, const Provider& provider);
  ~DeviceMemory();

  /// A tensor with undefined content; must not outlive this.
  ort::Value allocate(ONNXTensorElementDataType type, const std::vector<int64_t>& shape);

 private:
  Environment& environment_;
  ort::Session session_;
  ort::MemoryInfo info_;
  ort::Allocator allocator_;
};

}  // namespace session
