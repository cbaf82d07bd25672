// DMA channels under random requests, stalls, errors and flushes; every beat is compared with a plain model of the memory.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>

#include "Vdut.h"
#include "axi_model.h"
#include "verilated.h"

// dv: default
// dv: shallow -GDepth=16

namespace {

constexpr unsigned kChannels = 3;
#ifdef G_Depth
constexpr unsigned kDepth = G_Depth;
#else
constexpr unsigned kDepth = 256;
#endif

constexpr unsigned kWriteDepth = 32;  // of mr_dma_write

struct Request {
  bool dev;
  uint64_t addr;
  uint32_t beats;
};

void check(bool ok, const std::string &what) {
  if (!ok) throw std::runtime_error(what);
}

struct Bench {
  explicit Bench(uint64_t seed)
      : rng(seed), host("host", AXI_PINS(top, m_host), seed + 1), mem("mem", AXI_PINS(top, m_mem), seed + 2) {
    top.clk_i = top.probe_i = 0;
    top.rst_ni = 0;
    for (unsigned i = 0; i < kChannels; i++) quiet_inputs(i);
    for (unsigned i = 0; i < 5; i++) tick();
    top.rst_ni = 1;
  }

  void quiet_inputs(unsigned i) {
    top.rd_req_valid_i[i] = top.rd_ready_i[i] = top.rd_flush_i[i] = 0;
    top.wr_req_valid_i[i] = top.wr_valid_i[i] = top.wr_flush_i[i] = 0;
  }

  // Inputs were set and settled by eval(); passes one rising edge.
  void tick() {
    top.eval();
    if (top.rst_ni) {
      host.sample(now);
      mem.sample(now);
    }
    top.clk_i = 1;
    top.eval();
    now++;
    host.drive(now);
    mem.drive(now);
    top.clk_i = 0;
    top.eval();
  }

  // Whether a FIFO holds anything that is not zero.
  bool residue() {
    top.probe_i = 1;
    tick();
    top.probe_i = 0;
    return top.residue_o;
  }

  bool chance(unsigned per_1024) { return rng() % 1024 < per_1024; }
  AxiModel &space(bool dev) { return dev ? mem : host; }
  Request random_request(unsigned channel, uint64_t area) {
    const uint64_t page = rng() % 16;
    const uint64_t beat = rng() % 3 ? rng() % 64 : 62 + rng() % 2;
    const uint32_t lengths[] = {1, 2, 15, 16, 17, 31, 64, 65, uint32_t(1 + rng() % 200)};
    return {chance(512), area + (uint64_t(channel) << 32) + page * 4096 + beat * 64, lengths[rng() % 9]};
  }

