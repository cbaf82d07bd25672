//! What is said of memory before a proof is kept, and so is what is asked for.

mod common;

use std::path::{Path, PathBuf};

use common::{Job, SEED, anonymous_bytes, fails, ok, vectors, watched};
use serde_json::Value;

/// The rollup's circuit for one op, 2^16: key, imported key and witness.
fn circuit(job: &Job) -> [PathBuf; 3] {
    let [r1cs, zkey, mkey, witness] =
        ["op.r1cs", "op.zkey", "op.mkey", "op.wtns"].map(|name| job.folder.path().join(name));
    let run =
        |args: &[&dyn AsRef<Path>]| ok(&args.iter().map(|a| a.as_ref().as_os_str()).collect::<Vec<_>>());
    run(&[&"rollup", &"circuit", &"--ops", &"1", &"-o", &r1cs]);
    run(&[&"setup", &r1cs, &"--dev", &"-o", &zkey]);
    run(&[&"key", &"import", &zkey]);
    run(&[&"rollup", &"sample", &"--ops", &"1", &"-o", &witness]);
    [zkey, mkey, witness]
}

/// Proves so often and returns (announced, taken, proof).
fn proof(key: &Path, witness: &Path, most: Option<u64>, times: u32) -> (u64, u64, String) {
    let out = Job::new();
    let report = out.path("report.json");
    let most = most.map(|most| most.to_string());
    let times = times.to_string();
    let mut extra = vec!["--seed", SEED, "--json", &report, "--repeat", &times];
    extra.extend(most.iter().flat_map(|most| ["--max-memory", most]));
    let taken = anonymous_bytes(&out.prove_args(key, witness, &extra));
    let report: Value = serde_json::from_str(&out.read("report.json")).expect("JSON");
    (report["memory_bytes_at_most"].as_u64().expect("announced"), taken, out.read("proof.json"))
}

/// One proof on so many threads, as [`proof`].
fn on_threads(key: &Path, witness: &Path, threads: &str, most: Option<u64>) -> (u64, u64, String) {
    let out = Job::new();
    let (report, most) = (out.path("report.json"), most.map(|most| most.to_string()));
    let mut extra = vec!["--seed", SEED, "--json", &report, "--threads", threads];
    extra.extend(most.iter().flat_map(|most| ["--max-memory", most]));
    let taken = anonymous_bytes(&out.prove_args(key, witness, &extra));
    let report: Value = serde_json::from_str(&out.read("report.json")).expect("JSON");
    (report["memory_bytes_at_most"].as_u64().expect("announced"), taken, out.read("proof.json"))
}

/// Scalars by their number.
type Values = fn(u64) -> [u64; 4];

/// Witnesses that no circuit asks for: sums of them take the most there is.
const HOSTILE: [(&str, Values); 6] = [
    ("one value of full width", |_| [0x0123_4567_89ab_cdef; 4].map(|limb| limb >> 4)),
    ("full width", |i| scalar(i, 252)),
    // Of two points for a bucket one waits.
    ("full width, each twice", |i| scalar(i / 2, 252)),
    ("14 bits, one wide window", |i| scalar(i, 14)),
    ("15 bits, one wide window", |i| scalar(i, 15)),
    ("all lengths", |i| scalar(i, [8, 16, 32, 64, 128, 252][i as usize % 6])),
];

