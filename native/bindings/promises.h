// Work on the run thread as JavaScript promises: one Promises per Node environment (main thread or worker).
// Outcomes come back through one thread-safe function; the loop is kept alive only while something is
// pending. When the environment goes away its queued work is dropped and its running work interrupted and
// awaited.
#pragma once

#include <napi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace bindings {

/// JavaScript objects that must stay alive (and so their memory in place); touched on the JavaScript thread
/// only.
using KeepAlive = std::vector<Napi::Reference<Napi::Value>>;

/// Makes the promise's value on the JavaScript thread; may take over what was kept.
using Result = std::function<Napi::Value(Napi::Env, KeepAlive&)>;

class Promises {
 public:
  explicit Promises(Napi::Env env);
  ~Promises();
  Promises(const Promises&) = delete;

  static Promises& of(Napi::Env env) { return *env.GetInstanceData<Promises>(); }

  /// Runs `work` on the run thread; what it returns makes the value, what it throws rejects. `keep` is held
  /// until then.
  Napi::Promise submit(Napi::Env env, std::function<Result()> work, KeepAlive keep,
                       std::function<void()> interrupt = {});

 private:
  struct Pending {
    Napi::Promise::Deferred deferred;
    KeepAlive keep;
  };
  struct Outcome {
    uint64_t id;
    Result result;
    std::string error;
  };

  void finish(Outcome outcome);
  void settle(Napi::Env env);

  Napi::ThreadSafeFunction wake_;
  std::unordered_map<uint64_t, Pending> pending_;
  uint64_t next_id_ = 0;
  std::mutex mutex_;
  std::vector<Outcome> outcomes_;
};

}  // namespace bindings
