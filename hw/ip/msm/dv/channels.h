// Models of the DMA channels as `mr_msm` sees them: bursts of 16 beats, a memory latency that varies, a FIFO of limited depth,
// and now and then a cycle without a beat. They touch pins only.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>
#include <set>
#include <vector>

using Beat = std::array<uint64_t, 8>;

/// How a channel behaves.
struct Timing {
    unsigned latency;         // cycles from burst to first beat, at least
    unsigned jitter;          // and up to this many more
    unsigned fifo;            // beats asked for and not yet taken, at most
    unsigned hole_percent;    // cycles in which no beat is offered although one is there
};

/// A read channel. `memory` is what lies at the request's address.
class ReadChannel {
  public:
    ReadChannel(Timing timing, uint64_t seed) : timing_(timing), rng_(seed) {}

    std::vector<Beat> memory;
    std::set<uint32_t> bad_beats;   // beats that come with an error
    uint64_t taken = 0;

    bool req_ready = false, valid = false, err = false;
    Beat data{};
    uint64_t req_addr = 0;
    bool req_dev = false;

    /// Pins for the coming cycle.
    void drive(uint64_t now) {
        req_ready = !active_ && (rng_() % 4 == 0);
        if (!valid && !ready_at_.empty() && ready_at_.front() <= now && rng_() % 100 >= timing_.hole_percent) valid = true;
        err = valid && bad_beats.count(next_) != 0;
        data = Beat{};
        if (valid && !err) data = memory.at(next_);
    }
    /// What the cycle did.
    void clock(uint64_t now, bool req_valid, bool dev, uint64_t addr, uint32_t beats, bool ready) {
        if (req_valid && req_ready) {
            active_ = true;
            req_addr = addr;
            req_dev = dev;
            beats_ = beats;
            next_ = asked_ = 0;
        }
        if (valid && ready) {
            valid = false;
            ready_at_.pop_front();
            next_++;
            taken++;
            if (next_ == beats_) active_ = false;
        }
        uint32_t burst = std::min<uint32_t>(16, beats_ - asked_);
        if (active_ && burst != 0 && asked_ - next_ + burst <= timing_.fifo) {
            uint64_t first = std::max(now + timing_.latency + rng_() % (timing_.jitter + 1), last_ + 1);
            for (uint32_t i = 0; i < burst; i++) ready_at_.push_back(first + i);
            last_ = first + burst - 1;
            asked_ += burst;
        }
    }
    bool idle() const { return !active_; }
    void flush() {
        active_ = valid = false;
        ready_at_.clear();
        beats_ = next_ = asked_ = 0;
        last_ = 0;
    }

  private:
    Timing timing_;
    std::mt19937_64 rng_;
    bool active_ = false;
    uint32_t beats_ = 0, next_ = 0, asked_ = 0;
    uint64_t last_ = 0;
    std::deque<uint64_t> ready_at_;
};

/// A write channel: keeps what is written; the response comes after the last beat.
class WriteChannel {
  public:
    WriteChannel(Timing timing, uint64_t seed) : timing_(timing), rng_(seed) {}

    std::vector<Beat> written;
    uint64_t requests = 0, req_addr = 0, err_addr = 0;
    bool req_dev = false, fail = false;

    bool req_ready = false, ready = false, done_valid = false;

    void drive(uint64_t now) {
        req_ready = !active_ && (rng_() % 4 == 0);
        ready = active_ && written.size() < beats_ && rng_() % 100 >= timing_.hole_percent;
        done_valid = active_ && written.size() == beats_ && now >= done_at_;
    }
    void clock(uint64_t now, bool req_valid, bool dev, uint64_t addr, uint32_t beats, bool valid, const Beat& data) {
        if (done_valid) active_ = false;
        if (req_valid && req_ready) {
            active_ = true;
            requests++;
            req_addr = addr;
            req_dev = dev;
            beats_ = beats;
            written.clear();
        }
        if (valid && ready) {
            written.push_back(data);
            done_at_ = now + timing_.latency + rng_() % (timing_.jitter + 1);
        }
    }
    bool idle() const { return !active_; }
    void flush() { active_ = false; }

  private:
    Timing timing_;
    std::mt19937_64 rng_;
    bool active_ = false;
    uint32_t beats_ = 0;
    uint64_t done_at_ = 0;
};
