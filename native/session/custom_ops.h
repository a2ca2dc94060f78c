// The custom-op domain `ortune`: the training kernels of native/ops and native/optim as the runtime sees
// them.
#pragma once

#include <string>
#include <vector>

#include "ort/api.h"

/// The domain with every op of the current machine's kernels; made once, never freed. Sessions that use it
/// add it to their options. Throws std::runtime_error when the runtime refuses it.
OrtCustomOpDomain* ortune_domain(const OrtApi* api);

/// Names of the ops in the domain ("GeluGrad", …) that are worth using on this processor: all but Gemm, where
/// the runtime's own is faster.
std::vector<std::string> ortune_ops();
