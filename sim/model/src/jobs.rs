//! What each opcode does: inputs → bytes for dst, or cause and position. Nothing is written here but what a copy streams into device memory.

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, Zero};
use millrace_bn254::{Fq, FqCanonical, Fr, FrCanonical, G1Affine, G1Mont, G1Projective};
use millrace_job::NttDirection;
use millrace_pcie::Iova;
use millrace_regs::{Cause, Descriptor, layout};

use crate::{
    cycles::{self, Counters},
    device::Device,
    digest::Digest,
};

const BEAT_BYTES: u64 = 64;
const POINT_BYTES: u64 = 128;
/// Read from the host at once.
const STEP_BYTES: u64 = 1 << 20;
/// Copied into device memory at once: between two a reset comes. What was digested is in a cache when it is copied.
const PIECE_BYTES: u64 = 1 << 17;

/// A job's work, ready to be written.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) bytes: Vec<u8>,
    /// Of a copy from the host to device memory, which is there already.
    pub(crate) streamed: Option<Streamed>,
    pub(crate) counters: Counters,
    /// Non-zero digits of an MSM.
    pub(crate) digits: u64,
    /// Beats read from host and device memory.
    pub(crate) host_beats: u64,
    pub(crate) memory_beats: u64,
    /// Bytes kept of what was read from the host.
    host_bytes: u64,
}

/// What was written as it came.
#[derive(Clone, Copy)]
pub(crate) struct Streamed {
    pub(crate) beats: u64,
    pub(crate) digest: u64,
}

type Failure = (Cause, u64);

/// What can be told from the descriptor alone, beyond its form: sizes.
pub(crate) fn check_sizes(d: &Descriptor, device: &Device) -> Result<(), Failure> {
    let bad = |byte| Err((Cause::BadDescriptor, byte));
    let config = &device.config;
    let needed = match d.opcode {
        layout::OPCODE_COPY => {
            if !d.count.is_multiple_of(BEAT_BYTES) {
                return bad(32);
            }
            d.count
        }
        layout::OPCODE_MSM_G1 => {
            if d.count == 0 || d.count > u64::from(u32::MAX) {
                return bad(32);
            }
            if d.flags & layout::FLAG_DUMP == 0 {
                POINT_BYTES
            } else {
                (u64::from(config.windows) << (config.window_bits - 1)) * POINT_BYTES
            }
        }
        layout::OPCODE_NTT => {
            if d.log_n == 0 || u32::from(d.log_n) > config.ntt_log_max {
                return bad(2);
            }
            if d.count != 1 << d.log_n {
                return bad(32);
            }
            d.count * 32
        }
        _ => 0,
    };
    if d.dst_len_bytes < needed { Err((Cause::BadLength, needed)) } else { Ok(()) }
}

/// `generation`: the device memory's when the job began.
pub(crate) fn run(device: &Device, d: &Descriptor, generation: u64) -> Result<Done, Failure> {
    match d.opcode {
        layout::OPCODE_COPY => copy(device, d, generation),
        layout::OPCODE_MSM_G1 => msm(device, d),
        layout::OPCODE_NTT => ntt(device, d),
        _ => Ok(Done::default()),
    }
}

impl Done {
    /// Reads a source, counting its beats.
    fn read(
        &mut self,
        device: &Device,
        in_device: bool,
        address: u64,
        len_bytes: u64,
    ) -> Result<Vec<u8>, Failure> {
        self.read_to(Vec::new(), device, in_device, address, len_bytes)
    }

    /// The same into room that is there already, whatever it holds.
    fn read_to(
        &mut self,
        mut bytes: Vec<u8>,
        device: &Device,
        in_device: bool,
        address: u64,
        len_bytes: u64,
    ) -> Result<Vec<u8>, Failure> {
        let beats = len_bytes.div_ceil(BEAT_BYTES);
        let whole = beats.checked_mul(BEAT_BYTES).filter(|&n| n <= 1 << 40);
        if in_device {
            self.memory_beats += beats;
            let memory = device.memory.lock();
            let read = whole.ok_or(crate::memory::BadAddress(address)).and_then(|n| {
                // Before room is taken: a length is the host's word.
                memory.check(address, n)?;
                bytes.resize(n as usize, 0);
                memory.read_to(address, &mut bytes)
            });
            return read.map(|()| bytes).map_err(|bad| (Cause::MemRead, bad.0));
        }
        self.host_beats += beats;
        let whole = whole.ok_or((Cause::HostRead, address))?;
        let most = job_bytes_most(device);
        let mut at = 0;
        // A length is the host's word: room is taken only as memory turns out to be there.
        while (at as u64) < whole {
            if self.host_bytes >= most {
                return Err((Cause::BadLength, whole));
            }
            let n = (whole - at as u64).min(STEP_BYTES).min(most - self.host_bytes);
            let n = n.next_multiple_of(BEAT_BYTES);
            let end = at + n as usize;
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            let from = address.checked_add(at as u64).ok_or((Cause::HostRead, address))?;
            read_host(device, from, &mut bytes[at..end])?;
            self.host_bytes += n;
            at = end;
        }
        bytes.truncate(at);
        Ok(bytes)
    }

