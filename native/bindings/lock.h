// An exclusive lock of a file for as long as it is open, which JavaScript has no call for; src/files/lock.ts
// says what is locked and why.
#pragma once

#include <napi.h>

namespace bindings {

Napi::Value lock_file(const Napi::CallbackInfo& info);

}  // namespace bindings
