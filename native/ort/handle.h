// Ownership of the runtime's objects: a unique_ptr per kind whose deleter calls the right Release slot, and
// check(), which turns an OrtStatus into an exception. Session code uses these; kernels, which may not throw,
// do not.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "ort/api.h"

namespace ort {

/// The table of the library that was opened; set once by ort::open_library before any handle exists.
const OrtApi* api();

/// Throws std::runtime_error with the runtime's own message when `status` is not null, and releases it.
inline void check(OrtStatus* status) {
  if (status == nullptr) return;
  std::string message = api()->GetErrorMessage(status);
  api()->ReleaseStatus(status);
  throw std::runtime_error(message);
}

#define ORTUNE_HANDLE(Name, release)                           \
  struct Name##Deleter {                                       \
    void operator()(Ort##Name* p) const { api()->release(p); } \
  };                                                           \
  using Name = std::unique_ptr<Ort##Name, Name##Deleter>;

ORTUNE_HANDLE(Allocator, ReleaseAllocator)
ORTUNE_HANDLE(ArenaCfg, ReleaseArenaCfg)
ORTUNE_HANDLE(CUDAProviderOptionsV2, ReleaseCUDAProviderOptions)
ORTUNE_HANDLE(IoBinding, ReleaseIoBinding)
ORTUNE_HANDLE(MemoryInfo, ReleaseMemoryInfo)
ORTUNE_HANDLE(PrepackedWeightsContainer, ReleasePrepackedWeightsContainer)
ORTUNE_HANDLE(RunOptions, ReleaseRunOptions)
ORTUNE_HANDLE(Session, ReleaseSession)
ORTUNE_HANDLE(SessionOptions, ReleaseSessionOptions)
ORTUNE_HANDLE(TensorTypeAndShapeInfo, ReleaseTensorTypeAndShapeInfo)
ORTUNE_HANDLE(ThreadingOptions, ReleaseThreadingOptions)
ORTUNE_HANDLE(TypeInfo, ReleaseTypeInfo)
ORTUNE_HANDLE(Value, ReleaseValue)
#undef ORTUNE_HANDLE

/// `take<Session>([&](OrtSession** out) { return api()->CreateSession(..., out); })`: checked and owned.
template <typename Handle, typename Create>
Handle take(Create create) {
  typename Handle::pointer raw = nullptr;
  check(create(&raw));
  return Handle(raw);
}

}  // namespace ort
