#include "bindings/kernels.h"

#include <string>
#include <vector>

#include "bindings/arguments.h"
#include "ops/kernels.h"

namespace bindings {

// instructionSets() → string[]: those that this build and this CPU have, the narrowest first
Napi::Value instruction_sets(const Napi::CallbackInfo& info) {
  std::vector<std::string> names;
  for (ortune::Isa isa : ortune::kAllIsas)
    if (ortune::kernels_for(isa)) names.push_back(ortune::isa_name(isa));
  return write_strings(info.Env(), names);
}

// instructionSet() → string: the one in use
Napi::Value instruction_set(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), ortune::kernels().isa);
}

// useInstructionSet(name)
Napi::Value use_instruction_set(const Napi::CallbackInfo& info) {
  const std::string name = info[0].As<Napi::String>();
  for (ortune::Isa isa : ortune::kAllIsas)
    if (name == ortune::isa_name(isa) && ortune::use_kernels(isa)) return info.Env().Undefined();
  throw Napi::RangeError::New(info.Env(), "no kernels for the instruction set '" + name + "'");
}

// optimizers() → {op, states, numbers}[]: numbers as 'rate, momentum', in the order of the operator's input
Napi::Value optimizers(const Napi::CallbackInfo& info) {
  Napi::Array all = Napi::Array::New(info.Env());
  const auto add = [&](const char* op, int states, const char* numbers) {
    Napi::Object optimizer = Napi::Object::New(info.Env());
    optimizer["op"] = op;
    optimizer["states"] = states;
    optimizer["numbers"] = numbers;
    all[all.Length()] = optimizer;
  };
#define ORTUNE_OPTIMIZER(name, Op, states, ...) add(#Op, states, #__VA_ARGS__);
  ORTUNE_KERNELS(ORTUNE_NOTHING, ORTUNE_NOTHING, ORTUNE_OPTIMIZER)
#undef ORTUNE_OPTIMIZER
  return all;
}

}  // namespace bindings
