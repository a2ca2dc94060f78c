// The addon's exports, nothing else: bindings/ checks arguments, session/ and ops/ do the work.

#include <napi.h>

#include "bindings/buffers.h"
#include "bindings/data.h"
#include "bindings/device.h"
#include "bindings/jpeg.h"
#include "bindings/kernels.h"
#include "bindings/leave.h"
#include "bindings/lock.h"
#include "bindings/promises.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new bindings::Promises(env));
  exports["openDevice"] = Napi::Function::New(env, bindings::open_device);
  exports["createSession"] = Napi::Function::New(env, bindings::create_session);
  exports["run"] = Napi::Function::New(env, bindings::run_session);
  exports["release"] = Napi::Function::New(env, bindings::release_session);
  exports["openMemory"] = Napi::Function::New(env, bindings::open_memory);
  exports["allocate"] = Napi::Function::New(env, bindings::allocate);
  exports["freeBuffers"] = Napi::Function::New(env, bindings::free_buffers);
  exports["loadedLibraries"] = Napi::Function::New(env, bindings::loaded_libraries);
  exports["shutdown"] = Napi::Function::New(env, bindings::shutdown);
  exports["misalignment"] = Napi::Function::New(env, bindings::misalignment);
  exports["instructionSets"] = Napi::Function::New(env, bindings::instruction_sets);
  exports["instructionSet"] = Napi::Function::New(env, bindings::instruction_set);
  exports["useInstructionSet"] = Napi::Function::New(env, bindings::use_instruction_set);
  exports["optimizers"] = Napi::Function::New(env, bindings::optimizers);
  exports["openJpegLibrary"] = Napi::Function::New(env, bindings::open_jpeg_library);
  exports["decodeJpeg"] = Napi::Function::New(env, bindings::decode_jpeg);
  exports["decodeCmykJpeg"] = Napi::Function::New(env, bindings::decode_cmyk_jpeg);
  exports["renderPicture"] = Napi::Function::New(env, bindings::render_picture);
  exports["leave"] = Napi::Function::New(env, bindings::leave);
  exports["lockFile"] = Napi::Function::New(env, bindings::lock_file);
  exports["mixSamples"] = Napi::Function::New(env, bindings::mix_samples);
  return exports;
}

NODE_API_MODULE(ortune, init)
