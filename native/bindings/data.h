// The data plane's exports: called in worker threads, on memory that the caller owns.
#pragma once

#include <napi.h>

namespace bindings {

/// renderPicture(pixels, [height, width, channels], program, finish, out, [height, width]): see data.cc.
Napi::Value render_picture(const Napi::CallbackInfo& info);

/// mixSamples(samples: Float32Array, count, share): see native/data/mix.h.
Napi::Value mix_samples(const Napi::CallbackInfo& info);

}  // namespace bindings