  std::mt19937_64 rng;
  Vdut top;
  AxiModel host, mem;
  uint64_t now = 0;
};

// A read channel as an engine uses it: sends requests ahead, checks that beats come in order with the right contents.
struct Reader {
  Reader(Bench &bench, unsigned channel) : b(bench), i(channel) {}
  void before() {
    if (!offered && b.chance(offer_rate)) {
      request = b.random_request(i, 0x100000000000);
      if (b.chance(20)) request.beats = 0;
      offered = true;
    }
    b.top.rd_req_valid_i[i] = offered;
    b.top.rd_req_dev_i[i] = request.dev;
    b.top.rd_req_addr_i[i] = request.addr;
    b.top.rd_req_beats_i[i] = request.beats;
    b.top.rd_ready_i[i] = b.chance(take_rate);
  }
  void after() {
    if (offered && b.top.rd_req_ready_o[i]) {
      for (uint32_t k = 0; k < request.beats; k++) expected.push_back({request.dev, request.addr + 64ull * k, 1});
      offered = false;
    }
    if (b.top.rd_valid_o[i] && b.top.rd_ready_i[i]) {
      check(!expected.empty(), "a beat that nobody asked for");
      const Request want = expected.front();
      expected.pop_front();
      const bool bad = b.space(want.dev).bad_reads.count(want.addr);
      const Beat data = bad ? Beat{} : b.space(want.dev).get(want.addr);
      check(b.top.rd_err_o[i] == bad, "error flag of a read beat");
      check(std::memcmp(b.top.rd_data_o[i].data(), data.data(), 64) == 0, "data of a read beat");
      taken++;
      errors += bad;
    }
  }
  void forget() { expected.clear(); offered = false; }
  Bench &b;
  unsigned i, offer_rate = 200, take_rate = 700;
  Request request{};
  bool offered = false;
  std::deque<Request> expected;
  uint64_t taken = 0, errors = 0;
};

// A write channel as an engine uses it: one request, its data, its done.
struct Writer {
  Writer(Bench &bench, unsigned channel) : b(bench), i(channel) {}
  void before() {
    if (state == 0 && b.chance(300)) {
      request = b.random_request(i, 0x200000000000);
      if (b.chance(20)) request.beats = 0;
      sent = 0;
      state = 1;
    }
    b.top.wr_req_valid_i[i] = state == 1;
    b.top.wr_req_dev_i[i] = request.dev;
    b.top.wr_req_addr_i[i] = request.addr;
    b.top.wr_req_beats_i[i] = request.beats;
    if (state != 0 && sent < request.beats && !have && b.chance(give_rate)) {
      for (auto &word : data) word = b.rng();
      have = true;
    }
    b.top.wr_valid_i[i] = have;
    if (have) std::memcpy(b.top.wr_data_i[i].data(), data.data(), 64);
  }
  void after() {
    if (have && b.top.wr_ready_o[i]) {
      truth[request.addr + 64ull * sent++] = data;
      have = false;
    }
    if (b.top.wr_done_o[i]) {
      check(state == 2, "a done that nobody waits for");
      AxiModel &space = b.space(request.dev);
      bool bad = false;
      for (uint32_t k = 0; k < request.beats && !bad; k++) bad = space.bad_writes.count(request.addr + 64ull * k);
      check(b.top.wr_err_o[i] == bad, "error flag of a write");
      if (bad) {
        bool inside = false;
        for (uint64_t a = b.top.wr_err_addr_o[i], k = 0; k < 16; k++) inside |= space.bad_writes.count(a + 64 * k);
        check(inside && b.top.wr_err_addr_o[i] >= request.addr, "address of a failed burst");
        errors++;
      } else {
        for (uint32_t k = 0; k < request.beats; k++)
          check(space.get(request.addr + 64ull * k) == truth[request.addr + 64ull * k], "written data");
      }
      taken += request.beats;
      state = 0;
    }
    if (state == 1 && b.top.wr_req_ready_o[i]) state = 2;
  }
  void forget() { state = 0; have = false; sent = 0; }
  Bench &b;
  unsigned i, give_rate = 700;
  int state = 0;  // 0 nothing, 1 request on offer, 2 waiting for done
  Request request{};
  uint32_t sent = 0;
  bool have = false;
  Beat data{};
  std::map<uint64_t, Beat> truth;
  uint64_t taken = 0, errors = 0;
};

// All channels are made idle; then nothing that went through them is left in a FIFO.
void nothing_stays(Bench &bench) {
  for (unsigned i = 0; i < kChannels; i++) {
    bench.top.rd_req_valid_i[i] = bench.top.rd_ready_i[i] = bench.top.wr_req_valid_i[i] = bench.top.wr_valid_i[i] = 0;
    bench.top.rd_flush_i[i] = bench.top.wr_flush_i[i] = 1;
  }
  const auto idle = [&] {
    for (unsigned i = 0; i < kChannels; i++)
      if (!bench.top.rd_idle_o[i] || !bench.top.wr_idle_o[i]) return false;
    return true;
  };
  for (unsigned cycle = 0; !idle(); cycle++) {
    check(cycle < 20000, "channels end when flushed");
    bench.tick();
    bench.top.eval();
  }
  for (unsigned cycle = 0; cycle < std::max(kDepth, kWriteDepth) + 4; cycle++) bench.tick();
  check(!bench.residue(), "a beat is left in an idle channel");
}

void random_traffic(uint64_t seed, bool errors, bool flushes, AxiTiming host, AxiTiming mem) {
  auto bench = std::make_unique<Bench>(seed);
  bench->host.timing = host;
  bench->mem.timing = mem;
  std::vector<Reader> readers;
  std::vector<Writer> writers;
  for (unsigned i = 0; i < kChannels; i++) readers.emplace_back(*bench, i), writers.emplace_back(*bench, i);
  if (errors) {
    for (unsigned i = 0; i < 200; i++) {
      const uint64_t place = (bench->rng() % kChannels << 32) + bench->rng() % 1200 * 64;
      bench->space(i & 1).bad_reads.insert(0x100000000000 + place);
      if (i % 8 < 2) bench->space(i & 1).bad_writes.insert(0x200000000000 + place);
    }
  }
  unsigned flushing[2 * kChannels] = {}, flushed = 0;
  bool seen = false;
  for (unsigned cycle = 0; cycle < 40000; cycle++) {
    for (unsigned k = 0; k < 2 * kChannels; k++) {
      const unsigned i = k / 2;
      const bool write = k & 1;
      auto &line = write ? bench->top.wr_flush_i[i] : bench->top.rd_flush_i[i];
      if (!flushing[k] && flushes && bench->rng() % 4096 == 0) {
        flushing[k] = 1;
        line = 1;
        if (write) writers[i].forget(); else readers[i].forget();
      }
      if (flushing[k] && (write ? bench->top.wr_idle_o[i] : bench->top.rd_idle_o[i]) && flushing[k]++ > 3) {
        flushing[k] = 0;
        line = 0;
        flushed++;
      }
      if (!flushing[k] && write) writers[i].before();
      if (!flushing[k] && !write) readers[i].before();
      if (flushing[k] && write) bench->top.wr_req_valid_i[i] = bench->top.wr_valid_i[i] = 0;
      if (flushing[k] && !write) bench->top.rd_req_valid_i[i] = bench->top.rd_ready_i[i] = 0;
    }
    bench->top.probe_i = cycle % 64 == 0;
    seen |= bench->top.residue_o;
    bench->top.eval();
    for (unsigned i = 0; i < kChannels; i++) {
      if (!flushing[2 * i]) readers[i].after();
      if (!flushing[2 * i + 1]) writers[i].after();
    }
    bench->tick();
  }
  uint64_t read = 0, written = 0, failed = 0;
  for (unsigned i = 0; i < kChannels; i++) {
    read += readers[i].taken;
    written += writers[i].taken;
    failed += readers[i].errors + writers[i].errors;
    check(readers[i].taken > 100 && writers[i].taken > 100, "a channel starved");
  }
  check(errors == (failed != 0), "errors where they were planted, and only there");
  check(flushes == (flushed > 10), "flushes ended");
  check(seen, "under way, the probe sees what lies in the FIFOs");
  nothing_stays(*bench);
  std::printf("seed %lu: %lu beats read, %lu written, %lu errors, %u flushes\n", seed, read, written, failed, flushed);
}

// One channel alone, reading at full speed: beats per 1000 cycles after the first.
double read_rate(bool dev, unsigned latency) {
  auto bench = std::make_unique<Bench>(7);
  bench->host.timing = bench->mem.timing = {latency, latency, 0};
  bench->top.rd_req_valid_i[0] = 1;
  bench->top.rd_req_dev_i[0] = dev;
  bench->top.rd_req_addr_i[0] = 0;
  bench->top.rd_req_beats_i[0] = 4096;
  bench->top.rd_ready_i[0] = 1;
  uint64_t first = 0, count = 0;
  while (count < 4096) {
    bench->top.eval();
    if (bench->top.rd_valid_o[0]) {
      if (!count++) first = bench->now;
    }
    const bool taken = bench->top.rd_req_ready_o[0];
    bench->tick();
    if (taken) bench->top.rd_req_valid_i[0] = 0;
    check(bench->now < 1000000, "the read ends");
  }
  return 4095.0 / double(bench->now - 1 - first);
}

double write_rate(unsigned latency) {
  auto bench = std::make_unique<Bench>(9);
  bench->host.timing = {latency, latency, 0};
  bench->top.wr_req_valid_i[0] = 1;
  bench->top.wr_req_dev_i[0] = 0;
  bench->top.wr_req_addr_i[0] = 0;
  bench->top.wr_req_beats_i[0] = 4096;
  bench->top.wr_valid_i[0] = 1;
  while (!bench->top.wr_done_o[0]) {
    const bool taken = bench->top.wr_req_ready_o[0];
    bench->tick();
    if (taken) bench->top.wr_req_valid_i[0] = 0;
    check(bench->now < 100000, "the write ends");
  }
  return 4096.0 / double(bench->now);
}

}  // namespace

int main(int argc, char **argv) {
  Verilated::commandArgs(argc, argv);
  try {
    const AxiTiming slow{400, 700, 200}, usual{120, 160, 100}, fast{1, 3, 0}, rough{1, 60, 600};
    for (uint64_t seed = 1; seed <= 3; seed++) {
      random_traffic(seed, false, false, slow, usual);
      random_traffic(seed + 10, true, false, usual, rough);
      random_traffic(seed + 20, false, true, rough, fast);
      random_traffic(seed + 30, true, true, slow, usual);
    }
    std::printf("read, device memory, 120 cycles: %.3f beats a cycle\n", read_rate(true, 120));
    std::printf("read, host, 400 cycles: %.3f beats a cycle\n", read_rate(false, 400));
    std::printf("write, host, 400 cycles: %.3f beats a cycle\n", write_rate(400));
  } catch (const std::exception &e) {
    std::printf("error: %s\n", e.what());
    return 1;
  }
  return 0;
}
