// The runtime's function table as ortune calls it: `api->CreateEnv(...)` casts the numbered slot of slots.h
// to its type and calls it, so no official header and no copy of its 300 members is needed. Errors come back
// as OrtStatus* (null: fine); session code wraps them in ort::check (handle.h), kernels hand them on.
#pragma once

#include <utility>

#include "ort/slots.h"
#include "ort/types.h"

/// The lowest version of the table that has every slot in slots.h.
constexpr uint32_t kOrtApiVersion = 24;
/// The version of OrtCustomOp whose members types.h has.
constexpr uint32_t kCustomOpVersion = 20;

struct OrtApi {
#define ORTUNE_SLOT(number, name, result, parameters)                                                   \
  template <typename... Args>                                                                           \
  result name(Args&&... args) const {                                                                   \
    return reinterpret_cast<result(ORT_CALL*) parameters>(slots_[number])(std::forward<Args>(args)...); \
  }
  ORTUNE_ORT_SLOTS(ORTUNE_SLOT)
#undef ORTUNE_SLOT

 private:
  void* slots_[413];
};

/// What the library's only exported symbol, OrtGetApiBase, returns.
struct OrtApiBase {
  const OrtApi*(ORT_CALL* GetApi)(uint32_t version);
  const char*(ORT_CALL* GetVersionString)();
};
