//! The model seen from its registers and rings, without the driver.

use std::time::{Duration, Instant};

use millrace_model::{ModelConfig, ModelDevice};
use millrace_pcie::{DmaBuffer, DmaSpace, Mmio};
use millrace_regs::{Cause, Completion, Descriptor, LAYOUT_HASH, layout, queue_register, registers as reg};

const LOG_ENTRIES: u32 = 2;
const EPOCH: u32 = 77;

/// The least that can drive a queue.
struct Host {
    device: ModelDevice,
    sq: Box<dyn DmaBuffer>,
    cq: Box<dyn DmaBuffer>,
    data: Box<dyn DmaBuffer>,
    sent: u32,
    taken: u32,
}

impl Host {
    fn new() -> Self {
        let config =
            ModelConfig { window_bits: 8, windows: 32, log_memory_bytes: 16, ..ModelConfig::default() };
        let device = ModelDevice::start(config);
        let memory = device.host_memory();
        let [sq, cq, data] = [4096, 4096, 8192].map(|n| memory.alloc(n).unwrap());
        let host = Self { device, sq, cq, data, sent: 0, taken: 0 };
        host.enable();
        host
    }

    fn bar0(&self) -> std::sync::Arc<dyn Mmio> {
        self.device.function().bar0
    }

    fn set(&self, register: u32, value: u32) {
        self.bar0().write32(queue_register(0, register), value);
    }

    fn get(&self, register: u32) -> u32 {
        self.bar0().read32(queue_register(0, register))
    }

    fn enable(&self) {
        for (lower, iova) in
            [(reg::QUEUE_SQ_BASE_LO, self.sq.iova()), (reg::QUEUE_CQ_BASE_LO, self.cq.iova())]
        {
            self.set(lower, iova.0 as u32);
            self.set(lower + 4, (iova.0 >> 32) as u32);
        }
        self.set(reg::QUEUE_LOG_ENTRIES, LOG_ENTRIES);
        self.set(reg::QUEUE_EPOCH, EPOCH);
        self.set(reg::QUEUE_IRQ_ENABLE, 1);
        self.set(reg::QUEUE_ENABLE, 1);
    }

    fn push(&mut self, d: Descriptor) {
        let phase = (self.sent >> LOG_ENTRIES) & 1 == 0;
        self.push_bytes(&Descriptor { phase, epoch: EPOCH, job_id: self.sent, ..d }.to_bytes());
    }

    fn push_bytes(&mut self, bytes: &[u8; 64]) {
        self.sq.write((self.sent as usize % 4) * 64, bytes);
        self.sent += 1;
        self.ring();
    }

    fn ring(&self) {
        let head = (self.taken % 4) << reg::QUEUE_DOORBELL_CQ_HEAD_SHIFT;
        self.set(reg::QUEUE_DOORBELL, (self.sent % 4) | head);
    }

    fn peek(&self) -> Option<Completion> {
        let mut bytes = [0; 64];
        let phase = (self.taken >> LOG_ENTRIES) & 1 == 0;
        let at = (self.taken as usize % 4) * 64;
        if (self.cq.read_u32_acquire(at + 60) == 1) != phase {
            return None;
        }
        self.cq.read(at, &mut bytes);
        Some(Completion::from_bytes(&bytes))
    }

    fn take(&mut self) -> Completion {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(completion) = self.peek() {
                self.taken += 1;
                self.ring();
                assert_eq!(completion.epoch, EPOCH);
                return completion;
            }
            assert!(Instant::now() < until, "no completion");
            std::thread::yield_now();
        }
    }

    fn run(&mut self, d: Descriptor) -> (u8, u64) {
        self.push(d);
        let completion = self.take();
        assert_eq!((completion.job_id, completion.opcode), (self.sent - 1, d.opcode));
        (completion.status, completion.position)
    }
}

fn nop() -> Descriptor {
    Descriptor { opcode: layout::OPCODE_NOP, ..Descriptor::default() }
}

#[test]
fn identity_is_told() {
    let bar0 = Host::new().bar0();
    assert_eq!(bar0.read32(reg::MAGIC), reg::MAGIC_EXPECTED);
    let hash =
        u64::from(bar0.read32(reg::LAYOUT_HASH_HI)) << 32 | u64::from(bar0.read32(reg::LAYOUT_HASH_LO));
    assert_eq!(hash, LAYOUT_HASH);
    assert_eq!(bar0.read32(reg::MSM_PARAMS), 8 | 32 << 8 | 1 << 16);
}