    /// Copies from the host into device memory as the bytes come, and digests them on the way. What was written before a failure, or before the copy was
    /// taken away, stays: so it is on the device, which streams.
    fn stream(&mut self, device: &Device, d: &Descriptor, generation: u64) -> Result<Streamed, Failure> {
        self.host_beats += d.count / BEAT_BYTES;
        device.memory.lock().check(d.dst, d.count).map_err(|bad| (Cause::MemWrite, bad.0))?;
        let loan = device.dma.lent(Iova(d.src0), d.count as usize);
        let lent = loan.as_ref().map(|(bytes, at)| &(**bytes).as_ref()[*at..]);
        let mut digest = Digest::default();
        let mut done = 0;
        while done < d.count {
            let from = d.src0.checked_add(done).ok_or((Cause::HostRead, d.src0))?;
            let most = (d.count - done).min(PIECE_BYTES) as usize;
            let mut memory = device.memory.lock();
            if memory.generation != generation {
                // Nobody hears of it.
                return Err((Cause::Reset, 0));
            }
            let room = memory.room(d.dst + done, most).map_err(|bad| (Cause::MemWrite, bad.0))?;
            match lent {
                Some(lent) => {
                    let from = &lent[done as usize..][..room.len()];
                    digest.update(from);
                    room.copy_from_slice(from);
                }
                None => {
                    read_host(device, from, room)?;
                    digest.update(room);
                }
            }
            done += room.len() as u64;
        }
        // A card would have met the end of the loan on its way.
        if loan.is_some() && device.dma.lent(Iova(d.src0), d.count as usize).is_none() {
            return Err((Cause::HostRead, d.src0));
        }
        Ok(Streamed { beats: d.count / BEAT_BYTES, digest: digest.value() })
    }
}

/// Reads from the host, or says which beat could not be read.
fn read_host(device: &Device, from: u64, to: &mut [u8]) -> Result<(), Failure> {
    if device.dma.read(Iova(from), to).is_ok() {
        return Ok(());
    }
    let mut beat = [0; BEAT_BYTES as usize];
    let mut starts = (0..to.len() as u64).step_by(BEAT_BYTES as usize).map(|i| from.saturating_add(i));
    let failed = starts.find(|&start| device.dma.read(Iova(start), &mut beat).is_err());
    Err((Cause::HostRead, failed.unwrap_or(from)))
}

/// What one job reads from the host at most, in bytes: as much as device memory holds, or the longest transform. The model keeps a
/// job's input whole, where the device streams it.
fn job_bytes_most(device: &Device) -> u64 {
    let config = &device.config;
    (1u64 << config.log_memory_bytes).max(32 << config.ntt_log_max)
}

fn copy(device: &Device, d: &Descriptor, generation: u64) -> Result<Done, Failure> {
    let mut done = Done { counters: cycles::copy(d.count / BEAT_BYTES), ..Done::default() };
    if d.flags & layout::FLAG_SRC0_DEV == 0 && d.flags & layout::FLAG_DST_DEV != 0 {
        done.streamed = Some(done.stream(device, d, generation)?);
        return Ok(done);
    }
    let room = std::mem::take(&mut *device.scratch.lock());
    done.bytes = done.read_to(room, device, d.flags & layout::FLAG_SRC0_DEV != 0, d.src0, d.count)?;
    Ok(done)
}

