//! What proofs on the CPU take of memory: told before they begin, and kept within what the user allows.

mod watch;

use millrace_groth16::ProvingKey;
use millrace_kernels::Limits;
use millrace_prover::{CircuitSize, WorkingMemory, proof_bytes};

pub(crate) use self::watch::{Watch, kilobytes};
use crate::{
    device::DeviceName,
    exit::{Code, Failure},
    threads,
};

/// What the process has before and beside a proof: code's own data, the allocator's, pools, the verifying key prepared for pairings. A proof with the smallest key takes 2.4 MiB in all.
const PROCESS_BYTES: u64 = 4 << 20;
/// Stack and the allocator's share of a thread, and the rest of pages that its lists end on: 0.05 MiB of a thread without work.
const THREAD_BYTES: u64 = 1 << 19;

/// What proofs are made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flight {
    /// Proofs at a time, at least one.
    pub(crate) in_flight: usize,
    /// Whether others may follow: only then is memory left to them, and tables.
    pub(crate) again: bool,
    /// Threads of the engine at most, at least one.
    pub(crate) threads: usize,
}

impl Flight {
    /// One proof at a time, on all threads.
    pub(crate) fn alone(again: bool) -> Self {
        Self { in_flight: 1, again, threads: threads::of_processors() }
    }
}

/// What proofs may take together, and how the CPU engine keeps within it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// For the engine.
    pub(crate) limits: Limits,
    /// Threads of the engine: fewer than were wanted where their buckets would be too much.
    pub(crate) threads: usize,
    /// Threads that were wanted.
    pub(crate) wanted_threads: usize,
    /// Upper bound of the memory that no file stands behind.
    pub(crate) anonymous_bytes: u64,
    /// The mapped key, of which pages are in memory only while they are used.
    pub(crate) key_bytes: u64,
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        write!(
            f,
            "at most {} MiB, beside the mapped key's {} MiB",
            mib(self.anonymous_bytes),
            mib(self.key_bytes)
        )?;
        if self.threads < self.wanted_threads { write!(f, ", on {} threads", self.threads) } else { Ok(()) }
    }
}

/// One proof has all threads, and each beside it a share of them.
fn bytes(circuit: CircuitSize, limits: Limits, in_flight: usize, threads: usize) -> u64 {
    let lanes = in_flight.clamp(1, threads);
    let log_n = circuit.domain.ilog2();
    // A proof needs two tables, one after the other.
    let table = Limits::table_bytes(log_n);
    let (tables, tables_kept) = if limits.keep_tables { (2 * table, 2 * table) } else { (table, 0) };
    let kept = circuit.signals.min(circuit.domain) <= limits.kept_values;
    let proof = |threads, tables, tables_kept| {
        let of_job = |kind: &_| limits.working_bytes(kind, threads);
        let left_of = |kind: &_| limits.left_bytes(kind, threads);
        let left_of = kept.then_some(&left_of as &dyn Fn(&_) -> _);
        let engine = WorkingMemory { jobs: limits.jobs, of_job: &of_job, left_of, tables, tables_kept };
        proof_bytes(circuit, &engine)
    };
    let first = proof(threads, tables, tables_kept);
    // Tables that stay serve all.
    let beside = proof(threads.div_ceil(lanes), if limits.keep_tables { 0 } else { table }, 0);
    let pools = if lanes > 1 { 2 * threads } else { threads };
    first + (in_flight - 1) as u64 * (beside + THREAD_BYTES) + PROCESS_BYTES + pools as u64 * THREAD_BYTES
}

/// [`budget`] where the CPU engine of `device`, alone, makes the proofs; `None` where others have a part in them, whose memory nobody knows.
pub(crate) fn budget_of(
    (device, with): (&DeviceName, &[DeviceName]),
    key: &ProvingKey,
    most_bytes: Option<u64>,
    flight: Flight,
) -> Result<Option<Budget>, Failure> {
    match device {
        DeviceName::Cpu if with.is_empty() => budget(key, most_bytes, flight).map(Some),
        _ if most_bytes.is_none() => Ok(None),
        _ => {
            let with = with.iter().map(|device| format!(" --with {device}")).collect::<String>();
            let message = format!("--max-memory expects --device cpu alone, got {device}{with}");
            Err(Failure::new(Code::Usage, message))
        }
    }
}

