#include "bindings/promises.h"

#include <utility>

#include "session/run_thread.h"

namespace bindings {

Promises::Promises(Napi::Env env) {
  wake_ = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}),
                                        "ortune", 0, 1);
  wake_.Unref(env);
  // Added after the thread-safe function, so it runs before that one's own clean-up.
  env.AddCleanupHook([](Promises* self) { session::RunThread::instance().close(self); }, this);
}

Promises::~Promises() { session::RunThread::instance().close(this); }

Napi::Promise Promises::submit(Napi::Env env, std::function<Result()> work, KeepAlive keep,
                               std::function<void()> interrupt) {
  const uint64_t id = next_id_++;
  auto deferred = Napi::Promise::Deferred::New(env);
  if (pending_.empty()) wake_.Ref(env);
  pending_.emplace(id, Pending{deferred, std::move(keep)});
  session::RunThread::instance().post({this,
                                       [this, id, work = std::move(work)] {
                                         Outcome outcome{id, nullptr, ""};
                                         try {
                                           outcome.result = work();
                                         } catch (const std::exception& error) {
                                           outcome.error = error.what();
                                         }
                                         finish(std::move(outcome));
                                       },
                                       std::move(interrupt)});
  return deferred.Promise();
}

// On the run thread.
void Promises::finish(Outcome outcome) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    outcomes_.push_back(std::move(outcome));
  }
  wake_.NonBlockingCall([this](Napi::Env env, Napi::Function) {
    if (env != nullptr) settle(env);
  });
}

void Promises::settle(Napi::Env env) {
  std::vector<Outcome> outcomes;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    outcomes.swap(outcomes_);
  }
  for (Outcome& outcome : outcomes) {
    auto entry = pending_.find(outcome.id);
    Pending pending = std::move(entry->second);
    pending_.erase(entry);
    if (pending_.empty()) wake_.Unref(env);
    if (outcome.result) {
      pending.deferred.Resolve(outcome.result(env, pending.keep));
    } else {
      pending.deferred.Reject(Napi::Error::New(env, outcome.error).Value());
    }
  }
}

}  // namespace bindings
