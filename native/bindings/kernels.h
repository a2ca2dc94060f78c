// The instruction set of the kernels and what the optimizers among them take, as src/runtime/native.ts sees
// them; their TypeScript types are there.
#pragma once

#include <napi.h>

namespace bindings {

Napi::Value instruction_sets(const Napi::CallbackInfo& info);
Napi::Value instruction_set(const Napi::CallbackInfo& info);
Napi::Value use_instruction_set(const Napi::CallbackInfo& info);
Napi::Value optimizers(const Napi::CallbackInfo& info);

}  // namespace bindings