#[test]
fn copies_go_both_ways_and_carry_a_digest() {
    let mut host = Host::new();
    let bytes: Vec<u8> = (0..640).map(|i| (i * 7 % 251) as u8).collect();
    host.data.write(0, &bytes);
    let iova = host.data.iova().0;
    let copy =
        Descriptor { opcode: layout::OPCODE_COPY, count: 640, dst_len_bytes: 640, ..Descriptor::default() };
    host.push(Descriptor { flags: layout::FLAG_DST_DEV, src0: iova, dst: 128, ..copy });
    let down = host.take();
    host.push(Descriptor { flags: layout::FLAG_SRC0_DEV, src0: 128, dst: iova + 4096, ..copy });
    let up = host.take();
    let mut back = vec![0; 640];
    host.data.read(4096, &mut back);
    assert_eq!(back, bytes);
    assert_eq!((down.status, up.status, up.issued), (0, 0, 10));
    assert!(down.digest == up.digest && up.digest != 0 && up.cycles > 10);
}

#[test]
fn every_malformed_descriptor_has_its_cause() {
    let mut host = Host::new();
    let iova = host.data.iova().0;
    let copy = Descriptor {
        opcode: layout::OPCODE_COPY,
        src0: iova,
        dst: iova + 4096,
        count: 64,
        dst_len_bytes: 64,
        ..Descriptor::default()
    };
    let ntt = Descriptor { opcode: layout::OPCODE_NTT, log_n: 1, count: 2, ..copy };
    let msm = Descriptor {
        opcode: layout::OPCODE_MSM_G1,
        flags: layout::FLAG_SRC1_DEV,
        count: 1,
        dst_len_bytes: 128,
        ..copy
    };
    let bad = Cause::BadDescriptor;
    for (descriptor, cause, position) in [
        (nop(), Cause::Ok, 0),
        (copy, Cause::Ok, 0),
        (ntt, Cause::Ok, 0),
        (msm, Cause::Ok, 0),
        (Descriptor { opcode: 9, ..nop() }, Cause::BadOpcode, 9),
        (Descriptor { flags: 0x80, ..nop() }, bad, 1),
        (Descriptor { log_n: 1, ..copy }, bad, 2),
        (Descriptor { src0: iova + 32, ..copy }, bad, 8),
        (Descriptor { src1: 64, ..copy }, bad, 16),
        (Descriptor { dst: 1, ..copy }, bad, 24),
        (Descriptor { count: 65, ..copy }, bad, 32),
        (Descriptor { count: 0, ..msm }, bad, 32),
        (Descriptor { log_n: 14, count: 1 << 14, ..ntt }, bad, 2),
        (Descriptor { count: 4, ..ntt }, bad, 32),
        (Descriptor { dst_len_bytes: 63, ..copy }, Cause::BadLength, 64),
        (Descriptor { dst_len_bytes: 64, ..msm }, Cause::BadLength, 128),
        (Descriptor { src0: 4096, ..copy }, Cause::HostRead, 4096),
        (Descriptor { count: 8256, dst_len_bytes: 8256, ..copy }, Cause::HostRead, iova + 8192),
        (Descriptor { dst: 4096, ..copy }, Cause::HostWrite, 4096),
        (Descriptor { flags: layout::FLAG_SRC0_DEV, src0: 1 << 16, ..copy }, Cause::MemRead, 1 << 16),
        (
            Descriptor { flags: layout::FLAG_DST_DEV, dst: u64::MAX - 63, ..copy },
            Cause::MemWrite,
            u64::MAX - 63,
        ),
        (Descriptor { count: u64::MAX - 63, dst_len_bytes: u64::MAX, ..copy }, Cause::HostRead, iova),
        (copy, Cause::Ok, 0),
    ] {
        assert_eq!(host.run(descriptor), (cause as u8, position), "{descriptor:?}");
    }
}

#[test]
fn operands_out_of_range_are_counted_from_the_first() {
    let mut host = Host::new();
    let iova = host.data.iova().0;
    let msm = Descriptor {
        opcode: layout::OPCODE_MSM_G1,
        src0: iova,
        src1: iova + 1024,
        dst: iova + 4096,
        count: 5,
        dst_len_bytes: 128,
        ..Descriptor::default()
    };
    host.data.write(3 * 32, &[0xff; 32]);
    assert_eq!(host.run(msm), (Cause::ScalarRange as u8, 3));
    let ntt = Descriptor { opcode: layout::OPCODE_NTT, log_n: 2, src1: 0, count: 4, ..msm };
    assert_eq!(host.run(ntt), (Cause::ValueRange as u8, 3));
    host.data.write(3 * 32, &[0; 32]);
    host.data.write(1024 + 2 * 64 + 32, &[0xff; 32]);
    assert_eq!(host.run(msm), (Cause::PointRange as u8, 2));
}

