#include "session/run_thread.h"

#include <memory>
#include <thread>
#include <utility>

#include "ort/platform.h"

namespace session {

RunThread& RunThread::instance() {
  static RunThread* thread =
      new RunThread();  // never destroyed: the thread uses it until the process is gone
  return *thread;
}

RunThread::RunThread() {
  // Node unloads the addon with the last worker thread that used it, which this thread would not survive.
  ort::platform::pin_this_module();
  std::thread([this] { loop(); }).detach();
}

void RunThread::loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !queue_.empty() && !stopped_; });
    Task task = std::move(queue_.front());
    queue_.pop_front();
    running_ = &task;
    lock.unlock();
    ort::platform::flush_denormals();  // again each time: the runtime sets it as its first session was asked
                                       // to
    task.work();
    task.work = nullptr;  // lets go what it held (a session) while it still counts as running
    lock.lock();
    running_ = nullptr;
    changed_.notify_all();
  }
}

void RunThread::post(Task task) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopped_) return;
  queue_.push_back(std::move(task));
  changed_.notify_all();
}

void RunThread::close(const void* owner) {
  auto dropped = std::make_shared<std::deque<Task>>();
  std::unique_lock<std::mutex> lock(mutex_);
  for (size_t i = 0; i < queue_.size();) {
    if (queue_[i].owner == owner) {
      dropped->push_back(std::move(queue_[i]));
      queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      i++;
    }
  }
  // The sessions they hold are destroyed where all sessions are: on the run thread.
  if (!dropped->empty()) queue_.push_back(Task{nullptr, [dropped] { dropped->clear(); }, {}});
  changed_.notify_all();
  if (running_ != nullptr && running_->owner == owner && running_->interrupt) running_->interrupt();
  changed_.wait(lock, [&] { return running_ == nullptr || running_->owner != owner; });
}

void RunThread::shutdown() {
  std::unique_lock<std::mutex> lock(mutex_);
  stopped_ = true;
  if (running_ != nullptr && running_->interrupt) running_->interrupt();
  changed_.wait(lock, [this] { return running_ == nullptr; });
}

}  // namespace session
