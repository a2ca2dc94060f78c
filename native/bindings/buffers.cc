#include "bindings/buffers.h"

#include <memory>
#include <string>

#include "bindings/arguments.h"
#include "bindings/promises.h"
#include "session/provider.h"
#include "session/run_thread.h"

namespace bindings {
namespace {

// Null once closed.
using Memory = std::shared_ptr<session::DeviceMemory>;

// Everything of a device is destroyed on the run thread, whoever lets go of it last.
template <typename Thing>
std::shared_ptr<Thing> on_run_thread(Thing* thing) {
  return {thing, [](Thing* last) {
            session::RunThread::instance().post({nullptr, [last] { delete last; }, {}});
          }};
}

// A tensor holds on to the memory it lies in.
std::shared_ptr<const OrtValue> make_value(const Memory& memory, ONNXTensorElementDataType type,
                                           const std::vector<int64_t>& shape) {
  struct Held {
    Memory memory;
    ort::Value value;
  };
  auto held = on_run_thread(new Held{memory, memory->allocate(type, shape)});
  return {held, held->value.get()};
}

}  // namespace

// openMemory(libraryPath, threads, provider) → Promise<memory>
Napi::Value open_memory(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  const int threads = info[1].As<Napi::Number>().Int32Value();
  const session::Provider provider = read_provider(info[2]);
  return Promises::of(info.Env())
      .submit(info.Env(),
              [path, threads, provider]() -> Result {
                auto& environment = session::Environment::open(path, threads);
                auto memory = on_run_thread(new session::DeviceMemory(environment, provider));
                return [memory](Napi::Env env, KeepAlive&) -> Napi::Value {
                  return Napi::External<Memory>::New(env, new Memory(memory),
                                                     [](Napi::Env, Memory* handle) { delete handle; });
                };
              },
              {});
}

// allocate(memory, [{type, shape}]) → Promise<buffer[]>
Napi::Value allocate(const Napi::CallbackInfo& info) {
  const Memory memory = *info[0].As<Napi::External<Memory>>().Data();
  Napi::Array list = info[1].As<Napi::Array>();
  auto buffers = std::make_shared<std::vector<Buffer>>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    Napi::Object asked = list.Get(i).As<Napi::Object>();
    const int type = asked.Get("type").As<Napi::Number>().Int32Value();
    buffers->push_back(
        {nullptr, static_cast<ONNXTensorElementDataType>(type), read_shape(asked.Get("shape"))});
  }
  return Promises::of(info.Env())
      .submit(info.Env(),
              [memory, buffers]() -> Result {
                for (Buffer& buffer : *buffers) buffer.value = make_value(memory, buffer.type, buffer.shape);
                return [buffers](Napi::Env env, KeepAlive&) -> Napi::Value {
                  Napi::Array made = Napi::Array::New(env, buffers->size());
                  for (uint32_t i = 0; i < buffers->size(); i++)
                    made[i] = Napi::External<Buffer>::New(env, new Buffer((*buffers)[i]),
                                                          [](Napi::Env, Buffer* buffer) { delete buffer; });
                  return made;
                };
              },
              {});
}

// freeBuffers(buffer[]): sessions that are bound to one keep it until they are released
Napi::Value free_buffers(const Napi::CallbackInfo& info) {
  Napi::Array list = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++)
    list.Get(i).As<Napi::External<Buffer>>().Data()->value = nullptr;
  return info.Env().Undefined();
}

}  // namespace bindings
