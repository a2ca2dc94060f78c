// Bytes of a fuzzer as numbers: what is left out reads as 0, so that every prefix of an input is an input.
// Values that matter (small sizes, limits of types) come up often, since the fuzzer has no idea of geometry.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace fuzz {

class Reader {
 public:
  Reader(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}

  size_t left() const { return static_cast<size_t>(end_ - at_); }
  uint8_t byte() { return at_ < end_ ? *at_++ : 0; }
  /// 0 to `most`, and no more than 65535.
  int64_t upto(int64_t most) {
    const int64_t value = byte() * 256 + byte();
    return most < 1 ? 0 : most < 65535 ? value % (most + 1) : value;
  }
  int64_t between(int64_t least, int64_t most) { return least + upto(most - least); }

  template <class T>
  T raw() {
    T value{};
    const size_t bytes = left() < sizeof(T) ? left() : sizeof(T);
    std::memcpy(&value, at_, bytes);
    at_ += bytes;
    return value;
  }

  /// Mostly -8 to 8, at times any, often one at a limit.
  int64_t integer() {
    static constexpr int64_t kLimits[] = {
        INT64_MIN,  INT64_MIN + 1,    INT64_MAX,           INT64_MAX - 1, INT32_MIN,        INT32_MAX,
        UINT32_MAX, int64_t{1} << 40, -(int64_t{1} << 40), 65535,         int64_t{1} << 20, 1000};
    const uint8_t kind = byte();
    if (kind < 200) return kind % 17 - 8;
    if (kind < 230) return kLimits[kind % (sizeof(kLimits) / sizeof(kLimits[0]))];
    return raw<int64_t>();
  }

  /// Mostly a small whole number or a fraction, at times any bits.
  double number() {
    const uint8_t kind = byte();
    if (kind < 140) return kind % 70 - 4;
    if (kind < 220) return (byte() - 128) / 16.0;
    if (kind < 240) return static_cast<double>(integer());
    return raw<double>();
  }

 private:
  const uint8_t* at_;
  const uint8_t* const end_;
};

}  // namespace fuzz
