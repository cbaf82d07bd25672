//! Bad input: one line, an exit code of its own, no output file, no panic.

mod common;

use std::path::{Path, PathBuf};

use common::{Job, fails, fails_with_backend, ok, vectors};

/// `prove` with these files fails with `code` and leaves nothing behind.
fn refused(code: i32, key: &Path, witness: &Path, extra: &[&str]) -> String {
    let job = Job::new();
    let line = fails(code, &job.prove_args(key, witness, extra));
    assert_eq!(job.files(), Vec::<String>::new(), "{line}");
    line
}

fn changed(job: &Job, from: &Path, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = std::fs::read(from).expect("vectors");
    change(&mut bytes);
    let path = job.folder.path().join(name);
    std::fs::write(&path, bytes).expect("writes");
    path
}

#[test]
fn damaged_keys() {
    let Some(vectors) = vectors() else { return };
    let (key, witness) = (vectors.join("tiny.zkey"), vectors.join("tiny.wtns"));
    let job = Job::new();
    let len = std::fs::metadata(&key).expect("vectors").len() as usize;
    for keep in [0, 3, 11, 40, len / 2, len - 1] {
        refused(3, &changed(&job, &key, "short.zkey", |b| b.truncate(keep)), &witness, &[]);
    }
    refused(3, &changed(&job, &key, "long.zkey", |b| b.extend([0; 7])), &witness, &[]);
    refused(3, &changed(&job, &key, "magic.zkey", |b| b[0] ^= 1), &witness, &[]);
    refused(3, &changed(&job, &key, "version.zkey", |b| b[4] = 9), &witness, &[]);
    refused(3, &changed(&job, &key, "size.zkey", |b| b[16] ^= 0x80), &witness, &[]);
    assert!(refused(3, &vectors.join("tiny_plonk.zkey"), &witness, &[]).contains("PLONK"));
    assert!(refused(3, &vectors.join("tiny_fflonk.zkey"), &witness, &[]).contains("FFLONK"));
    refused(3, &witness, &witness, &[]);
    refused(3, Path::new("/nonexistent/key"), &witness, &[]);
    refused(3, Path::new("/"), &witness, &[]);
}

#[test]
fn a_point_off_the_curve() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let key = vectors.join("many.zkey");
    // The last points of a key are those of the contributions; flip a low bit in the middle, where bases lie.
    let bad = changed(&job, &key, "bent.zkey", |b| {
        let middle = b.len() / 2;
        b[middle] ^= 1;
    });
    let line = refused(3, &bad, &vectors.join("many.wtns"), &[]);
    assert!(line.contains("curve") || line.contains("modulus") || line.contains("subgroup"), "{line}");
}

#[test]
fn wrong_witnesses() {
    let Some(vectors) = vectors() else { return };
    let (key, witness) = (vectors.join("tiny.zkey"), vectors.join("tiny.wtns"));
    let job = Job::new();
    refused(4, &key, &vectors.join("many.wtns"), &[]);
    refused(3, &key, &changed(&job, &witness, "short.wtns", |b| b.truncate(80)), &[]);
    let out_of_range = changed(&job, &witness, "range.wtns", |b| {
        let end = b.len();
        b[end - 32..].fill(0xff);
    });
    refused(4, &key, &out_of_range, &[]);

    // A value that breaks a constraint: nobody can tell from the key alone; the constraint system can.
    let unsatisfied = changed(&job, &witness, "wrong.wtns", |b| {
        let end = b.len();
        b[end - 32] ^= 1;
    });
    refused(7, &key, &unsatisfied, &[]);
    let r1cs = vectors.join("tiny.r1cs").display().to_string();
    let line = refused(5, &key, &unsatisfied, &["--r1cs", &r1cs]);
    assert!(line.contains("constraint 0") || line.contains("constraint 1"), "{line}");
    let other = vectors.join("many.r1cs").display().to_string();
    refused(3, &key, &witness, &["--r1cs", &other]);
}

