// One graph ready to run: parameters and gradients bound in place once, batches bound per run, frozen weights
// taken from outside. Used on the run thread only; not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "session/environment.h"
#include "session/provider.h"
#include "session/tensor.h"

namespace session {

struct SessionSpec {
  std::vector<unsigned char> model;   // ModelProto
  std::vector<Tensor> constants;      // initializers whose data lies outside the model
  std::vector<Tensor> bound_inputs;   // bound once
  std::vector<Tensor> bound_outputs;  // bound once
  std::string profile;                // file prefix of the runtime's profiler; empty: off
  GraphOptimizationLevel optimization = ORT_ENABLE_ALL;
  int threads = 1;
  Provider provider;
};

class Session {
 public:
  Session(Environment& environment, const SessionSpec& spec);
  ~Session() { close(); }

  const std::vector<Slot>& inputs() const { return inputs_; }
  const std::vector<Slot>& outputs() const { return outputs_; }

  /// Nodes that do not run on the provider asked for; always empty for the CPU.
  const std::vector<Placement>& elsewhere() const { return elsewhere_; }

  /// Binds what is not bound yet and runs once; every input and output of the graph must be bound then.
  /// `options` may be told to terminate from another thread.
  void run(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
           const OrtRunOptions* options);

  /// Frees everything; runs fail from then on. Returns the profile's file, empty when there was none. Never
  /// throws.
  std::string close() noexcept;

 private:
  void open(const SessionSpec& spec);
  void add_constants(const std::vector<Tensor>& constants, OrtSessionOptions* options);
  void bind(const Tensor& tensor, bool input);
  std::vector<Slot> read_slots(bool input) const;
  std::string end_profiling();

  Environment& environment_;
  std::shared_ptr<OrtPrepackedWeightsContainer> prepacked_;
  std::vector<ort::Value> constants_;
  ort::Session session_;
  ort::IoBinding binding_;
  std::vector<Slot> inputs_;
  std::vector<Slot> outputs_;
  std::vector<Placement> elsewhere_;
  bool profiling_;
  bool on_device_;
};

}  // namespace session
