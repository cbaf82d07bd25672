// 256-bit integers as Verilator's 32-bit words, read from and written as hexadecimal.
#pragma once
#include <array>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>

using Wide = std::array<uint32_t, 8>;

inline Wide wide_from_hex(const std::string& text) {
  if (text.empty() || text.size() > 64) throw std::runtime_error("bad integer: " + text);
  Wide value{};
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[text.size() - 1 - i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) throw std::runtime_error("bad integer: " + text);
    value[i / 8] |= uint32_t(digit) << (4 * (i % 8));
  }
  return value;
}

inline std::string wide_to_hex(const Wide& value) {
  std::string text;
  char word[9];
  for (int i = 7; i >= 0; --i) {
    std::snprintf(word, sizeof word, "%08x", value[i]);
    text += word;
  }
  return text;
}

// T is a VlWide<8> port of the model.
template <class T>
void drive(T& port, const Wide& value) {
  for (int i = 0; i < 8; ++i) port[i] = value[i];
}

template <class T>
Wide sample(const T& port) {
  Wide value{};
  for (int i = 0; i < 8; ++i) value[i] = port[i];
  return value;
}
