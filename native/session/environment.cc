#include "session/environment.h"

#include "ort/library.h"
#include "session/custom_ops.h"
#include "session/log.h"
#include "session/tensor.h"

namespace session {
namespace {

// ModelProto of y = Identity(x), float32[1].
const unsigned char kIdentity[] = {
    8,  8, 58,  55, 10, 16, 10, 1,   120, 18, 1,  121, 34, 8, 73, 100, 101, 110, 116, 105, 116, 121,
    18, 1, 112, 90, 15, 10, 1,  120, 18,  10, 10, 8,   8,  1, 18, 4,   10,  2,   8,   1,   98,  15,
    10, 1, 121, 18, 10, 10, 8,  8,   1,   18, 4,  10,  2,  8, 1,  66,  4,   10,  0,   16,  13};

}  // namespace

Environment& Environment::open(const std::string& library, int threads) {
  static Environment* environment = nullptr;
  ort::open_library(library);
  if (environment == nullptr) environment = new Environment(threads);
  return *environment;
}

Environment::Environment(int threads) : threads_(threads) {
  const OrtApi* api = ort::api();
  auto threading = ort::take<ort::ThreadingOptions>(
      [&](OrtThreadingOptions** out) { return api->CreateThreadingOptions(out); });
  ort::check(api->SetGlobalIntraOpNumThreads(threading.get(), threads));
  ort::check(api->SetGlobalInterOpNumThreads(threading.get(), 1));
  ort::check(api->SetGlobalSpinControl(threading.get(), 1));
  ort::check(api->CreateEnvWithCustomLoggerAndGlobalThreadPools(
      receive_log, nullptr, ORT_LOGGING_LEVEL_WARNING, kLogName, threading.get(), &env_));
  // On by default, and the runtime would send events about models and sessions over the network.
  ort::check(api->DisableTelemetryEvents(env_));
  domain_ = ortune_domain(api);
  register_arena();
}

// Status ok does not mean that the environment is ours, or that the arena is: only a session that uses them
// tells.
void Environment::register_arena() {
  try {
    probe_ = probe(true, false);
    shared_pool_ = true;
  } catch (const std::runtime_error&) {
    shared_pool_ = false;
  }
  const OrtApi* api = ort::api();
  auto memory = ort::take<ort::MemoryInfo>([&](OrtMemoryInfo** out) {
    return api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, out);
  });
  const char* keys[] = {"arena_extend_strategy", "max_dead_bytes_per_chunk"};
  // Regions that double, not regions of the size asked for: four shapes of an encoder then take 1.1x the
  // memory of the largest instead of 1.3x to 1.8x, and what of a region is never touched is never resident.
  // A free piece of up to twice the size asked for would be given whole unless so much of it were over, by
  // default 128 MB.
  const size_t values[] = {0, size_t{1} << 16};
  auto arena = ort::take<ort::ArenaCfg>(
      [&](OrtArenaCfg** out) { return api->CreateArenaCfgV2(keys, values, 2, out); });
  try {
    ort::check(api->CreateAndRegisterAllocator(env_, memory.get(), arena.get()));
    probe_ = probe(shared_pool_, true);
    shared_arena_ = true;
  } catch (const std::runtime_error&) {
    shared_arena_ = false;
  }
}

ort::Session Environment::probe(bool pool, bool arena) {
  const OrtApi* api = ort::api();
  auto options =
      ort::take<ort::SessionOptions>([&](OrtSessionOptions** out) { return api->CreateSessionOptions(out); });
  if (pool)
    ort::check(api->DisablePerSessionThreads(options.get()));
  else
    ort::check(api->SetIntraOpNumThreads(options.get(), 1));
  if (arena) ort::check(api->AddSessionConfigEntry(options.get(), "session.use_env_allocators", "1"));
  // Failing here is an answer, not news for the terminal.
  ort::check(api->SetSessionLogSeverityLevel(options.get(), int{ORT_LOGGING_LEVEL_FATAL}));
  return identity_session(options.get());
}

ort::Session Environment::identity_session(const OrtSessionOptions* options) {
  auto packed = prepacked();
  return ort::take<ort::Session>([&](OrtSession** out) {
    return ort::api()->CreateSessionFromArrayWithPrepackedWeightsContainer(env_, kIdentity, sizeof(kIdentity),
                                                                           options, packed.get(), out);
  });
}

ort::SessionOptions Environment::options(int threads) const {
  const OrtApi* api = ort::api();
  auto options =
      ort::take<ort::SessionOptions>([&](OrtSessionOptions** out) { return api->CreateSessionOptions(out); });
  OrtSessionOptions* o = options.get();
  const auto config = [&](const char* key, const char* value) {
    ort::check(api->AddSessionConfigEntry(o, key, value));
  };
  if (shared_pool_ && threads == threads_)
    ort::check(api->DisablePerSessionThreads(o));
  else
    ort::check(api->SetIntraOpNumThreads(o, threads));
  if (shared_arena_) config("session.use_env_allocators", "1");
  // Initializers outside the arena: a released session's weights go back to the system at once.
  config("session.use_device_allocator_for_initializers", "1");
  config("session.set_denormal_as_zero", "1");  // as the shared pool and the run thread have it
  ort::check(api->DisableMemPattern(o));
  // An error is thrown to the caller; nobody needs it on the terminal as well.
  ort::check(api->SetSessionLogSeverityLevel(o, int{ORT_LOGGING_LEVEL_FATAL}));
  ort::check(api->AddCustomOpDomain(o, domain_));
  return options;
}

void Environment::watch(const std::function<void()>& work) {
  // The log of an environment that is not ours goes elsewhere.
  if (shared_pool_)
    watch_device(env_, work);
  else
    work();
}

std::shared_ptr<OrtPrepackedWeightsContainer> Environment::prepacked() {
  auto shared = prepacked_.lock();
  if (shared == nullptr) {
    shared = ort::take<ort::PrepackedWeightsContainer>(
        [](OrtPrepackedWeightsContainer** out) { return ort::api()->CreatePrepackedWeightsContainer(out); });
    prepacked_ = shared;
  }
  return shared;
}

void Environment::trim() {
  if (!shared_arena_) return;
  const OrtApi* api = ort::api();
  float x = 0, y = 0;
  const Tensor in{"x", ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, {1}, &x, sizeof(x)};
  const Tensor out{"y", ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, {1}, &y, sizeof(y)};
  auto options = ort::take<ort::RunOptions>([&](OrtRunOptions** o) { return api->CreateRunOptions(o); });
  ort::check(api->AddRunConfigEntry(options.get(), "memory.enable_memory_arena_shrinkage", "cpu:0"));
  auto binding =
      ort::take<ort::IoBinding>([&](OrtIoBinding** b) { return api->CreateIoBinding(probe_.get(), b); });
  auto in_value = as_value(in);
  auto out_value = as_value(out);
  ort::check(api->BindInput(binding.get(), "x", in_value.get()));
  ort::check(api->BindOutput(binding.get(), "y", out_value.get()));
  ort::check(api->RunWithBinding(probe_.get(), options.get(), binding.get()));
}

}  // namespace session
