#include "session/log.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "ort/handle.h"

namespace session {
namespace {

// Enough to tell the cause, which comes first; the thousandth buffer without memory says nothing new.
constexpr size_t kMostLines = 8;

struct Log {
  std::mutex mutex;  // the runtime logs from any thread
  bool kept = false;
  std::vector<std::string> lines;
};

Log& log() {
  static Log* log = new Log();  // the runtime may log while the process ends
  return *log;
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// A device that is let go is "lost" too, with the reasons 2 and 3: destroyed, and callback cancelled.
bool is_failure(const std::string& line) {
  return contains(line, "WebGPU device error") || contains(line, "WebGPU device lost (1)") ||
         contains(line, "WebGPU device lost (4)");
}

void print(OrtLoggingLevel level, const char* category, const char* name, const char* place,
           const char* message) {
  std::fprintf(stderr, "[%c:%s:%s, %s] %s\n", "VIWEF"[level], category, name, place, message);
}

void keep(bool kept) {
  const std::lock_guard<std::mutex> lock(log().mutex);
  log().kept = kept;
  log().lines.clear();
}

std::vector<std::string> take_lines() {
  const std::lock_guard<std::mutex> lock(log().mutex);
  log().kept = false;
  return std::move(log().lines);
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

}  // namespace

void ORT_CALL receive_log(void*, OrtLoggingLevel level, const char* category, const char* name,
                          const char* place, const char* message) {
  const bool own = std::strcmp(name, kLogName) == 0;
  if (own) {
    const std::lock_guard<std::mutex> lock(log().mutex);
    // The first line of a message; the others are a trace of calls.
    const std::string line(message, std::strcspn(message, "\n"));
    if (log().kept && (level >= ORT_LOGGING_LEVEL_ERROR || is_failure(line))) {
      std::vector<std::string>& lines = log().lines;
      if (lines.size() < kMostLines && std::find(lines.begin(), lines.end(), line) == lines.end())
        lines.push_back(line);
      return;
    }
    // Asked for by watch_device alone.
    if (level < ORT_LOGGING_LEVEL_WARNING) return;
  }
  print(level, category, name, place, message);
}

void watch_device(OrtEnv* environment, const std::function<void()>& work) {
  // A lost device is told of at the level of information.
  ort::check(ort::api()->UpdateEnvWithCustomLogLevel(environment, ORT_LOGGING_LEVEL_INFO));
  keep(true);
  std::string error;
  try {
    work();
  } catch (const std::exception& thrown) {
    error = thrown.what();
  }
  std::vector<std::string> lines = take_lines();
  ort::check(ort::api()->UpdateEnvWithCustomLogLevel(environment, ORT_LOGGING_LEVEL_WARNING));
  if (!error.empty()) {
    lines.push_back(error);
    throw std::runtime_error(joined(lines));
  }
  if (std::any_of(lines.begin(), lines.end(), is_failure)) throw std::runtime_error(joined(lines));
  for (const std::string& line : lines)
    print(ORT_LOGGING_LEVEL_ERROR, "onnxruntime", kLogName, "", line.c_str());
}

void ignore_device(const std::function<void()>& work) noexcept {
  keep(true);
  try {
    work();
  } catch (const std::exception&) {
    // Nobody can use it.
  }
  take_lines();
}

}  // namespace session
