#include "bindings/lock.h"

#ifndef _WIN32
#include <sys/file.h>

#include <cerrno>
#endif

namespace bindings {

// lockFile(fd) → 'locked', 'held' by another open file, 'unsupported' by the file system. The kernel gives
// the lock up when the file is closed, so also when the process is killed. flock and not fcntl: a lock of
// fcntl would be the process's, so that two runs of one process would both have it, and closing any other
// descriptor would end it.
Napi::Value lock_file(const Napi::CallbackInfo& info) {
#ifdef _WIN32
  const char* state = "unsupported";
#else
  const int fd = info[0].As<Napi::Number>().Int32Value();
  int failed;
  do failed = flock(fd, LOCK_EX | LOCK_NB);
  while (failed != 0 && errno == EINTR);
  const char* state = failed == 0 ? "locked" : errno == EWOULDBLOCK ? "held" : "unsupported";
#endif
  return Napi::String::New(info.Env(), state);
}

}  // namespace bindings
