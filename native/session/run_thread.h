// The addon's own thread, one for the process: every run, session creation and release happens on it, in the
// order posted, because two runs at once on one machine cost more than one after the other. Not libuv's pool,
// which file reads need. It is never joined; before the process exits or an owner goes away, shutdown() or
// close() waits until nothing of theirs runs.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace session {

class RunThread {
 public:
  struct Task {
    const void* owner;
    std::function<void()> work;  // must not throw
    std::function<void()>
        interrupt;  // asks a `work` under way to end early; called from another thread; may be empty
  };

  static RunThread& instance();

  /// Ignored after shutdown() and for a closed owner.
  void post(Task task);

  /// Drops what `owner` has queued, interrupts what it has running and waits for that to end.
  void close(const void* owner);

  /// The same for all owners when the process is about to exit; later posts are ignored. Must come before the
  /// exit handlers of the libraries whose code the thread is in. May be called more than once.
  void shutdown();

 private:
  RunThread();
  void loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> queue_;
  const Task* running_ = nullptr;
  bool stopped_ = false;
};

}  // namespace session
