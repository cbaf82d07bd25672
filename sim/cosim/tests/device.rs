//! The simulated device alone, without the driver: identity, one job of each kind, and a replay of all of it.

use std::time::Duration;

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use millrace_bn254::{Fq, FqCanonical, Fr, FrCanonical, G1Affine, G1Canonical};
use millrace_cosim::{CosimConfig, QUEUES, ReplayOutcome, SimConfig, replay, start};
use millrace_job::NttDirection;
use millrace_pcie::{DmaBuffer, Function};
use millrace_regs::{Completion, Descriptor, LAYOUT_HASH, layout, queue_register, registers as reg};

const LOG_ENTRIES: u32 = 4;
const EPOCH: u32 = 5;

/// The least that can drive a queue: one job at a time.
struct Host {
    function: Function,
    submissions: Box<dyn DmaBuffer>,
    completions: Box<dyn DmaBuffer>,
    jobs: u32,
}

impl Host {
    fn new(function: Function) -> Self {
        let ring = || function.dma.alloc(64 << LOG_ENTRIES).expect("memory");
        let (submissions, completions) = (ring(), ring());
        let host = Self { submissions, completions, jobs: 0, function };
        let write = |offset, value| host.function.bar0.write32(queue_register(0, offset), value);
        for (lo, hi, ring) in [
            (reg::QUEUE_SQ_BASE_LO, reg::QUEUE_SQ_BASE_HI, &host.submissions),
            (reg::QUEUE_CQ_BASE_LO, reg::QUEUE_CQ_BASE_HI, &host.completions),
        ] {
            write(lo, ring.iova().0 as u32);
            write(hi, (ring.iova().0 >> 32) as u32);
        }
        write(reg::QUEUE_LOG_ENTRIES, LOG_ENTRIES);
        write(reg::QUEUE_EPOCH, EPOCH);
        write(reg::QUEUE_IRQ_ENABLE, 1);
        write(reg::QUEUE_ENABLE, 1);
        host
    }

    fn run(&mut self, mut descriptor: Descriptor) -> Completion {
        let at = self.jobs % (1 << LOG_ENTRIES);
        let phase = self.jobs & (1 << LOG_ENTRIES) == 0;
        descriptor.job_id = self.jobs;
        descriptor.epoch = EPOCH;
        descriptor.phase = phase;
        descriptor.flags |= layout::FLAG_IRQ;
        self.submissions.write(64 * at as usize, &descriptor.to_bytes());
        self.jobs += 1;
        let next = self.jobs % (1 << LOG_ENTRIES);
        let doorbell = next | at << reg::QUEUE_DOORBELL_CQ_HEAD_SHIFT;
        self.function.bar0.write32(queue_register(0, reg::QUEUE_DOORBELL), doorbell);
        for _ in 0..6000 {
            self.function.irqs[0].wait(Duration::from_millis(10));
            let mut bytes = [0; 64];
            let seen = self.completions.read_u32_acquire(64 * at as usize + 60);
            if seen & 1 == u32::from(phase) {
                self.completions.read(64 * at as usize, &mut bytes);
                let completion = Completion::from_bytes(&bytes);
                assert_eq!((completion.job_id, completion.epoch), (descriptor.job_id, EPOCH));
                return completion;
            }
        }
        panic!("no completion of {descriptor:?}");
    }

    fn buffer(&self, bytes: &[u8]) -> Box<dyn DmaBuffer> {
        let buffer = self.function.dma.alloc(bytes.len()).expect("memory");
        buffer.write(0, bytes);
        buffer
    }
}

fn job(opcode: u8, flags: u8, src0: u64, src1: u64, dst: u64, count: u64, dst_len_bytes: u64) -> Descriptor {
    Descriptor {
        opcode,
        flags,
        log_n: 0,
        job_id: 0,
        src0,
        src1,
        dst,
        count,
        dst_len_bytes,
        epoch: 0,
        phase: false,
    }
}

fn scalar(i: u64) -> Fr {
    Fr::from(i + 3).pow([0x1234_5678_9abc + i])
}

fn read(buffer: &dyn DmaBuffer, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    buffer.read(0, &mut bytes);
    bytes
}