fn msm(device: &Device, d: &Descriptor) -> Result<Done, Failure> {
    let mut done = Done::default();
    let scalars = done.read(device, d.flags & layout::FLAG_SRC0_DEV != 0, d.src0, d.count * 32)?;
    let bases = done.read(device, d.flags & layout::FLAG_SRC1_DEV != 0, d.src1, d.count * 64)?;
    let (c, w) = (device.config.window_bits, device.config.windows);
    let mont = d.flags & layout::FLAG_MONT != 0;
    let mut points = Vec::with_capacity(scalars.len() / 32);
    let mut factors = Vec::with_capacity(scalars.len() / 32);
    let pairs = scalars.as_chunks::<32>().0.iter().zip(bases.as_chunks::<64>().0);
    for (i, (scalar, base)) in pairs.enumerate() {
        let scalar = FrCanonical(*scalar);
        factors.push(scalar.to_fr().ok_or((Cause::ScalarRange, i as u64))?);
        points.push(point(base, mont).ok_or((Cause::PointRange, i as u64))?);
        done.digits += cycles::nonzero_digits(&scalar.limbs(), c, w);
    }
    let dump = d.flags & layout::FLAG_DUMP != 0;
    done.bytes = if dump {
        let buckets = millrace_oracle::buckets(&points, &factors, c, w);
        buckets.iter().zip(1u64..).flat_map(|(bucket, i)| projective(*bucket, i)).collect()
    } else {
        projective(millrace_oracle::msm_g1(&points, &factors).into_affine(), u64::from(d.job_id)).to_vec()
    };
    done.counters = cycles::msm(done.digits, w, c, dump);
    Ok(done)
}

/// Not checked against the curve, as the device does not.
fn point(bytes: &[u8; 64], mont: bool) -> Option<G1Affine> {
    if mont {
        return G1Mont(*bytes).to_affine();
    }
    let coordinate = |i: usize| {
        let mut half = FqCanonical::default();
        half.0.copy_from_slice(&bytes[32 * i..32 * (i + 1)]);
        half.to_fq()
    };
    let (x, y) = (coordinate(0)?, coordinate(1)?);
    Some(if x.is_zero() && y.is_zero() { G1Affine::zero() } else { G1Affine::new_unchecked(x, y) })
}

/// Homogeneous coordinates with some Z that is not 1, as an adder leaves them.
fn projective(point: G1Affine, seed: u64) -> [u8; POINT_BYTES as usize] {
    let z = Fq::from(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 2).square();
    let (x, y, z) = match point.xy() {
        Some((x, y)) => (x * z, y * z, z),
        None => (Fq::ZERO, z, Fq::ZERO),
    };
    let mut bytes = [0; POINT_BYTES as usize];
    for (to, coordinate) in bytes.chunks_exact_mut(32).zip([x, y, z]) {
        to.copy_from_slice(&FqCanonical::from(coordinate).0);
    }
    bytes
}

fn ntt(device: &Device, d: &Descriptor) -> Result<Done, Failure> {
    let mut done = Done { counters: cycles::ntt(u32::from(d.log_n)), ..Done::default() };
    let bytes = done.read(device, d.flags & layout::FLAG_SRC0_DEV != 0, d.src0, d.count * 32)?;
    let values = bytes.as_chunks::<32>().0.iter().enumerate();
    let values: Result<Vec<Fr>, Failure> =
        values.map(|(i, v)| FrCanonical(*v).to_fr().ok_or((Cause::ValueRange, i as u64))).collect();
    let mut values = values?;
    let inverse = d.flags & layout::FLAG_INVERSE != 0;
    let direction = if inverse { NttDirection::Inverse } else { NttDirection::Forward };
    millrace_oracle::ntt(&mut values, direction, d.flags & layout::FLAG_COSET != 0);
    done.bytes = values.iter().flat_map(|v| FrCanonical::from(*v).0).collect();
    Ok(done)
}

/// Another answer that looks right: the generator added to a point, one to the first value.
pub(crate) fn make_wrong(opcode: u8, bytes: &mut [u8]) {
    match opcode {
        layout::OPCODE_MSM_G1 => {
            let coordinate = |i: usize| {
                let half: [u8; 32] = bytes[32 * i..32 * (i + 1)].try_into().expect("32 bytes");
                FqCanonical(half).to_fq().unwrap_or(Fq::ZERO)
            };
            let (x, y, z) = (coordinate(0), coordinate(1), coordinate(2));
            let old = z.inverse().map_or(G1Affine::zero(), |i| G1Affine::new_unchecked(x * i, y * i));
            let new = (G1Projective::from(old) + G1Affine::generator()).into_affine();
            bytes[..POINT_BYTES as usize].copy_from_slice(&projective(new, 1));
        }
        layout::OPCODE_NTT => {
            let first: [u8; 32] = bytes[..32].try_into().expect("at least two values");
            let new = FrCanonical(first).to_fr().unwrap_or(Fr::ZERO) + Fr::ONE;
            bytes[..32].copy_from_slice(&FrCanonical::from(new).0);
        }
        _ => {
            if let Some(byte) = bytes.first_mut() {
                *byte ^= 1;
            }
        }
    }
}