#[test]
fn a_key_that_is_damaged_in_a_valid_way() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    // Swapping two different bases of the quotient leaves every check of form and curve content.
    let bad = changed(&job, &vectors.join("many.zkey"), "swapped.zkey", |b| {
        let section = h_section(b);
        let (first, second) = (b[section..section + 64].to_vec(), b[section + 64..section + 128].to_vec());
        b[section..section + 64].copy_from_slice(&second);
        b[section + 64..section + 128].copy_from_slice(&first);
    });
    let witness = vectors.join("many.wtns");
    refused(7, &bad, &witness, &[]);
    let r1cs = vectors.join("many.r1cs").display().to_string();
    refused(6, &bad, &witness, &["--r1cs", &r1cs]);
}

/// Offset of section 9's contents.
fn h_section(file: &[u8]) -> usize {
    let u =
        |at: usize, len: usize| file[at..at + len].iter().rev().fold(0usize, |n, b| n << 8 | usize::from(*b));
    let mut at = 12;
    while u(at, 4) != 9 {
        at += 12 + u(at + 4, 8);
    }
    at + 12
}

#[test]
fn outputs_that_cannot_be_written() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let mut args = job.prove_args(&vectors.join("tiny.zkey"), &vectors.join("tiny.wtns"), &[]);
    args[6] = job.path("no/such/folder/public.json");
    fails(9, &args);
    assert_eq!(job.files(), Vec::<String>::new());
    args[6] = "/dev/full".to_owned();
    fails(9, &args);
    assert_eq!(job.files(), Vec::<String>::new());
}

#[test]
fn command_lines_that_make_no_sense() {
    for args in [
        &["prove"][..],
        &["prove", "a", "b", "--seed", "12"],
        &["prove", "a", "b", "--split", "2"],
        &["frob"],
    ] {
        assert_eq!(common::millrace(args).status.code(), Some(2), "{args:?}");
    }
    let Some(vectors) = vectors() else { return };
    let (key, witness) = (vectors.join("tiny.zkey"), vectors.join("tiny.wtns"));
    refused(2, &key, &witness, &["--split", "0.5"]);
    refused(2, &key, &witness, &["--trace", "x.fst"]);
}

#[test]
fn json_that_is_none() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let key = vectors.join("tiny.zkey").display().to_string();
    ok(&job.prove_args(&vectors.join("tiny.zkey"), &vectors.join("tiny.wtns"), &[]));
    let proof = job.read("proof.json");
    for (i, text) in
        ["", "{}", "[", "null", &proof.replace("groth16", "plonk"), &proof.replace("\"1\"", "\"x\"")]
            .iter()
            .enumerate()
    {
        let path = job.path(&format!("bad{i}.json"));
        std::fs::write(&path, text).expect("writes");
        fails(3, &["verify", &key, &job.path("public.json"), &path]);
        fails(3, &["verify", &key, &path, &job.path("proof.json")]);
    }
}

#[test]
fn keys_of_no_ceremony_are_refused() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let (dev, out) = (vectors.join("tiny_dev.zkey").display().to_string(), job.path("V.sol"));
    fails(15, &["export", "solidity", &dev, "-o", &out]);
    assert_eq!(job.files(), Vec::<String>::new());
    ok(&["export", "solidity", &dev, "-o", &out, "--dev"]);
    assert!(job.read("V.sol").contains("IS_DEV_SETUP"));
    assert!(ok(&["info", &dev]).contains("NOT SAFE"));
    let real = vectors.join("tiny.zkey").display().to_string();
    assert!(ok(&["info", &real]).contains("contributions: 2"));
}

