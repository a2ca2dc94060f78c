// Opens libonnxruntime from the path it is given (the onnxruntime-node package's copy) and finds out which
// copies the process holds. The library and this addon stay loaded until the process ends: a worker thread's
// end must not unmap code that the run thread is in.
#pragma once

#include <string>
#include <vector>

#include "ort/api.h"

namespace ort {

/// Opens the library once per process, pins it, and tests that the table fits: a tensor is made and read
/// back. Throws std::runtime_error naming the path and version when it cannot be opened or does not fit.
void open_library(const std::string& path);

/// Version of the opened library, as in "1.30.0".
std::string library_version();

/// Paths of all copies of the runtime that the process has loaded, ours included.
std::vector<std::string> loaded_libraries();

}  // namespace ort