#[test]
fn a_wrong_phase_or_epoch_stops_the_queue_until_it_is_enabled_again() {
    for (cause, entry, position) in [
        (Cause::BadPhase, Descriptor { epoch: EPOCH, phase: false, ..nop() }, 1),
        (Cause::BadEpoch, Descriptor { epoch: 5, phase: true, ..nop() }, 5),
    ] {
        let mut host = Host::new();
        assert_eq!(host.run(nop()), (0, 0));
        host.push_bytes(&entry.to_bytes());
        let completion = host.take();
        assert_eq!((completion.status, completion.position), (cause as u8, position));
        assert_eq!(host.get(reg::QUEUE_QUEUE_ERROR), cause as u32);
        host.push(nop());
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(host.peek(), None, "the queue has stopped");
        host.set(reg::QUEUE_ENABLE, 0);
        host.sq.wipe();
        host.cq.wipe();
        (host.sent, host.taken) = (0, 0);
        host.enable();
        assert_eq!(host.run(nop()), (0, 0));
        assert_eq!(host.get(reg::QUEUE_QUEUE_ERROR), 0);
    }
}

#[test]
fn completions_wait_for_room() {
    let mut host = Host::new();
    for _ in 0..3 {
        host.push(nop());
    }
    let until = Instant::now() + Duration::from_secs(20);
    while host.get(reg::QUEUE_CQ_TAIL) != 3 {
        assert!(Instant::now() < until);
    }
    // The ring is full, and nothing was read yet: two more descriptors are left where they are.
    host.push(nop());
    host.push(nop());
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!((host.get(reg::QUEUE_CQ_TAIL), host.get(reg::QUEUE_SQ_HEAD)), (3, 3));
    for job in 0..5 {
        let completion = host.take();
        assert_eq!((completion.job_id, completion.sq_head), (job, ((job + 1) % 4) as u16));
    }
}

#[test]
fn engines_overtake_each_other() {
    let mut host = Host::new();
    let iova = host.data.iova().0;
    let ntt = Descriptor {
        opcode: layout::OPCODE_NTT,
        log_n: 1,
        src0: iova,
        dst: iova + 4096,
        count: 2,
        dst_len_bytes: 64,
        ..Descriptor::default()
    };
    host.device.inject(
        millrace_model::JobClass::Ntt,
        0,
        millrace_model::Fault::Stuck(millrace_model::Until::EngineReset),
    );
    host.push(ntt);
    host.push(Descriptor { opcode: layout::OPCODE_COPY, log_n: 0, count: 64, ..ntt });
    assert_eq!(host.take().job_id, 1);
    assert_eq!(host.get(reg::QUEUE_ENABLE), 3, "a job is under way");
    host.bar0().write32(reg::CTRL, reg::CTRL_RESET_NTT_MASK);
    let reset = host.take();
    assert_eq!((reset.job_id, reset.status), (0, Cause::Reset as u8));
    assert_eq!(host.run(ntt), (0, 0));
}

#[test]
fn impossible_ring_sizes_stop_the_queue() {
    for size in [0, 11] {
        let host = Host::new();
        host.set(reg::QUEUE_ENABLE, 0);
        host.set(reg::QUEUE_LOG_ENTRIES, size);
        host.set(reg::QUEUE_ENABLE, 1);
        let until = Instant::now() + Duration::from_secs(20);
        while host.get(reg::QUEUE_QUEUE_ERROR) != Cause::BadLength as u32 {
            assert!(Instant::now() < until);
        }
    }
}

#[test]
fn a_length_beyond_what_is_mapped_takes_no_memory() {
    let mut host = Host::new();
    let data = host.data.iova().0;
    let copy = Descriptor { opcode: layout::OPCODE_COPY, src0: data, dst: data, ..Descriptor::default() };
    for log in [20, 40] {
        let (status, position) = host.run(Descriptor { count: 1 << log, dst_len_bytes: 1 << log, ..copy });
        assert_eq!((status, position), (Cause::HostRead as u8, data + 8192), "2^{log} bytes");
    }
    let msm = Descriptor { opcode: layout::OPCODE_MSM_G1, src1: data, dst_len_bytes: 128, ..copy };
    let (status, position) = host.run(Descriptor { count: u32::MAX.into(), ..msm });
    assert_eq!((status, position), (Cause::HostRead as u8, data + 8192));
    assert_eq!(host.run(nop()).0, Cause::Ok as u8);
}

#[test]
fn a_length_beyond_device_memory_is_refused_though_all_of_it_is_mapped() {
    let mut host = Host::new();
    let big = host.device.host_memory().alloc(1 << 20).unwrap();
    // Device memory has 64 KiB, the longest transform 256 KiB.
    let copy = |count: u64| Descriptor {
        opcode: layout::OPCODE_COPY,
        src0: big.iova().0,
        dst: big.iova().0,
        count,
        dst_len_bytes: count,
        ..Descriptor::default()
    };
    assert_eq!(host.run(copy(256 << 10)).0, Cause::Ok as u8);
    assert_eq!(host.run(copy((256 << 10) + 64)), (Cause::BadLength as u8, (256 << 10) + 64));
}
