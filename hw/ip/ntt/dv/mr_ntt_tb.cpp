// Testbench of mr_ntt: every size and mode against golden.h, boundary values, DMA stalls, every error, reset in the middle of a job.
// dv: logmax2 -GLogMax=2
// dv: logmax6 -GLogMax=6
// dv: logmax13 -GLogMax=13
#include "Vdut.h"
#include "bench.h"
#include "golden.h"

#include <cstdio>

using golden::Fr;

namespace {

enum Cause { kOk = 0, kBadDescriptor = 1, kBadLength = 5, kValueRange = 8, kHostRead = 9, kHostWrite = 10, kMemRead = 11, kMemWrite = 12 };

const Fr kTop = golden::sub_raw(golden::R, Fr{1, 0, 0, 0});  // r - 1

std::vector<Fr> random_values(Bench& b, size_t n) {
  std::vector<Fr> v(n);
  for (auto& e : v) {
    for (auto& word : e) word = b.random();
    e[3] &= 0x3fffffffffffffff;
    while (!golden::less(e, golden::R)) e = golden::sub_raw(e, golden::R);
  }
  return v;
}

Job make_job(Bench& b, unsigned log_n, int mode, std::vector<Fr> values) {
  Job job;
  job.log_n = log_n;
  job.inverse = mode & 1;
  job.coset = mode & 2;
  job.values = std::move(values);
  job.src_dev = b.random() & 1;
  job.dst_dev = b.random() & 1;
  job.src = b.random() << 16 & 0xffffffffffff;
  job.dst = b.random() << 16 & 0xffffffffffff;
  job.count = job.values.size();
  job.dst_len = 32 * job.values.size();
  return job;
}

// Runs a job that must succeed; compares results, digest and counters.
Outcome expect_ok(Bench& b, const Job& job) {
  Outcome out = b.run(job);
  const size_t n = job.values.size();
  b.check(out.status == kOk && out.position == 0, "status %u position %llx", out.status, (unsigned long long)out.position);
  b.check(out.written.size() == n / 2, "%zu beats written", out.written.size());
  const auto want = golden::transform(job.values, job.log_n, job.inverse, job.coset);
  for (size_t i = 0; i < out.written.size() * 2 && i < n; i++) {
    const uint64_t* got = &out.written[i / 2][4 * (i % 2)];
    for (int w = 0; w < 4; w++)
      if (got[w] != want[i][w]) {
        b.check(false, "log_n %u inverse %d coset %d: value %zu differs", job.log_n, job.inverse, job.coset, i);
        i = n;
        break;
      }
  }
  b.check(out.digest == digest_of(out.written), "digest %llx", (unsigned long long)out.digest);
  const uint64_t butterflies = n / 2 * job.log_n;
  b.check(out.issued == butterflies && out.stat_butterflies == butterflies, "%llu butterflies", (unsigned long long)out.issued);
  b.check(out.cycles - out.stalled - out.bubbles == butterflies + n, "cycles %llu, stalled %llu, bubbles %llu do not add up",
          (unsigned long long)out.cycles, (unsigned long long)out.stalled, (unsigned long long)out.bubbles);
  b.check(out.cycles == out.measured_cycles, "cycles %llu, measured %llu", (unsigned long long)out.cycles,
          (unsigned long long)out.measured_cycles);
  b.check(!b.residue(), "values left in memory");
  return out;
}

void expect_error(Bench& b, const Job& job, unsigned status, uint64_t position, bool reads, bool writes) {
  Outcome out = b.run(job);
  b.check(out.status == status && out.position == position, "status %u position %llx, expected %u %llx", out.status,
          (unsigned long long)out.position, status, (unsigned long long)position);
  b.check(out.read_requests == reads && out.write_requests == writes, "%u reads %u writes", out.read_requests, out.write_requests);
  b.check(out.digest == 0, "digest of a failed job");
  b.check(!b.residue(), "values left in memory after an error");
}

// golden::transform itself against the definition, point by point.
void check_golden(Bench& b) {
  for (unsigned log_n : {1u, 2u, 5u, 10u})
    for (bool coset : {false, true}) {
      const auto x = random_values(b, 1u << log_n);
      const auto forward = golden::transform(x, log_n, false, coset), inverse = golden::transform(x, log_n, true, coset);
      const Fr omega = golden::root(log_n);
      for (unsigned k = 0; k < x.size(); k += 1 + x.size() / 32) {
        Fr point = golden::pow(omega, Fr{k, 0, 0, 0});
        if (coset) point = golden::mul(point, golden::root(log_n + 1));
        b.check(golden::evaluate(x, point) == forward[k], "golden forward %u", k);
        b.check(golden::evaluate(inverse, point) == x[k], "golden inverse %u", k);
      }
    }
}

void sweep(Bench& b, unsigned log_max) {
  for (unsigned log_n = 1; log_n <= log_max; log_n++) {
    if (log_n > 8 && log_n + 2 < log_max) continue;
    const size_t n = size_t(1) << log_n;
    for (int mode = 0; mode < 4; mode++) {
      expect_ok(b, make_job(b, log_n, mode, random_values(b, n)));
      if (log_n > 8) continue;
      b.set_stalls(b.random() % 90);
      expect_ok(b, make_job(b, log_n, mode, std::vector<Fr>(n)));
      expect_ok(b, make_job(b, log_n, mode, std::vector<Fr>(n, kTop)));
      std::vector<Fr> mixed(n);
      for (auto& e : mixed) e = b.random() & 1 ? kTop : Fr{b.random() & 1, 0, 0, 0};
      expect_ok(b, make_job(b, log_n, mode, mixed));
      for (size_t at : {size_t(0), size_t(1), n / 2, n - 1}) {
        std::vector<Fr> impulse(n);
        impulse[at] = b.random() & 1 ? kTop : Fr{1, 0, 0, 0};
        expect_ok(b, make_job(b, log_n, mode, impulse));
      }
      b.set_stalls(0);
    }
  }
}

void errors(Bench& b, unsigned log_max) {
  for (int round = 0; round < 40; round++) {
    const unsigned log_n = 1 + b.random() % (log_max < 6 ? log_max : 6);
    const size_t n = size_t(1) << log_n;
    const int mode = b.random() % 4;
    const Job good = make_job(b, log_n, mode, random_values(b, n));
    b.set_stalls(b.random() % 60);

    Job job = good;  // form
    job.log_n = 0;
    expect_error(b, job, kBadDescriptor, 2, false, false);
    job.log_n = log_max + 1 + b.random() % (255 - log_max);
    expect_error(b, job, kBadDescriptor, 2, false, false);
    job = good;
    job.count = n + 1;
    expect_error(b, job, kBadDescriptor, 32, false, false);
    job.count = n | uint64_t(1) << (32 + b.random() % 32);
    expect_error(b, job, kBadDescriptor, 32, false, false);
    job = good;
    job.dst_len = 32 * n - 1;
    expect_error(b, job, kBadLength, 32 * n, false, false);
    job.dst_len = 0;
    expect_error(b, job, kBadLength, 32 * n, false, false);

    const size_t at = b.random() % n, later = at + b.random() % (n - at);  // range: the first counts
    job = good;
    job.values[later] = Fr{~0ull, ~0ull, ~0ull, ~0ull};
    job.values[at] = round % 3 == 0 ? golden::R : round % 3 == 1 ? Fr{0, 0, 0, 1ull << (62 + round % 2)} : job.values[later];
    expect_error(b, job, kValueRange, at, true, false);

    job = good;  // DMA; a range error behind a failed beat does not show, one before it does
    job.read_error_beat = b.random() % (n / 2);
    expect_error(b, job, job.src_dev ? kMemRead : kHostRead, job.src + 64 * job.read_error_beat, true, false);
    job.values[n - 1] = golden::R;
    if (job.read_error_beat == int64_t(n / 2 - 1)) job.read_error_beat = -1;
    if (job.read_error_beat < 0) expect_error(b, job, kValueRange, n - 1, true, false);
    else expect_error(b, job, job.src_dev ? kMemRead : kHostRead, job.src + 64 * job.read_error_beat, true, false);
    job = good;
    job.values[0] = golden::R;
    job.read_error_beat = n / 2 - 1;
    if (n > 2) expect_error(b, job, kValueRange, 0, true, false);
    job = good;
    job.write_error = true;
    expect_error(b, job, job.dst_dev ? kMemWrite : kHostWrite, job.dst + 64, true, true);

    b.set_stalls(0);
    expect_ok(b, good);
  }
}

void resets(Bench& b, unsigned log_max) {
  for (int round = 0; round < (log_max > 8 ? 3 : 60); round++) {
    const Job job = make_job(b, log_max, b.random() % 4, random_values(b, size_t(1) << log_max));
    b.reset_during(job, b.random() % (2 * b.table_cycles()));
    b.check(!b.residue(), "values left in memory after reset");
    expect_ok(b, job);
  }
}

// The figures of doc/ntt.md: no stalls but the latency of host memory.
void report(Bench& b, unsigned log_max) {
  b.set_stalls(0);
  b.set_latency(400);
  std::printf("after reset: %llu cycles\n", (unsigned long long)b.table_cycles());
  for (unsigned log_n : {log_max / 2, log_max})
    for (int mode = 0; mode < 4; mode++) {
      const Job job = make_job(b, log_n, mode, random_values(b, size_t(1) << log_n));
      const Outcome out = expect_ok(b, job);
      std::printf("2^%-2u %s%s: %llu cycles, %llu stalled, %llu bubbles\n", log_n, job.inverse ? "inverse" : "forward",
                  job.coset ? " coset" : "", (unsigned long long)out.cycles, (unsigned long long)out.stalled,
                  (unsigned long long)out.bubbles);
    }
}

}  // namespace

int main(int argc, char** argv) {
  Bench b(argc, argv);
  const unsigned log_max = b.log_max();
  check_golden(b);
  b.reset();
  b.check(!b.residue(), "values left in memory after power-on");
  sweep(b, log_max);
  errors(b, log_max);
  resets(b, log_max);
  report(b, log_max);
  std::printf("%llu jobs, %d failures\n", (unsigned long long)b.jobs(), b.failures());
  return b.failures() != 0;
}