/// A scalar of so many bits.
fn scalar(i: u64, bits: u32) -> [u64; 4] {
    let word = |at: u64| {
        (4 * i + at + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(31)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    [0, 1, 2, 3].map(|limb: u32| match bits.saturating_sub(64 * limb) {
        0 => 0,
        left if left >= 64 => word(limb.into()),
        left => word(limb.into()) >> (64 - left),
    })
}

/// A witness with other values, but for the constant: as long, and wrong.
fn with_values(witness: &Path, to: &Path, value: Values) {
    let mut bytes = std::fs::read(witness).expect("a witness");
    // The header ends with the number of values, and they end the file.
    let count = u32::from_le_bytes(bytes[60..64].try_into().expect("four bytes")) as usize;
    let start = bytes.len() - 32 * count;
    for (i, place) in bytes[start..].chunks_exact_mut(32).enumerate().skip(1) {
        let limbs = value(i as u64);
        place
            .chunks_exact_mut(8)
            .zip(limbs)
            .for_each(|(place, limb)| place.copy_from_slice(&limb.to_le_bytes()));
    }
    std::fs::write(to, bytes).expect("a folder of our own");
}

/// Every key there is, several sizes of them, on several numbers of threads, with its own witness and with hostile ones.
#[test]
fn no_witness_takes_more_than_is_said() {
    let (job, out) = (Job::new(), Job::new());
    let [op, _, op_witness] = circuit(&job);
    let mut files = vec![("op".to_owned(), op, op_witness)];
    let mut add = |folder: &Path, name: &str| {
        let [key, witness] = ["zkey", "wtns"].map(|ending| folder.join(format!("{name}.{ending}")));
        files.push((name.to_owned(), key, witness));
    };
    if let Some(vectors) = vectors() {
        ["tiny", "many", "full", "bits"].into_iter().for_each(|name| add(&vectors, name));
    }
    match std::env::var_os("MILLRACE_SEMAPHORE") {
        Some(folder) => add(Path::new(&folder), "semaphore-20"),
        None => println!("skipped: MILLRACE_SEMAPHORE names no folder (make vectors)"),
    }
    for (name, key, witness) in &files {
        let kept = |what: &str, witness: &Path, threads: &str, code: i32| {
            let args = out.prove_args(key, witness, &["--seed", SEED, "--threads", threads]);
            let (taken, ended, said) = watched(&args);
            assert_eq!(ended, Some(code), "{name}: {said}");
            let announced = said.split("memory: at most ").nth(1).and_then(|rest| rest.split(' ').next());
            let announced = announced.and_then(|mib| mib.parse::<u64>().ok()).expect("announced") << 20;
            println!("{name}, {what}, {threads} threads: {announced} announced, {taken} taken");
            assert!(
                taken <= announced,
                "{name}, {what}, {threads} threads: {taken} bytes, {announced} announced"
            );
        };
        let hostile = PathBuf::from(job.path("hostile.wtns"));
        for threads in ["1", "2", "8", "64"] {
            kept("its own witness", witness, threads, 0);
        }
        for (what, value) in HOSTILE {
            with_values(witness, &hostile, value);
            ["1", "2"].into_iter().for_each(|threads| kept(what, &hostile, threads, 7));
        }
    }
}

#[test]
fn more_threads_take_no_more_than_is_said_for_them() {
    let job = Job::new();
    let [_, mkey, witness] = circuit(&job);
    let (one, _, expected) = on_threads(&mkey, &witness, "1", None);
    let mut before = one;
    for threads in ["4", "8"] {
        let (announced, taken, proof) = on_threads(&mkey, &witness, threads, None);
        println!("{threads} threads: {announced} announced, {taken} taken");
        assert!(announced > before && taken <= announced, "{taken} bytes, {announced} announced");
        assert_eq!(proof, expected, "the same bytes on {threads} threads");
        let (less, taken, proof) = on_threads(&mkey, &witness, threads, Some(one));
        println!("{threads} threads within {one}: {less} announced, {taken} taken");
        assert!(less <= one && taken <= less, "{taken} bytes, {less} announced, {one} allowed");
        assert_eq!(proof, expected);
        before = announced;
    }
    let out = Job::new();
    fails(2, &out.prove_args(&mkey, &witness, &["--device", "model", "--threads", "2"]));
}

/// Proofs in flight by `bench` and returns (announced, taken), as it says, in bytes; what is announced is told in MiB, rounded up.
fn flight(key: &Path, witness: &Path, in_flight: &str, most: Option<u64>) -> (u64, u64) {
    let job = Job::new();
    let (out, most) = (job.path("report"), most.map(|most| most.to_string()));
    let mut args = vec!["bench", "--devices", "cpu", "--sizes", "2", "--runs", "2", "--throughput"];
    args.extend(["--in-flight", in_flight, "--out", &out]);
    args.extend(most.iter().flat_map(|most| ["--max-memory", most]));
    args.extend(["--proof", key.to_str().expect("UTF-8"), witness.to_str().expect("UTF-8")]);
    let said = ok(&args);
    let number = |line: &str, before: &str| {
        let line = said.lines().find(|l| l.starts_with(line)).unwrap_or_else(|| panic!("{line} in {said}"));
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let at = words.iter().position(|word| *word == before).expect("its unit");
        words[at - 1].parse::<u64>().expect("a number")
    };
    let announced = number(&format!("memory of {in_flight} proofs in flight on cpu: at most"), "MiB,") << 20;
    (announced, number("memory taken meanwhile:", "bytes"))
}

#[test]
fn proofs_in_flight_take_together_no_more_than_is_said() {
    let job = Job::new();
    let [zkey, _, witness] = circuit(&job);
    for in_flight in ["2", "5"] {
        let (announced, taken) = flight(&zkey, &witness, in_flight, None);
        println!("{in_flight} in flight: {announced} announced, {taken} taken");
        assert!(taken <= announced, "{taken} bytes, {announced} announced");
        let most = announced * 3 / 4;
        let (less, taken) = flight(&zkey, &witness, in_flight, Some(most));
        println!("{in_flight} in flight, at most {most}: {less} announced, {taken} taken");
        assert!(less <= most.next_multiple_of(1 << 20) && taken <= most, "{taken} bytes, {most} allowed");
    }
    let out = job.path("report");
    let [key, witness] = [&zkey, &witness].map(|path| path.to_str().expect("UTF-8"));
    let line = fails(
        2,
        &[
            "bench",
            "--throughput",
            "--in-flight",
            "9",
            "--max-memory",
            "20MiB",
            "--out",
            &out,
            "--proof",
            key,
            witness,
        ],
    );
    assert!(line.contains("9 proofs at a time"), "{line}");
}

#[test]
fn a_proof_takes_no_more_than_it_says_and_says_no_more_than_it_may() {
    let job = Job::new();
    let [zkey, mkey, witness] = circuit(&job);
    for key in [&zkey, &mkey] {
        let out = Job::new();
        let line = fails(2, &out.prove_args(key, &witness, &["--max-memory", "1MiB"]));
        let least =
            line.split_ascii_whitespace().filter_map(|word| word.parse::<u64>().ok()).next().expect("named");
        fails(2, &out.prove_args(key, &witness, &["--max-memory", &(least - 1).to_string()]));
        assert_eq!(out.files(), Vec::<String>::new());

        let (announced, taken, expected) = proof(key, &witness, None, 1);
        println!("{}: {announced} announced, {taken} taken", key.display());
        assert!(taken <= announced, "{taken} bytes, {announced} announced");
        // A·w, B·w and two vectors between passes: what is looked at is the proof's memory.
        assert!(taken > 4 * (32 << 16), "{taken} bytes, four vectors are more");
        assert!(least < announced, "there is something to save");
        for most in [least, (least + announced) / 2] {
            let (announced, taken, proof) = proof(key, &witness, Some(most), 1);
            println!("at most {most}: {announced} announced, {taken} taken");
            assert!(
                announced <= most && taken <= announced,
                "{taken} bytes, {announced} announced, {most} allowed"
            );
            assert_eq!(proof, expected, "the same bytes within {most}");
        }
        // Memory that jobs leave to those of the next proof is said and kept too.
        let (kept, taken, again) = proof(key, &witness, None, 3);
        println!("three: {kept} announced, {taken} taken");
        assert!(kept > announced && taken <= kept && again == expected, "{taken} bytes, {kept} announced");
        let (most, taken, again) = proof(key, &witness, Some(kept - 1), 3);
        println!("three, at most {}: {most} announced, {taken} taken", kept - 1);
        assert!(most < kept && taken <= most && again == expected, "{taken} bytes, {most} announced");
    }
    let out = Job::new();
    fails(2, &out.prove_args(&mkey, &witness, &["--device", "model", "--max-memory", "1GiB"]));
}
