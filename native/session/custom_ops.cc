#include "session/custom_ops.h"

#include <string.h>

#include "ops/kernels.h"
#include "session/custom_op.h"

namespace {

const std::vector<const OrtCustomOp*>& all_ops() {
  static const std::vector<const OrtCustomOp*> all = [] {
    std::vector<const OrtCustomOp*> ops;
    for (const auto& family :
         {custom_op::attention_ops(), custom_op::conv_ops(), custom_op::decoder_ops(), custom_op::gemm_ops(),
          custom_op::gradient_ops(), custom_op::loss_ops(), custom_op::norm_ops(), custom_op::pool_ops(),
          custom_op::recurrent_ops(), custom_op::update_ops()})
      ops.insert(ops.end(), family.begin(), family.end());
    return ops;
  }();
  return all;
}

}  // namespace

OrtCustomOpDomain* ortune_domain(const OrtApi* api) {
  static OrtCustomOpDomain* const domain = [api] {
    OrtCustomOpDomain* made = nullptr;
    ort::check(api->CreateCustomOpDomain("ortune", &made));
    for (const OrtCustomOp* op : all_ops()) ort::check(api->CustomOpDomain_Add(made, op));
    return made;
  }();
  return domain;
}

std::vector<std::string> ortune_ops() {
  std::vector<std::string> names;
  for (const OrtCustomOp* op : all_ops())
    if (ortune::kernels().fast_panels || strcmp(op->GetName(op), "Gemm") != 0)
      names.push_back(op->GetName(op));
  return names;
}
