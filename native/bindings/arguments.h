// Reads what TypeScript passes into plain C++: strings, tensors over shared memory. Every check that keeps
// memory safe is here or in session/tensor.cc; messages meant for people are made in src/runtime/session.ts
// before.
#pragma once

#include <napi.h>

#include <vector>

#include "session/tensor.h"

namespace bindings {

/// `[{name, type, shape, data}]` where data is a typed array over a SharedArrayBuffer, which cannot be
/// transferred away; the caller keeps `value` alive while the tensors are in use. Throws Napi::TypeError
/// otherwise. `alignment`: bytes every address must divide by.
std::vector<session::Tensor> read_tensors(Napi::Value value, size_t alignment);

/// The bytes of a Uint8Array, copied.
std::vector<unsigned char> read_bytes(Napi::Value value);

Napi::Value write_slots(Napi::Env env, const std::vector<session::Slot>& slots);

}  // namespace bindings
