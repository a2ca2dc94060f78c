#include "bindings/device.h"

#include <memory>
#include <string>

#include "bindings/arguments.h"
#include "bindings/promises.h"
#include "ort/library.h"
#include "session/custom_ops.h"
#include "session/environment.h"
#include "session/run_thread.h"
#include "session/session.h"

namespace bindings {
namespace {

// What a JavaScript session handle owns: the session (null once released) and the arrays it is bound to.
struct Handle {
  std::shared_ptr<session::Session> session;
  KeepAlive keep;
};

// Bound tensors may be read by vector kernels whose results depend on alignment; a batch may start anywhere.
constexpr size_t kBoundAlignment = 64;
constexpr size_t kRunAlignment = 1;

Napi::Reference<Napi::Value> reference(Napi::Value value) {
  return Napi::Reference<Napi::Value>::New(value, 1);
}

Handle& handle_of(const Napi::CallbackInfo& info) {
  Handle& handle = *info[0].As<Napi::External<Handle>>().Data();
  if (handle.session == nullptr) throw Napi::Error::New(info.Env(), "the session was released");
  return handle;
}

// Sessions are made, run and destroyed on the run thread, whoever lets go of them last.
std::shared_ptr<session::Session> make_session(const std::string& library, const session::SessionSpec& spec) {
  auto& environment = session::Environment::open(library, spec.threads);
  return {new session::Session(environment, spec), [](session::Session* session) {
            session::RunThread::instance().post({nullptr, [session] { delete session; }, {}});
          }};
}

}  // namespace

// openDevice(libraryPath, threads) → Promise<{version, sharedThreads, sharedArena, ops, providers}>
Napi::Value open_device(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  const int threads = info[1].As<Napi::Number>().Int32Value();
  return Promises::of(info.Env())
      .submit(info.Env(),
              [path, threads]() -> Result {
                const auto& environment = session::Environment::open(path, threads);
                return [&environment](Napi::Env env, KeepAlive&) -> Napi::Value {
                  Napi::Object device = Napi::Object::New(env);
                  device["version"] = ort::library_version();
                  device["sharedThreads"] = environment.shared_threads();
                  device["sharedArena"] = environment.shared_arena();
                  device["ops"] = write_strings(env, ortune_ops());
                  device["providers"] = write_strings(env, session::available_providers());
                  return device;
                };
              },
              {});
}

// createSession(libraryPath, {model, constants, inputs, outputs, profile, optimization, threads, provider})
//   → Promise<{handle, inputs, outputs, elsewhere}>
Napi::Value create_session(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  Napi::Object options = info[1].As<Napi::Object>();
  auto spec = std::make_shared<session::SessionSpec>();
  spec->model = read_bytes(options.Get("model"));
  spec->constants = read_tensors(options.Get("constants"), kRunAlignment);
  spec->bound_inputs = read_tensors(options.Get("inputs"), kBoundAlignment);
  // Nothing is summed over these.
  for (session::Tensor& tensor : read_tensors(options.Get("inPlace"), kRunAlignment))
    spec->bound_inputs.push_back(std::move(tensor));
  spec->bound_outputs = read_tensors(options.Get("outputs"), kBoundAlignment);
  spec->profile = options.Get("profile").As<Napi::String>();
  spec->optimization =
      static_cast<GraphOptimizationLevel>(options.Get("optimization").As<Napi::Number>().Int32Value());
  spec->threads = options.Get("threads").As<Napi::Number>().Int32Value();
  spec->provider = read_provider(options.Get("provider"));
  KeepAlive keep;
  for (const char* list : {"constants", "inputs", "outputs"}) keep.push_back(reference(options.Get(list)));
  return Promises::of(info.Env())
      .submit(
          info.Env(),
          [path, spec]() -> Result {
            auto session = make_session(path, *spec);
            return [session](Napi::Env env, KeepAlive& kept) -> Napi::Value {
              Napi::Object created = Napi::Object::New(env);
              created["handle"] =
                  Napi::External<Handle>::New(env, new Handle{session, std::move(kept)},
                                              [](Napi::Env, Handle* handle) { delete handle; });
              created["inputs"] = write_slots(env, session->inputs());
              created["outputs"] = write_slots(env, session->outputs());
              created["elsewhere"] = write_placements(env, session->elsewhere());
              return created;
            };
          },
          std::move(keep));
}

// run(handle, inputs, outputs) → Promise<undefined>
Napi::Value run_session(const Napi::CallbackInfo& info) {
  Handle& handle = handle_of(info);
  auto inputs = read_tensors(info[1], kRunAlignment);
  auto outputs = read_tensors(info[2], kRunAlignment);
  KeepAlive keep;
  for (size_t i = 0; i < 3; i++) keep.push_back(reference(info[i]));
  auto options = std::make_shared<ort::RunOptions>(
      ort::take<ort::RunOptions>([](OrtRunOptions** out) { return ort::api()->CreateRunOptions(out); }));
  return Promises::of(info.Env())
      .submit(
          info.Env(),
          [session = handle.session, inputs, outputs, options]() -> Result {
            session->run(inputs, outputs, options->get());
            return [](Napi::Env env, KeepAlive&) { return env.Undefined(); };
          },
          std::move(keep),
          [options] {
            // An error here leaves the run to end by itself.
            OrtStatus* status = ort::api()->RunOptionsSetTerminate(options->get());
            if (status != nullptr) ort::api()->ReleaseStatus(status);
          });
}

// release(handle) → Promise<string>: the profile written, or ''. Runs posted before still finish.
Napi::Value release_session(const Napi::CallbackInfo& info) {
  Handle& handle = handle_of(info);
  KeepAlive keep = std::move(handle.keep);
  return Promises::of(info.Env())
      .submit(
          info.Env(),
          [session = std::move(handle.session)]() -> Result {
            const std::string profile = session->close();
            return [profile](Napi::Env env, KeepAlive&) -> Napi::Value {
              return Napi::String::New(env, profile);
            };
          },
          std::move(keep));
}

// loadedLibraries() → string[]
Napi::Value loaded_libraries(const Napi::CallbackInfo& info) {
  return write_strings(info.Env(), ort::loaded_libraries());
}

// shutdown(): waits until nothing runs; what is asked for later never settles
Napi::Value shutdown(const Napi::CallbackInfo& info) {
  session::RunThread::instance().shutdown();
  return info.Env().Undefined();
}

// misalignment(typedArray) → its address modulo 64
Napi::Value misalignment(const Napi::CallbackInfo& info) {
  void* data = nullptr;
  napi_typedarray_type kind;
  size_t length = 0;
  napi_value buffer = nullptr;
  size_t offset = 0;
  if (!info[0].IsTypedArray() ||
      napi_get_typedarray_info(info.Env(), info[0], &kind, &length, &data, &buffer, &offset) != napi_ok)
    throw Napi::TypeError::New(info.Env(), "expected a typed array");
  return Napi::Number::New(info.Env(),
                           static_cast<double>(reinterpret_cast<uintptr_t>(data) % kBoundAlignment));
}

}  // namespace bindings
