#include "bindings/data.h"

#include <vector>

#include "data/mix.h"
#include "data/render.h"
#include "ops/kernels.h"

namespace bindings {
namespace {

/// A typed array's memory, shared or not.
template <class T>
struct View {
  T* data;
  size_t length;
};

template <class T>
View<T> view_of(Napi::Value value, napi_typedarray_type expected, const char* what) {
  napi_typedarray_type kind = napi_int8_array;
  size_t length = 0, offset = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  // The plain C call: node-addon-api's accessors expect an ArrayBuffer.
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(value.Env(), value, &kind, &length, &data, &buffer, &offset) != napi_ok ||
      kind != expected)
    throw Napi::TypeError::New(value.Env(), std::string(what) + " is not the typed array that is expected");
  return {static_cast<T*>(data), length};
}

int64_t whole(Napi::Object list, uint32_t i) { return list.Get(i).As<Napi::Number>().Int64Value(); }

constexpr size_t kAlignment = 64;

}  // namespace

// renderPicture(pixels: Uint8Array, [height, width, channels], program: Float64Array, finish: Float32Array,
// flags,
//   out: Float32Array, [height, width]) writes one sample. `finish`: a scale for each channel, then a bias
//   for each. `flags`: 1 flips the channels, 2 puts them last.
Napi::Value render_picture(const Napi::CallbackInfo& info) {
  const auto pixels = view_of<const uint8_t>(info[0], napi_uint8_array, "pixels");
  const auto program = view_of<const double>(info[2], napi_float64_array, "program");
  const auto finish = view_of<const float>(info[3], napi_float32_array, "finish");
  const auto out = view_of<float>(info[5], napi_float32_array, "out");
  const int32_t flags = info[4].As<Napi::Number>().Int32Value();
  Napi::Object from = info[1].As<Napi::Object>(), to = info[6].As<Napi::Object>();
  ortune::Render a = {};
  a.pixels = pixels.data;
  a.height = whole(from, 0);
  a.width = whole(from, 1);
  a.channels = whole(from, 2);
  a.program = program.data;
  a.length = static_cast<int64_t>(program.length);
  a.out_height = whole(to, 0);
  a.out_width = whole(to, 1);
  const auto refuse = [&](const char* problem) { throw Napi::RangeError::New(info.Env(), problem); };
  if (const char* problem = ortune::render_problem(a)) refuse(problem);
  if (static_cast<int64_t>(pixels.length) < a.height * a.width * a.channels)
    refuse("there are fewer pixels than the picture has");
  if (static_cast<int64_t>(out.length) != a.out_height * a.out_width * a.channels)
    refuse("the sample has another size");
  if (static_cast<int64_t>(finish.length) != 2 * a.channels) refuse("each channel takes a scale and a bias");
  for (int64_t c = 0; c < a.channels; ++c) {
    a.finish.scale[c] = finish.data[c];
    a.finish.bias[c] = finish.data[a.channels + c];
  }
  a.finish.flip_channels = (flags & 1) != 0;
  a.finish.channels_last = (flags & 2) != 0;
  a.finish.out = out.data;
  // Kept from sample to sample; given back when the pictures before were much larger.
  static thread_local std::vector<uint8_t> scratch;
  const size_t bytes = ortune::render_scratch(a) + kAlignment;
  if (scratch.size() < bytes || scratch.size() > 16 * bytes + (size_t{64} << 20))
    scratch = std::vector<uint8_t>(bytes);
  const uintptr_t at = reinterpret_cast<uintptr_t>(scratch.data());
  ortune::render(a, ortune::kernels(), scratch.data() + (kAlignment - at % kAlignment) % kAlignment);
  return info.Env().Undefined();
}

Napi::Value mix_samples(const Napi::CallbackInfo& info) {
  const auto samples = view_of<float>(info[0], napi_float32_array, "samples");
  const int64_t count = info[1].As<Napi::Number>().Int64Value();
  const int64_t length = static_cast<int64_t>(samples.length);
  if (count < 1 || length % count != 0)
    throw Napi::RangeError::New(info.Env(), "the samples are not of one size");
  ortune::kernels().mix({samples.data, count, length / count, info[2].As<Napi::Number>().FloatValue()});
  return info.Env().Undefined();
}

}  // namespace bindings