#[test]
fn an_output_is_no_input_and_no_other_output() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let key = changed(&job, &vectors.join("tiny.zkey"), "key.zkey", |_| {});
    let before = std::fs::read(&key).expect("copied");
    let (witness, out) = (vectors.join("tiny.wtns").display().to_string(), job.path("x"));
    let key_name = key.display().to_string();
    for (proof, public) in [(&key_name, &out), (&out, &key_name), (&out, &out)] {
        fails(2, &["prove", &key_name, &witness, "-o", proof, "-p", public]);
    }
    let trace = ["--device", "sim", "--trace", &key_name];
    fails(2, &[&["prove", &key_name, &witness, "-o", &out, "-p", &job.path("y")], &trace[..]].concat());
    fails(2, &["export", "vkey", &key_name, "-o", &key_name]);
    assert_eq!(std::fs::read(&key).expect("still there"), before);
    assert_eq!(job.files(), ["key.zkey"]);
}

#[test]
fn endless_inputs_end() {
    let Some(vectors) = vectors() else { return };
    let zero = Path::new("/dev/zero");
    refused(3, zero, &vectors.join("tiny.wtns"), &[]);
    refused(3, &vectors.join("tiny.zkey"), zero, &[]);
    let vk = vectors.join("tiny.vk.json").display().to_string();
    let public = vectors.join("tiny.public.json").display().to_string();
    fails(3, &["verify", &vk, &public, "/dev/zero"]);
    fails(3, &["info", "/dev/zero"]);
    fails(3, &["replay", "/dev/zero"]);
}

#[test]
fn results_that_cannot_be_printed_are_an_error() {
    let Some(vectors) = vectors() else { return };
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args(["info", "--json"])
        .arg(vectors.join("tiny.zkey"))
        .stdout(full)
        .status();
    assert_eq!(run.expect("starts").code(), Some(9));
}

#[test]
fn a_proof_is_not_left_where_its_report_cannot_be_printed() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args(job.prove_args(&vectors.join("tiny.zkey"), &vectors.join("tiny.wtns"), &[]))
        .stdout(full)
        .status();
    assert_eq!(run.expect("starts").code(), Some(9));
    assert_eq!(job.files(), Vec::<String>::new());
}

#[test]
fn a_proof_on_standard_output_is_all_that_is_there() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let mut args = job.prove_args(&vectors.join("tiny.zkey"), &vectors.join("tiny.wtns"), &[]);
    args[4] = "/dev/stdout".to_owned();
    let (piped, redirected) = (common::millrace(&args), job.path("redirected.json"));
    let file = std::fs::File::create(&redirected).expect("creates");
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_millrace")).args(&args).stdout(file).status();
    assert!(piped.status.success() && status.expect("starts").success());
    assert!(String::from_utf8_lossy(&piped.stderr).contains("proof made and checked"));
    let key = vectors.join("tiny.zkey").display().to_string();
    std::fs::write(job.path("piped.json"), piped.stdout).expect("writes");
    for proof in [job.path("piped.json"), redirected] {
        ok(&["verify", &key, &job.path("public.json"), &proof]);
    }
}

/// Whatever the device: the CPU takes part in every proof.
#[test]
fn an_unknown_backend_ends_every_command_at_once() {
    let job = Job::new();
    let (key, witness) = (Path::new("/nonexistent/key"), Path::new("/nonexistent/witness"));
    let on = |device: &str| job.prove_args(key, witness, &["--device", device]);
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for args in [
        on("cpu"),
        on("model"),
        on("sim"),
        on("vfio:0000:00:00.0"),
        words("bench --devices model --sizes 1"),
        words("validate --device model"),
        words("key check /nonexistent/key"),
        words("verify key proof public"),
        words("doctor"),
    ] {
        let line = fails_with_backend("nonsense", 2, &args);
        let expected =
            "millrace: MILLRACE_BACKEND: expected a backend out of portable, adx, avx512, got \"nonsense\"";
        assert_eq!(line, expected, "{args:?}");
    }
    assert_eq!(job.files(), Vec::<String>::new());
    // With one that is known, it is the files that are missed.
    fails_with_backend("portable", 3, &on("cpu"));
}
