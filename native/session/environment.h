// The process's one runtime environment. When ortune makes it, all sessions share one thread pool and one
// allocator arena; when another session came first the environment is that one's, and each session gets its
// own pool. Which case holds is found by trying: a one-node session is created and kept. Made once on the run
// thread and never destroyed, so that sessions may live until the process ends.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ort/handle.h"

namespace session {

class Environment {
 public:
  /// Opens the library and the environment on first use; later calls return the same one whatever `threads`
  /// says.
  static Environment& open(const std::string& library, int threads);

  /// Threads of the shared pool, the caller's included; 0 when sessions have pools of their own.
  int shared_threads() const { return shared_pool_ ? threads_ : 0; }
  bool shared_arena() const { return shared_arena_; }
  const OrtEnv* env() const { return env_; }

  /// Options every session starts from. `threads`: size of the pool where the shared one does not apply.
  ort::SessionOptions options(int threads) const;

  /// A session of one Identity node with these options: whether they work is found by trying.
  ort::Session identity_session(const OrtSessionOptions* options);

  /// Does a device's work; see watch_device in log.h.
  void watch(const std::function<void()>& work);

  /// Pre-packed forms of shared initializers; lives as long as the sessions that hold it.
  std::shared_ptr<OrtPrepackedWeightsContainer> prepacked();

  /// Gives unused regions of the shared arena back to the system.
  void trim();

 private:
  explicit Environment(int threads);
  void register_arena();
  ort::Session probe(bool pool, bool arena);

  OrtEnv* env_ = nullptr;
  OrtCustomOpDomain* domain_ = nullptr;
  int threads_;
  bool shared_pool_ = false;
  bool shared_arena_ = false;
  ort::Session probe_;
  std::weak_ptr<OrtPrepackedWeightsContainer> prepacked_;
};

}  // namespace session