#[test]
fn every_kind_of_job_and_a_replay() {
    let config = CosimConfig { sim: SimConfig { seed: 11, ..SimConfig::default() }, record: true };
    let (function, handle) = start(&config);
    assert_eq!(function.bar0.read32(reg::MAGIC), reg::MAGIC_EXPECTED);
    let hash = u64::from(function.bar0.read32(reg::LAYOUT_HASH_LO))
        | u64::from(function.bar0.read32(reg::LAYOUT_HASH_HI)) << 32;
    assert_eq!(hash, LAYOUT_HASH);
    assert_eq!((function.bar0.read32(reg::QUEUES) as usize, function.irqs.len()), (QUEUES, QUEUES));
    assert_eq!(function.bar0.read32(reg::BUILD), 0, "the structural multiplier");
    let mut host = Host::new(function);

    // COPY to device memory, then an MSM over the copy.
    let n = 37u64;
    let points: Vec<G1Affine> = (0..n).map(|i| (G1Affine::generator() * scalar(i)).into_affine()).collect();
    let scalars: Vec<Fr> = (0..n).map(|i| scalar(100 + i)).collect();
    let bytes: Vec<u8> = points.iter().map(G1Canonical::from).flat_map(|p| [p.x.0, p.y.0].concat()).collect();
    let source = host.buffer(&bytes);
    let len = bytes.len() as u64;
    let copy = host.run(job(layout::OPCODE_COPY, layout::FLAG_DST_DEV, source.iova().0, 0, 4096, len, len));
    assert_eq!((copy.status, copy.issued), (0, n));

    let bytes: Vec<u8> = scalars.iter().flat_map(|s| FrCanonical::from(*s).0).collect();
    let (source, result) = (host.buffer(&bytes), host.buffer(&[0; 128]));
    let msm = host.run(job(
        layout::OPCODE_MSM_G1,
        layout::FLAG_SRC1_DEV,
        source.iova().0,
        4096,
        result.iova().0,
        n,
        128,
    ));
    assert_eq!(msm.status, 0);
    let out = read(result.as_ref(), 128);
    let coordinate =
        |i: usize| FqCanonical(out[32 * i..32 * (i + 1)].try_into().expect("32")).to_fq().expect("below q");
    let inverse = coordinate(2).inverse().expect("not infinity");
    let sum = G1Affine::new(coordinate(0) * inverse, coordinate(1) * inverse);
    assert_eq!(sum, millrace_oracle::msm_g1(&points, &scalars).into_affine());
    assert_eq!(coordinate(3), Fq::from(0u64));

    let mut values: Vec<Fr> = (0..64).map(scalar).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|s| FrCanonical::from(*s).0).collect();
    let buffer = host.buffer(&bytes);
    let (flags, at) = (layout::FLAG_INVERSE | layout::FLAG_COSET, buffer.iova().0);
    let mut descriptor = job(layout::OPCODE_NTT, flags, at, 0, at, 64, 64 * 32);
    descriptor.log_n = 6;
    let ntt = host.run(descriptor);
    assert_eq!((ntt.status, ntt.issued), (0, 6 * 32));
    millrace_oracle::ntt(&mut values, NttDirection::Inverse, true);
    let expected: Vec<u8> = values.iter().flat_map(|s| FrCanonical::from(*s).0).collect();
    assert!(read(buffer.as_ref(), expected.len()) == expected);

    // A bad descriptor and an unmapped address are answers, not ends.
    let bad = host.run(job(77, 0, 0, 0, 0, 0, 0));
    assert_ne!(bad.status, 0);
    let fault = host.run(job(layout::OPCODE_COPY, 0, 0x40, 0, at, 64, 64));
    assert_eq!(fault.status, millrace_regs::Cause::HostRead as u8);
    println!("{} cycles, {:.0} a second", handle.cycles(), handle.cycles_per_second().unwrap_or(0.0));

    let recording = handle.recording().expect("recording is on");
    drop((host, handle));
    let (outcome, waveform) = replay(&recording, Some(100)).expect("memory for a waveform");
    assert!(matches!(outcome, ReplayOutcome::Identical { .. }), "{outcome:?}");
    let waveform = waveform.expect("asked for");
    assert!(!waveform.cut && waveform.file.metadata().expect("in memory").len() > 1000);
    let mut tampered = recording;
    let answer = tampered.events.iter_mut().rev().find_map(|e| match &mut e.access {
        millrace_cosim::Access::DmaWrite { data, .. } => Some(data),
        _ => None,
    });
    answer.expect("completions were written")[3] ^= 1;
    assert!(matches!(replay(&tampered, None), Ok((ReplayOutcome::Differs { .. }, None))));
}
