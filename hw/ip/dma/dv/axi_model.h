// AXI4 memory for testbenches: random latency, stalls and interleaving, error responses at chosen addresses, and the rules of the protocol.
//
// Driven twice a cycle: sample() with the pins settled before the rising edge, drive() after it. A broken rule throws.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

using Beat = std::array<uint64_t, 8>;

// Pointers to the pins of one master port of the design.
struct AxiPins {
  uint8_t *awid;
  uint64_t *awaddr;
  uint8_t *awlen, *awsize, *awburst, *awvalid, *awready;
  uint32_t *wdata;
  uint64_t *wstrb;
  uint8_t *wlast, *wvalid, *wready;
  uint8_t *bid, *bresp, *bvalid, *bready;
  uint8_t *arid;
  uint64_t *araddr;
  uint8_t *arlen, *arsize, *arburst, *arvalid, *arready;
  uint8_t *rid;
  uint32_t *rdata;
  uint8_t *rresp, *rlast, *rvalid, *rready;
};

#define AXI_PINS(top, p)                                                                                             \
  AxiPins {                                                                                                          \
    &top.p##_awid, &top.p##_awaddr, &top.p##_awlen, &top.p##_awsize, &top.p##_awburst, &top.p##_awvalid,             \
        &top.p##_awready, top.p##_wdata.data(), &top.p##_wstrb, &top.p##_wlast, &top.p##_wvalid, &top.p##_wready,    \
        &top.p##_bid, &top.p##_bresp, &top.p##_bvalid, &top.p##_bready, &top.p##_arid, &top.p##_araddr,              \
        &top.p##_arlen, &top.p##_arsize, &top.p##_arburst, &top.p##_arvalid, &top.p##_arready, &top.p##_rid,         \
        top.p##_rdata.data(), &top.p##_rresp, &top.p##_rlast, &top.p##_rvalid, &top.p##_rready                       \
  }

struct AxiTiming {
  unsigned latency_min = 120, latency_max = 160;
  unsigned stall_per_1024 = 100;  // for each of AR, AW, W ready and R, B valid
};

class AxiModel {
 public:
  AxiModel(std::string name, AxiPins pins, uint64_t seed) : name_(std::move(name)), p_(pins), rng_(seed) {}

  AxiTiming timing;
  std::set<uint64_t> bad_reads, bad_writes;  // beat addresses that answer SLVERR
  uint64_t reads = 0, writes = 0;            // beats
  uint64_t write_responses = 0;

  // What a beat holds before anybody wrote it: a function of its address.
  static Beat fresh(uint64_t address) {
    Beat beat;
    for (unsigned i = 0; i < 8; i++) {
      uint64_t x = address * 8 + i + 0x9e3779b97f4a7c15ull;
      x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
      x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
      beat[i] = x ^ (x >> 31);
    }
    return beat;
  }
  Beat get(uint64_t address) const {
    auto found = memory_.find(address);
    return found == memory_.end() ? fresh(address) : found->second;
  }
  void set(uint64_t address, const Beat &beat) { memory_[address] = beat; }
  bool touched(uint64_t address) const { return memory_.count(address) != 0; }
  // No burst is under way.
  bool quiet() const {
    if (!aws_.empty() || !w_beats_.empty()) return false;
    for (const auto &[id, q] : reads_due_)
      if (!q.empty()) return false;
    for (const auto &[id, q] : responses_due_)
      if (!q.empty()) return false;
    return !*p_.arvalid && !*p_.awvalid && !*p_.wvalid;
  }

  void sample(uint64_t now) {
    rules();
    if (*p_.arvalid && *p_.arready) {
      burst_rules("AR", *p_.araddr, *p_.arlen, *p_.arsize, *p_.arburst);
      reads_due_[*p_.arid].push_back({*p_.araddr, unsigned(*p_.arlen) + 1, now + latency()});
    }
    if (*p_.awvalid && *p_.awready) {
      burst_rules("AW", *p_.awaddr, *p_.awlen, *p_.awsize, *p_.awburst);
      aws_.push_back({*p_.awid, *p_.awaddr, unsigned(*p_.awlen) + 1});
    }
    if (*p_.wvalid && *p_.wready) {
      WBeat w;
      std::memcpy(w.data.data(), p_.wdata, 64);
      w.strb = *p_.wstrb;
      w.last = *p_.wlast;
      w_beats_.push_back(w);
      writes++;
    }
    if (*p_.rvalid && *p_.rready) {
      auto &q = reads_due_[*p_.rid];
      q.front().address += 64;
      if (--q.front().left == 0) q.pop_front();
      r_held_ = false;
      reads++;
    }
    if (*p_.bvalid && *p_.bready) {
      responses_due_[*p_.bid].pop_front();
      b_held_ = false;
      write_responses++;
    }
    finish_writes(now);
  }

