#include "bindings/jpeg.h"

#include <stdexcept>
#include <string>

#include "jpeg/decode.h"

namespace bindings {
namespace {

Napi::Uint8Array bytes_of(Napi::Value value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(value.Env(), "expected a Uint8Array");
  return value.As<Napi::Uint8Array>();
}

Napi::Value decoded(const Napi::CallbackInfo& info, int channels, Napi::Value into) {
  const Napi::Uint8Array data = bytes_of(info[0]);
  const auto number = [&](size_t i) { return info[i].As<Napi::Number>().Int32Value(); };
  const jpeg::Part part = {number(1), number(2), number(3), number(4), number(5)};
  Napi::Uint8Array out = bytes_of(into);
  return Napi::String::New(
      info.Env(), jpeg::decode(data.Data(), data.ByteLength(), part, channels, out.Data(), out.ByteLength()));
}

}  // namespace

// openJpegLibrary(path): throws what the loader says
Napi::Value open_jpeg_library(const Napi::CallbackInfo& info) {
  try {
    jpeg::open_library(info[0].As<Napi::String>());
  } catch (const std::runtime_error& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
  return info.Env().Undefined();
}

// decodeJpeg(bytes, eighths, left, top, width, height, grey, out) → what is wrong, '' when nothing is
Napi::Value decode_jpeg(const Napi::CallbackInfo& info) {
  return decoded(info, info[6].ToBoolean() ? 1 : 3, info[7]);
}

// decodeCmykJpeg(bytes, eighths, left, top, width, height, out) → as decodeJpeg
Napi::Value decode_cmyk_jpeg(const Napi::CallbackInfo& info) { return decoded(info, 4, info[6]); }

}  // namespace bindings
