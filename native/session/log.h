// What the runtime says in its log. WebGPU tells of memory that was refused and of a device that is gone
// there and nowhere else: the run that it happened in may end well, with wrong numbers. So during a device's
// work its log is kept, and becomes the error of that work. Anything else goes where the runtime itself would
// write it: stderr.
#pragma once

#include <functional>

#include "ort/api.h"

namespace session {

/// The name that the environment's own messages go under.
inline constexpr const char* kLogName = "ortune";

/// The environment's logger.
void ORT_CALL receive_log(void* parameter, OrtLoggingLevel level, const char* category, const char* name,
                          const char* place, const char* message);

/// Does a device's work, on the run thread. Throws std::runtime_error when it throws or the log says that the
/// device failed: first what the log said, a message a line, then the work's own error.
void watch_device(OrtEnv* environment, const std::function<void()>& work);

/// Does a device's work whose errors nobody can use: its release.
void ignore_device(const std::function<void()>& work) noexcept;

}  // namespace session
