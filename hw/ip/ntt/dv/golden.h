// Slow, obvious arithmetic of Fr and transforms by their definition. Shares no code and no algorithm with the RTL.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace golden {

using Fr = std::array<uint64_t, 4>;  // canonical, least significant word first

constexpr Fr R = {0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029};

inline bool less(const Fr& a, const Fr& b) {
  for (int i = 3; i >= 0; i--)
    if (a[i] != b[i]) return a[i] < b[i];
  return false;
}

inline Fr sub_raw(const Fr& a, const Fr& b) {
  Fr d;
  uint64_t borrow = 0;
  for (int i = 0; i < 4; i++) {
    unsigned __int128 t = (unsigned __int128)a[i] - b[i] - borrow;
    d[i] = (uint64_t)t;
    borrow = (uint64_t)(t >> 64) & 1;
  }
  return d;
}

inline Fr add(const Fr& a, const Fr& b) {  // a + b < 2r < 2^255
  Fr s;
  uint64_t carry = 0;
  for (int i = 0; i < 4; i++) {
    unsigned __int128 t = (unsigned __int128)a[i] + b[i] + carry;
    s[i] = (uint64_t)t;
    carry = (uint64_t)(t >> 64);
  }
  return less(s, R) ? s : sub_raw(s, R);
}

inline Fr sub(const Fr& a, const Fr& b) { return less(a, b) ? add(a, sub_raw(R, b)) : sub_raw(a, b); }

// Schoolbook product, then one bit at a time: rest = 2·rest + bit mod r.
inline Fr mul(const Fr& a, const Fr& b) {
  uint64_t wide[8] = {};
  for (int i = 0; i < 4; i++) {
    uint64_t carry = 0;
    for (int j = 0; j < 4; j++) {
      unsigned __int128 t = (unsigned __int128)a[i] * b[j] + wide[i + j] + carry;
      wide[i + j] = (uint64_t)t;
      carry = (uint64_t)(t >> 64);
    }
    wide[i + 4] = carry;
  }
  Fr rest{};
  for (int bit = 511; bit >= 0; bit--) {
    for (int i = 3; i > 0; i--) rest[i] = rest[i] << 1 | rest[i - 1] >> 63;
    rest[0] = rest[0] << 1 | (wide[bit / 64] >> (bit % 64) & 1);
    if (!less(rest, R)) rest = sub_raw(rest, R);
  }
  return rest;
}

inline Fr pow(Fr base, const Fr& exponent) {
  Fr p = {1, 0, 0, 0};
  for (int bit = 255; bit >= 0; bit--) {
    p = mul(p, p);
    if (exponent[bit / 64] >> (bit % 64) & 1) p = mul(p, base);
  }
  return p;
}

inline Fr inverse(const Fr& a) { return pow(a, sub_raw(R, Fr{2, 0, 0, 0})); }

// ω of order 2^log = 5^((r - 1) / 2^log).
inline Fr root(unsigned log) {
  Fr e = sub_raw(R, Fr{1, 0, 0, 0});
  for (unsigned k = 0; k < log; k++)
    for (int i = 0; i < 4; i++) e[i] = e[i] >> 1 | (i < 3 ? e[i + 1] << 63 : 0);
  return pow(Fr{5, 0, 0, 0}, e);
}

// Σ x[j] point^j.
inline Fr evaluate(const std::vector<Fr>& x, const Fr& point) {
  Fr sum{};
  for (size_t j = x.size(); j-- > 0;) sum = add(mul(sum, point), x[j]);
  return sum;
}

// Σ x[j] base^(jk) for all k, by splitting into even and odd j; base has order x.size().
inline std::vector<Fr> split(const std::vector<Fr>& x, const Fr& base) {
  if (x.size() == 1) return x;
  std::vector<Fr> even, odd;
  for (size_t j = 0; j < x.size(); j += 2) {
    even.push_back(x[j]);
    odd.push_back(x[j + 1]);
  }
  even = split(even, mul(base, base));
  odd = split(odd, mul(base, base));
  std::vector<Fr> out(x.size());
  Fr power = {1, 0, 0, 0};
  for (size_t k = 0; k < even.size(); k++) {
    Fr t = mul(power, odd[k]);
    out[k] = add(even[k], t);
    out[k + even.size()] = sub(even[k], t);
    power = mul(power, base);
  }
  return out;
}

// The job NTT of docs/spec/device.md.
inline std::vector<Fr> transform(std::vector<Fr> x, unsigned log_n, bool inverse_, bool coset) {
  Fr omega = root(log_n), shift = root(log_n + 1), scale = {1, 0, 0, 0};
  if (inverse_) {
    omega = inverse(omega);
    shift = inverse(shift);
    scale = inverse(Fr{x.size(), 0, 0, 0});
  }
  auto times_powers = [&](std::vector<Fr>& v) {
    Fr power = scale;
    for (auto& e : v) {
      e = mul(e, power);
      if (coset) power = mul(power, shift);
    }
  };
  if (!inverse_) times_powers(x);
  x = split(x, omega);
  if (inverse_) times_powers(x);
  return x;
}

}  // namespace golden
