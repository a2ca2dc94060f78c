#include "session/session.h"

#include <algorithm>

#include "ort/platform.h"
#include "session/log.h"

namespace session {
namespace {

using Path = std::basic_string<OrtPathChar>;

// Profile prefixes are made by ortune and plain ASCII.
Path to_path(const std::string& text) { return Path(text.begin(), text.end()); }

std::string take_name(OrtAllocator* allocator, char* name) {
  std::string text = name;
  ort::check(ort::api()->AllocatorFree(allocator, static_cast<void*>(name)));
  return text;
}

const Slot& find_slot(const std::vector<Slot>& slots, const std::string& name, const char* kind) {
  const auto slot = std::find_if(slots.begin(), slots.end(), [&](const Slot& s) { return s.name == name; });
  if (slot == slots.end())
    throw std::invalid_argument(std::string("the graph has no ") + kind + " '" + name + "'");
  return *slot;
}

}  // namespace

Session::Session(Environment& environment, const SessionSpec& spec)
    : environment_(environment), profiling_(!spec.profile.empty()), on_device_(!spec.provider.name.empty()) {
  if (on_device_)
    environment.watch([&] { open(spec); });
  else
    open(spec);
  // Parsing and packing freed as much as they keep: without this every session over a frozen weight looks
  // like a copy.
  ort::platform::release_free_memory();
}

void Session::open(const SessionSpec& spec) {
  const OrtApi* api = ort::api();
  auto options = environment_.options(spec.threads);
  ort::check(api->SetSessionGraphOptimizationLevel(options.get(), spec.optimization));
  // Folding would turn every expanded constant of a training graph into a full tensor; ortune folds for
  // itself.
  // On a device an Identity is a copy to another buffer, which its graphs rely on.
  ort::check(
      api->AddSessionConfigEntry(options.get(), "optimization.disable_specified_optimizers",
                                 on_device_ ? "ConstantFolding;EliminateIdentity" : "ConstantFolding"));
  // A product of whole numbers would be another function than the one whose gradient was derived.
  ort::check(api->AddSessionConfigEntry(options.get(), "session.disable_quant_qdq", "1"));
  if (profiling_) ort::check(api->EnableProfiling(options.get(), to_path(spec.profile).c_str()));
  add_constants(spec.constants, options.get());
  if (on_device_) {
    append_provider(options.get(), spec.provider);
    ort::check(api->AddSessionConfigEntry(options.get(), "session.record_ep_graph_assignment_info", "1"));
  }
  prepacked_ = environment_.prepacked();
  session_ = ort::take<ort::Session>([&](OrtSession** out) {
    return api->CreateSessionFromArrayWithPrepackedWeightsContainer(
        environment_.env(), spec.model.data(), spec.model.size(), options.get(), prepacked_.get(), out);
  });
  if (on_device_) elsewhere_ = nodes_elsewhere(session_.get(), spec.provider);
  inputs_ = read_slots(true);
  outputs_ = read_slots(false);
  binding_ = ort::take<ort::IoBinding>(
      [&](OrtIoBinding** out) { return api->CreateIoBinding(session_.get(), out); });
  for (const Tensor& tensor : spec.bound_inputs) bind(tensor, true);
  for (const Tensor& tensor : spec.bound_outputs) bind(tensor, false);
}

// Given twice: as external data, which graph transformers read (a convolution's filter is laid out anew), and
// as an initializer to share, whose packed form is kept once for all sessions. Neither is copied.
void Session::add_constants(const std::vector<Tensor>& constants, OrtSessionOptions* options) {
  if (constants.empty()) return;
  std::vector<const char*> names;
  std::vector<const OrtValue*> values;
  for (const Tensor& constant : constants) {
    check_length(constant);
    constants_.push_back(as_value(constant));
    names.push_back(constant.name.c_str());
    values.push_back(constants_.back().get());
    ort::check(ort::api()->AddInitializer(options, names.back(), values.back()));
  }
  ort::check(ort::api()->AddExternalInitializers(options, names.data(), values.data(), names.size()));
}

std::string Session::close() noexcept {
  if (session_ == nullptr) return "";
  std::string profile;
  try {
    profile = end_profiling();
  } catch (const std::exception&) {
    // The run's results do not depend on its profile.
  }
  const auto release = [&] {
    binding_.reset();
    session_.reset();
  };
  if (on_device_)
    ignore_device(release);
  else
    release();
  constants_.clear();
  prepacked_.reset();
  ort::platform::release_free_memory();
  try {
    environment_.trim();
  } catch (const std::exception&) {
    // The memory stays with the arena, for the next session.
  }
  return profile;
}

std::vector<Slot> Session::read_slots(bool input) const {
  const OrtApi* api = ort::api();
  const OrtSession* session = session_.get();
  OrtAllocator* allocator = nullptr;
  ort::check(api->GetAllocatorWithDefaultOptions(&allocator));
  size_t count = 0;
  ort::check(input ? api->SessionGetInputCount(session, &count)
                   : api->SessionGetOutputCount(session, &count));
  std::vector<Slot> slots(count);
  for (size_t i = 0; i < count; i++) {
    char* name = nullptr;
    ort::check(input ? api->SessionGetInputName(session, i, allocator, &name)
                     : api->SessionGetOutputName(session, i, allocator, &name));
    slots[i].name = take_name(allocator, name);
    auto info = ort::take<ort::TypeInfo>([&](OrtTypeInfo** out) {
      return input ? api->SessionGetInputTypeInfo(session, i, out)
                   : api->SessionGetOutputTypeInfo(session, i, out);
    });
    const OrtTensorTypeAndShapeInfo* tensor = nullptr;
    ort::check(api->CastTypeInfoToTensorInfo(info.get(), &tensor));
    if (tensor == nullptr) throw std::invalid_argument("'" + slots[i].name + "' is not a tensor");
    size_t rank = 0;
    ort::check(api->GetTensorElementType(tensor, &slots[i].type));
    ort::check(api->GetDimensionsCount(tensor, &rank));
    slots[i].shape.resize(rank);
    ort::check(api->GetDimensions(tensor, slots[i].shape.data(), rank));
  }
  return slots;
}

void Session::bind(const Tensor& tensor, bool input) {
  if (!tensor.resident) check_length(tensor);
  check_fits(tensor, find_slot(input ? inputs_ : outputs_, tensor.name, input ? "input" : "output"));
  const ort::Value made = tensor.resident ? nullptr : as_value(tensor);
  const OrtValue* value = tensor.resident ? tensor.resident.get() : made.get();
  // The binding keeps its own reference.
  ort::check(input ? ort::api()->BindInput(binding_.get(), tensor.name.c_str(), value)
                   : ort::api()->BindOutput(binding_.get(), tensor.name.c_str(), value));
}

void Session::run(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
                  const OrtRunOptions* options) {
  if (session_ == nullptr) throw std::invalid_argument("the session was released");
  const auto work = [&] {
    // To bind an input for a device is to copy it there.
    for (const Tensor& tensor : inputs) bind(tensor, true);
    for (const Tensor& tensor : outputs) bind(tensor, false);
    ort::check(ort::api()->RunWithBinding(session_.get(), options, binding_.get()));
  };
  if (on_device_)
    environment_.watch(work);
  else
    work();
}

std::string Session::end_profiling() {
  if (!profiling_) return "";
  profiling_ = false;
  const OrtApi* api = ort::api();
  OrtAllocator* allocator = nullptr;
  char* file = nullptr;
  ort::check(api->GetAllocatorWithDefaultOptions(&allocator));
  ort::check(api->SessionEndProfiling(session_.get(), allocator, &file));
  return take_name(allocator, file);
}

}  // namespace session
