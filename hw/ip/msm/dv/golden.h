// Slow and obvious arithmetic for the testbench of the MSM engine: fields, curve points, signed digits.
// It shares nothing with the RTL: Jacobian formulas with case distinctions, Montgomery products, digits by carries.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

using u64 = uint64_t;
using u128 = unsigned __int128;

/// 256-bit integer, least significant word first.
struct U256 {
    std::array<u64, 4> w{};
    bool operator==(const U256& o) const { return w == o.w; }
    bool operator!=(const U256& o) const { return w != o.w; }
    bool zero() const { return (w[0] | w[1] | w[2] | w[3]) == 0; }
    bool bit(unsigned i) const { return (w[i / 64] >> (i % 64)) & 1; }
};

inline bool less(const U256& a, const U256& b) {
    for (int i = 3; i >= 0; i--)
        if (a.w[i] != b.w[i]) return a.w[i] < b.w[i];
    return false;
}
inline u64 add_to(U256& a, const U256& b) {
    u128 c = 0;
    for (int i = 0; i < 4; i++) { c += (u128)a.w[i] + b.w[i]; a.w[i] = (u64)c; c >>= 64; }
    return (u64)c;
}
inline u64 sub_from(U256& a, const U256& b) {
    u64 borrow = 0;
    for (int i = 0; i < 4; i++) {
        u128 d = (u128)a.w[i] - b.w[i] - borrow;
        a.w[i] = (u64)d;
        borrow = (u64)(d >> 64) & 1;
    }
    return borrow;
}
inline U256 small(u64 v) { U256 r; r.w[0] = v; return r; }

/// Integers modulo an odd m < 2^254.
struct Field {
    U256 m, r2;
    u64 inv = 0;   // -m^-1 mod 2^64
    explicit Field(const U256& modulus) : m(modulus) {
        u64 x = 1;
        for (int i = 0; i < 6; i++) x *= 2 - m.w[0] * x;
        inv = ~x + 1;
        r2 = small(1);
        for (int i = 0; i < 512; i++) r2 = add(r2, r2);
    }
    U256 add(U256 a, const U256& b) const {
        add_to(a, b);
        if (!less(a, m)) sub_from(a, m);
        return a;
    }
    U256 sub(U256 a, const U256& b) const {
        if (sub_from(a, b)) add_to(a, m);
        return a;
    }
    U256 redc_mul(const U256& a, const U256& b) const {   // a b 2^-256
        u64 t[6] = {0, 0, 0, 0, 0, 0};
        for (int i = 0; i < 4; i++) {
            u128 c = 0;
            for (int j = 0; j < 4; j++) { c += (u128)a.w[j] * b.w[i] + t[j]; t[j] = (u64)c; c >>= 64; }
            c += t[4]; t[4] = (u64)c; t[5] = (u64)(c >> 64);
            u64 q = t[0] * inv;
            c = ((u128)q * m.w[0] + t[0]) >> 64;
            for (int j = 1; j < 4; j++) { c += (u128)q * m.w[j] + t[j]; t[j - 1] = (u64)c; c >>= 64; }
            c += t[4]; t[3] = (u64)c; t[4] = t[5] + (u64)(c >> 64);
        }
        U256 r{{t[0], t[1], t[2], t[3]}};
        if (!less(r, m)) sub_from(r, m);
        return r;
    }
    U256 mul(const U256& a, const U256& b) const { return redc_mul(redc_mul(a, b), r2); }
    U256 inverse(const U256& a) const {
        U256 e = m, r = small(1);
        sub_from(e, small(2));
        for (int i = 255; i >= 0; i--) {
            r = mul(r, r);
            if (e.bit(i)) r = mul(r, a);
        }
        return r;
    }
};

inline const Field& fq() {
    static const Field f(U256{{0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d, 0x30644e72e131a029}});
    return f;
}
inline const Field& fr() {
    static const Field f(U256{{0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029}});
    return f;
}

/// Affine point; (0, 0) is infinity.
struct Affine {
    U256 x, y;
    bool infinity() const { return x.zero() && y.zero(); }
};

/// Affine addition by the school formulas, every case apart.
inline Affine add(const Affine& p, const Affine& q) {
    const Field& f = fq();
    if (p.infinity()) return q;
    if (q.infinity()) return p;
    U256 num, den;
    if (p.x == q.x) {
        if (p.y != q.y || p.y.zero()) return Affine{};
        num = f.mul(p.x, p.x);
        num = f.add(num, f.add(num, num));
        den = f.add(p.y, p.y);
    } else {
        num = f.sub(q.y, p.y);
        den = f.sub(q.x, p.x);
    }
    U256 s = f.mul(num, f.inverse(den));
    Affine r;
    r.x = f.sub(f.sub(f.mul(s, s), p.x), q.x);
    r.y = f.sub(f.mul(s, f.sub(p.x, r.x)), p.y);
    return r;
}

/// k times the generator (1, 2), from a table of its doublings.
inline Affine times_generator(const U256& k) {
    static std::vector<Affine> table;
    if (table.empty()) {
        table.push_back(Affine{small(1), small(2)});
        for (int i = 1; i < 254; i++) table.push_back(add(table.back(), table.back()));
    }
    Affine r;
    for (unsigned i = 0; i < 254; i++)
        if (k.bit(i)) r = add(r, table[i]);
    return r;
}

/// Signed digits of k, lowest window first: carries go upwards, -2^(c-1) < d <= 2^(c-1).
inline std::vector<int> digits(const U256& k, unsigned c, unsigned windows) {
    std::vector<int> out;
    int carry = 0;
    for (unsigned w = 0; w < windows; w++) {
        int d = carry;
        for (unsigned b = 0; b < c; b++)
            if (w * c + b < 256 && k.bit(w * c + b)) d += 1 << b;
        carry = d > (1 << (c - 1));
        out.push_back(carry ? d - (1 << c) : d);
    }
    return out;
}
