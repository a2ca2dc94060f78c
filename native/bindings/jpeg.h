// Decoding of JPEGs for JavaScript; what it does is in jpeg/decode.h.
#pragma once

#include <napi.h>

namespace bindings {

Napi::Value open_jpeg_library(const Napi::CallbackInfo& info);
Napi::Value decode_jpeg(const Napi::CallbackInfo& info);
Napi::Value decode_cmyk_jpeg(const Napi::CallbackInfo& info);

}  // namespace bindings
