// Reads what TypeScript passes into plain C++: strings, tensors over shared memory. Every check that keeps
// memory safe is here or in session/tensor.cc; messages meant for people are made in src/runtime/session.ts
// before.
#pragma once

#include <napi.h>

#include <vector>

#include "session/provider.h"
#include "session/tensor.h"

namespace bindings {

/// What a JavaScript buffer handle owns: a tensor in a device's memory, null once freed.
struct Buffer {
  std::shared_ptr<const OrtValue> value;
  ONNXTensorElementDataType type;
  std::vector<int64_t> shape;
};

/// `[{name, type, shape, data}]` where data is a typed array over a SharedArrayBuffer, which cannot be
/// transferred away, or `[{name, buffer}]` with a device's buffer; the caller keeps `value` alive while the
/// tensors are in use. Throws Napi::TypeError otherwise. `alignment`: bytes every address must divide by.
std::vector<session::Tensor> read_tensors(Napi::Value value, size_t alignment);

/// `{name, options: [[key, value]], memory, id}`, or undefined for the CPU.
session::Provider read_provider(Napi::Value value);

std::vector<int64_t> read_shape(Napi::Value value);

/// The bytes of a Uint8Array, copied.
std::vector<unsigned char> read_bytes(Napi::Value value);

Napi::Value write_strings(Napi::Env env, const std::vector<std::string>& list);
Napi::Value write_placements(Napi::Env env, const std::vector<session::Placement>& nodes);
Napi::Value write_slots(Napi::Env env, const std::vector<session::Slot>& slots);

}  // namespace bindings
