// The functions that src/runtime/native.ts sees; their TypeScript types are there.
#pragma once

#include <napi.h>

namespace bindings {

Napi::Value open_device(const Napi::CallbackInfo& info);
Napi::Value create_session(const Napi::CallbackInfo& info);
Napi::Value run_session(const Napi::CallbackInfo& info);
Napi::Value release_session(const Napi::CallbackInfo& info);
Napi::Value loaded_libraries(const Napi::CallbackInfo& info);
Napi::Value shutdown(const Napi::CallbackInfo& info);
Napi::Value misalignment(const Napi::CallbackInfo& info);

}  // namespace bindings
