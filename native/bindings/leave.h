// The end of a process whose terminal is gone. Node puts the terminal's settings back when it exits and,
// where there is no terminal any more, aborts: the exit code would be lost, and core files written.
#pragma once

#include <napi.h>

namespace bindings {

Napi::Value leave(const Napi::CallbackInfo& info);

}  // namespace bindings
