#include "bindings/arguments.h"

#include <string>

namespace bindings {
namespace {

session::Tensor read_tensor(Napi::Object object, size_t alignment) {
  Napi::Env env = object.Env();
  session::Tensor tensor;
  tensor.name = object.Get("name").As<Napi::String>();
  Napi::Value handle = object.Get("buffer");
  if (handle.IsExternal()) {
    const Buffer& buffer = *handle.As<Napi::External<Buffer>>().Data();
    if (buffer.value == nullptr) throw Napi::Error::New(env, "tensor '" + tensor.name + "' was freed");
    tensor.type = buffer.type;
    tensor.shape = buffer.shape;
    tensor.resident = buffer.value;
    return tensor;
  }
  tensor.type = static_cast<ONNXTensorElementDataType>(object.Get("type").As<Napi::Number>().Int32Value());
  tensor.shape = read_shape(object.Get("shape"));

  Napi::Value data = object.Get("data");
  if (!data.IsTypedArray())
    throw Napi::TypeError::New(env, "tensor '" + tensor.name + "': data is not a typed array");
  // The plain C call: node-addon-api's accessors expect an ArrayBuffer.
  napi_typedarray_type kind;
  size_t length = 0;
  napi_value buffer = nullptr;
  size_t offset = 0;
  if (napi_get_typedarray_info(env, data, &kind, &length, &tensor.data, &buffer, &offset) != napi_ok)
    throw Napi::TypeError::New(env, "tensor '" + tensor.name + "': data cannot be read");
  bool transferable = true;
  if (napi_is_arraybuffer(env, buffer, &transferable) != napi_ok || transferable)
    throw Napi::TypeError::New(env,
                               "tensor '" + tensor.name + "': data must be a view of a SharedArrayBuffer");
  tensor.bytes = length * data.As<Napi::TypedArray>().ElementSize();
  if (tensor.bytes > 0 && reinterpret_cast<uintptr_t>(tensor.data) % alignment != 0)
    throw Napi::TypeError::New(
        env, "tensor '" + tensor.name + "': data must be aligned to " + std::to_string(alignment) + " bytes");
  return tensor;
}

}  // namespace

std::vector<session::Tensor> read_tensors(Napi::Value value, size_t alignment) {
  Napi::Array list = value.As<Napi::Array>();
  std::vector<session::Tensor> tensors;
  tensors.reserve(list.Length());
  for (uint32_t i = 0; i < list.Length(); i++)
    tensors.push_back(read_tensor(list.Get(i).As<Napi::Object>(), alignment));
  return tensors;
}

std::vector<int64_t> read_shape(Napi::Value value) {
  Napi::Array list = value.As<Napi::Array>();
  std::vector<int64_t> shape;
  for (uint32_t i = 0; i < list.Length(); i++) shape.push_back(list.Get(i).As<Napi::Number>().Int64Value());
  return shape;
}

session::Provider read_provider(Napi::Value value) {
  session::Provider provider;
  if (value.IsUndefined()) return provider;
  Napi::Object object = value.As<Napi::Object>();
  provider.name = object.Get("name").As<Napi::String>();
  provider.memory = object.Get("memory").As<Napi::String>();
  provider.id = object.Get("id").As<Napi::Number>().Int32Value();
  Napi::Array options = object.Get("options").As<Napi::Array>();
  for (uint32_t i = 0; i < options.Length(); i++) {
    Napi::Array pair = options.Get(i).As<Napi::Array>();
    provider.options.emplace_back(pair.Get(0u).As<Napi::String>(), pair.Get(1u).As<Napi::String>());
  }
  return provider;
}

std::vector<unsigned char> read_bytes(Napi::Value value) {
  auto bytes = value.As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.Data() + bytes.ByteLength()};
}

Napi::Value write_strings(Napi::Env env, const std::vector<std::string>& strings) {
  Napi::Array list = Napi::Array::New(env, strings.size());
  for (uint32_t i = 0; i < strings.size(); i++) list[i] = strings[i];
  return list;
}

Napi::Value write_placements(Napi::Env env, const std::vector<session::Placement>& nodes) {
  Napi::Array list = Napi::Array::New(env, nodes.size());
  for (uint32_t i = 0; i < nodes.size(); i++) {
    Napi::Object node = Napi::Object::New(env);
    node["name"] = nodes[i].name;
    node["op"] = nodes[i].op;
    node["provider"] = nodes[i].provider;
    list[i] = node;
  }
  return list;
}

Napi::Value write_slots(Napi::Env env, const std::vector<session::Slot>& slots) {
  Napi::Array list = Napi::Array::New(env, slots.size());
  for (uint32_t i = 0; i < slots.size(); i++) {
    Napi::Object slot = Napi::Object::New(env);
    Napi::Array shape = Napi::Array::New(env, slots[i].shape.size());
    for (uint32_t d = 0; d < slots[i].shape.size(); d++) shape[d] = static_cast<double>(slots[i].shape[d]);
    slot["name"] = slots[i].name;
    slot["type"] = static_cast<int>(slots[i].type);
    slot["shape"] = shape;
    list[i] = slot;
  }
  return list;
}

}  // namespace bindings
