// Tensors in a device's memory as JavaScript sees them; types in src/runtime/native.ts.
#pragma once

#include <napi.h>

namespace bindings {

Napi::Value open_memory(const Napi::CallbackInfo& info);
Napi::Value allocate(const Napi::CallbackInfo& info);
Napi::Value free_buffers(const Napi::CallbackInfo& info);

}  // namespace bindings