/// The fastest way to prove with `key` that takes no more than `most_bytes`, all proofs in flight together.
pub(crate) fn budget(key: &ProvingKey, most_bytes: Option<u64>, flight: Flight) -> Result<Budget, Failure> {
    let key_bytes = (**key.bytes()).as_ref().len() as u64;
    let budget = fastest(key.into(), most_bytes, flight)?;
    Ok(Budget { key_bytes, ..budget })
}

/// The same for a circuit of that size, without its key.
fn fastest(circuit: CircuitSize, most_bytes: Option<u64>, flight: Flight) -> Result<Budget, Failure> {
    let Flight { in_flight, again, threads: wanted_threads } = flight;
    let most = most_bytes.unwrap_or(u64::MAX);
    let ladder = || {
        let once = |limits| Limits { kept_values: 0, keep_tables: false, ..limits };
        Limits::ladder().map(move |limits| if again { limits } else { once(limits) })
    };
    // All ways with all threads, then with half of them, and so on.
    let threads =
        std::iter::successors(Some(wanted_threads), |threads| Some(threads / 2).filter(|half| *half > 0));
    let budgets = || {
        threads.clone().flat_map(|threads| {
            ladder().map(move |limits| {
                let anonymous_bytes = bytes(circuit, limits, in_flight, threads);
                Budget { limits, threads, wanted_threads, anonymous_bytes, key_bytes: 0 }
            })
        })
    };
    budgets().find(|budget| budget.anonymous_bytes <= most).ok_or_else(|| {
        let least = budgets().map(|budget| budget.anonymous_bytes).min().unwrap_or(0);
        let what = match in_flight {
            1 => "a proof with this key takes".to_owned(),
            many => format!("{many} proofs at a time with this key take"),
        };
        Failure::new(Code::Usage, format!("--max-memory: {what} at least {least} bytes, got {most}"))
    })
}

/// A number of bytes as people write it: 300MiB, 2GiB, 500MB, 1000000.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "kB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        _ => None,
    };
    let bytes = number.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    bytes.ok_or_else(|| format!("expected bytes like 300MiB, 2GiB or 300000000, got {text}"))
}

#[cfg(test)]
mod tests {
    use super::{CircuitSize, Flight, fastest, parse_bytes};

    const MIB: u64 = 1 << 20;

    /// What `docs/operating/prove.md` says of 2^20: as fast as it goes, and within 300 MiB on however many threads.
    #[test]
    fn a_proof_of_2_20_keeps_within_300_mib_on_any_number_of_threads() {
        let circuit = CircuitSize { signals: 1 << 20, domain: 1 << 20 };
        for (threads, fast) in [(1, 259), (2, 275), (4, 307), (8, 371), (16, 537), (64, 1679)] {
            let flight = Flight { in_flight: 1, again: false, threads };
            let announced = fastest(circuit, None, flight).expect("no limit").anonymous_bytes.div_ceil(MIB);
            let within = fastest(circuit, Some(300 * MIB), flight).expect("it can be kept");
            let (bytes, limited) = (within.anonymous_bytes.div_ceil(MIB), within.limits);
            println!(
                "{threads} threads: {announced} MiB; within 300: {bytes} MiB on {} threads, {limited:?}",
                within.threads
            );
            assert_eq!(announced, fast, "{threads} threads: what the documentation says");
            assert!(bytes <= 300 && within.threads >= threads.min(8), "{threads} threads: {within}");
        }
    }

    #[test]
    fn bytes_are_read_as_people_write_them() {
        for (text, bytes) in [("7", 7), ("300MiB", 300 << 20), ("2 GiB", 2 << 30), ("1kB", 1000), ("0", 0)] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for bad in ["", "MiB", "-1", "1.5GiB", "300mib", "99999999999GiB", "18446744073709551616"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }
}