  void drive(uint64_t now) {
    *p_.arready = !stall();
    *p_.awready = !stall();
    *p_.wready = !stall();
    if (!r_held_ && !stall()) {
      auto id = pick(reads_due_, now);
      if (id >= 0) {
        const ReadBurst &burst = reads_due_[uint8_t(id)].front();
        const Beat beat = get(burst.address);
        *p_.rid = uint8_t(id);
        *p_.rresp = bad_reads.count(burst.address) ? 2 : 0;
        *p_.rlast = burst.left == 1;
        std::memcpy(p_.rdata, beat.data(), 64);
        r_held_ = true;
      }
    }
    *p_.rvalid = r_held_;
    if (!b_held_ && !stall()) {
      auto id = pick(responses_due_, now);
      if (id >= 0) {
        *p_.bid = uint8_t(id);
        *p_.bresp = responses_due_[uint8_t(id)].front().resp;
        b_held_ = true;
      }
    }
    *p_.bvalid = b_held_;
  }

 private:
  struct ReadBurst {
    uint64_t address;
    unsigned left;
    uint64_t due;
  };
  struct WriteBurst {
    uint8_t id;
    uint64_t address;
    unsigned beats;
  };
  struct WBeat {
    Beat data;
    uint64_t strb;
    bool last;
  };
  struct Response {
    uint8_t resp;
    uint64_t due;
  };
  using Held = std::array<uint64_t, 12>;

  [[noreturn]] void broken(const std::string &what) const { throw std::runtime_error(name_ + ": " + what); }
  bool stall() { return rng_() % 1024 < timing.stall_per_1024; }
  uint64_t latency() { return timing.latency_min + rng_() % (timing.latency_max - timing.latency_min + 1); }

  // A random id whose first burst is due, -1 if none.
  template <class Map>
  int pick(const Map &map, uint64_t now) {
    std::vector<int> ripe;
    for (const auto &[id, q] : map)
      if (!q.empty() && q.front().due <= now) ripe.push_back(id);
    return ripe.empty() ? -1 : ripe[rng_() % ripe.size()];
  }

  void burst_rules(const char *channel, uint64_t address, unsigned len, unsigned size, unsigned burst) const {
    if (size != 6 || burst != 1) broken(std::string(channel) + " is no INCR burst of 64-byte beats");
    if (address % 64) broken(std::string(channel) + " is not aligned");
    if (len > 15) broken(std::string(channel) + " has more than 16 beats");
    if (address / 4096 != (address + 64 * len) / 4096) broken(std::string(channel) + " crosses a 4 KiB line");
  }

  // Valid and payload stay until ready.
  void stable(const char *channel, Held &held, bool valid, bool ready, const Held &now) {
    if (held[0] && (!valid || !std::equal(held.begin() + 1, held.end(), now.begin() + 1)))
      broken(std::string(channel) + " changed while it waited");
    held = now;
    held[0] = valid && !ready;
  }

  void rules() {
    stable("AR", ar_, *p_.arvalid, *p_.arready, Held{0, *p_.arid, *p_.araddr, *p_.arlen});
    stable("AW", aw_, *p_.awvalid, *p_.awready, Held{0, *p_.awid, *p_.awaddr, *p_.awlen});
    Held w{0, *p_.wstrb, *p_.wlast};
    std::memcpy(&w[3], p_.wdata, 64);
    stable("W", w_, *p_.wvalid, *p_.wready, w);
  }

  void finish_writes(uint64_t now) {
    while (!aws_.empty() && w_beats_.size() >= aws_.front().beats) {
      const WriteBurst burst = aws_.front();
      bool bad = false;
      for (unsigned i = 0; i < burst.beats; i++) {
        if (w_beats_[i].last != (i + 1 == burst.beats)) broken("WLAST is not at the end of its burst");
        bad |= bad_writes.count(burst.address + 64 * i) != 0;
      }
      for (unsigned i = 0; i < burst.beats; i++) {
        const WBeat beat = w_beats_.front();
        w_beats_.pop_front();
        if (bad) continue;
        if (beat.strb != ~0ull) broken("partial strobes, which this device never uses");
        memory_[burst.address + 64 * i] = beat.data;
      }
      aws_.pop_front();
      responses_due_[burst.id].push_back({uint8_t(bad ? 2 : 0), now + latency()});
    }
    if (aws_.empty() && w_beats_.size() > 16) broken("write data without an address");
  }

  std::string name_;
  AxiPins p_;
  std::mt19937_64 rng_;
  std::unordered_map<uint64_t, Beat> memory_;
  std::map<uint8_t, std::deque<ReadBurst>> reads_due_;
  std::map<uint8_t, std::deque<Response>> responses_due_;
  std::deque<WriteBurst> aws_;
  std::deque<WBeat> w_beats_;
  bool r_held_ = false, b_held_ = false;
  Held ar_{}, aw_{}, w_{};
};
