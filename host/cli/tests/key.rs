//! Imported keys: the same proofs, and one exit code for all that makes one unusable.

mod common;

use std::path::{Path, PathBuf};

use common::{Job, SEED, fails, ok, vectors};

/// A circuit's key copied into a job's folder and imported there.
fn imported(job: &Job, vectors: &Path, circuit: &str) -> (PathBuf, PathBuf) {
    let (zkey, mkey) = (job.folder.path().join("circuit.zkey"), job.folder.path().join("circuit.mkey"));
    std::fs::copy(vectors.join(format!("{circuit}.zkey")), &zkey).expect("vectors");
    let told = ok(&[Path::new("key"), Path::new("import"), &zkey]);
    assert!(told.contains("circuit.mkey: checked and imported"), "{told}");
    (zkey, mkey)
}

fn words(of: &[&str], paths: &[&Path]) -> Vec<String> {
    of.iter().map(|w| (*w).to_owned()).chain(paths.iter().map(|p| p.display().to_string())).collect()
}

#[test]
fn proofs_from_an_imported_key_are_the_oracles() {
    let Some(vectors) = vectors() else { return };
    for circuit in ["tiny", "private", "many", "full", "bits"] {
        let witness = vectors.join(format!("{circuit}.wtns"));
        let job = Job::new();
        let (zkey, mkey) = imported(&job, &vectors, circuit);
        ok(&job.prove_args(&zkey, &witness, &["--seed", SEED, "--device", "cpu-oracle"]));
        let expected = (job.read("proof.json"), job.read("public.json"));
        let source = zkey.display().to_string();
        for device in ["cpu", "cpu-oracle", "model"] {
            ok(&job.prove_args(&mkey, &witness, &["--seed", SEED, "--device", device, "--source", &source]));
            assert_eq!((job.read("proof.json"), job.read("public.json")), expected, "{circuit} on {device}");
        }
        let (public, proof) = (job.folder.path().join("public.json"), job.folder.path().join("proof.json"));
        assert!(ok(&words(&["verify"], &[&mkey, &public, &proof])).starts_with("OK"));
        let vkey = job.path("vk.json");
        ok(&words(&["export", "vkey", "-o", &vkey], &[&mkey]));
        let theirs = job.path("theirs.json");
        ok(&words(&["export", "vkey", "-o", &theirs], &[&zkey]));
        assert_eq!(job.read("vk.json"), job.read("theirs.json"));
        assert!(ok(&words(&["key", "check"], &[&mkey])).contains("good"));
        assert!(ok(&words(&["key", "check"], &[&zkey])).contains("good"));
    }
}

#[test]
fn info_tells_where_it_comes_from_and_whether_that_is_there() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let (zkey, mkey) = imported(&job, &vectors, "many");
    let info = || {
        serde_json::from_str::<serde_json::Value>(&ok(&words(&["info", "--json"], &[&mkey]))).expect("JSON")
    };
    let theirs: serde_json::Value =
        serde_json::from_str(&ok(&words(&["info", "--json"], &[&zkey]))).expect("JSON");
    let ours = info();
    for same in [
        "signals",
        "domain",
        "coefficients of A and B",
        "points over G1",
        "points over G2",
        "ceremony",
        "contributions",
    ] {
        assert_eq!(ours[same], theirs[same], "{same}");
    }
    assert_eq!(ours["made from"], zkey.canonicalize().expect("is there").display().to_string());
    assert_eq!(ours["is it the same now"], "yes, by length, times and inode, or else by digest");
    std::fs::write(&zkey, "another").expect("writes");
    assert!(info()["is it the same now"].as_str().is_some_and(|text| text.starts_with("NO")));
    std::fs::remove_file(&zkey).expect("was there");
    assert_eq!(info()["is it the same now"], "it is not there");
}

#[test]
fn what_makes_an_imported_key_unusable_has_a_code_of_its_own() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let (zkey, mkey) = imported(&job, &vectors, "full");
    let witness = vectors.join("full.wtns");
    let good = std::fs::read(&mkey).expect("imported");
    let refused = |bytes: &[u8], says: &str| {
        let out = Job::new();
        std::fs::write(&mkey, bytes).expect("writes");
        let line = fails(16, &out.prove_args(&mkey, &witness, &[]));
        assert!(line.contains(says) && line.contains("import it again"), "{line}");
        assert_eq!(out.files(), Vec::<String>::new(), "{line}");
        fails(16, &words(&["key", "check"], &[&mkey]));
    };
    for at in [60, good.len() / 2, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        refused(&bytes, "was changed");
    }
    for len in [60, 5000, good.len() - 1] {
        refused(&good[..len], "bytes long");
    }
    let mut bytes = good.clone();
    bytes[4] = 7;
    refused(&bytes, "version 7");
    std::fs::write(&mkey, &good).expect("writes");

    // Another .zkey where the old one was: every use of the key is refused.
    std::fs::copy(vectors.join("many.zkey"), &zkey).expect("vectors");
    let out = Job::new();
    assert!(fails(16, &out.prove_args(&mkey, &witness, &[])).contains("stale"));
    assert_eq!(out.files(), Vec::<String>::new());
    fails(16, &words(&["export", "vkey", "-o", &out.path("vk.json")], &[&mkey]));
    std::fs::remove_file(&zkey).expect("was there");
    ok(&out.prove_args(&mkey, &witness, &[]));
    // Named, it is compared wherever it lies.
    let (right, wrong) = (vectors.join("full.zkey"), vectors.join("many.zkey"));
    let from = |zkey: &Path| out.prove_args(&mkey, &witness, &["--source", &zkey.display().to_string()]);
    ok(&from(&right));
    assert!(fails(16, &from(&wrong)).contains("stale"));
    fails(2, &out.prove_args(&right, &witness, &["--source", &right.display().to_string()]));
}

#[test]
fn an_import_is_whole_or_nothing() {
    let Some(vectors) = vectors() else { return };
    let zkey = vectors.join("full.zkey");
    let job = Job::new();
    let target = job.folder.path().join("key.mkey");
    let import = |zkey: &Path, to: &Path| words(&["key", "import", "-o", &to.display().to_string()], &[zkey]);
    // A point bent, a file cut: refused as by `prove`, and what was there is still there.
    std::fs::write(&target, "old").expect("writes");
    let mut bent = std::fs::read(&zkey).expect("vectors");
    let middle = bent.len() / 2;
    bent[middle] ^= 1;
    let bad = Job::new();
    std::fs::write(bad.path("bent.zkey"), &bent).expect("writes");
    std::fs::write(bad.path("short.zkey"), &bent[..middle]).expect("writes");
    for name in ["bent.zkey", "short.zkey"] {
        fails(3, &import(Path::new(&bad.path(name)), &target));
        fails(3, &words(&["key", "check"], &[Path::new(&bad.path(name))]));
        assert_eq!((job.files(), job.read("key.mkey")), (vec!["key.mkey".to_owned()], "old".to_owned()));
    }
    ok(&import(&zkey, &target));
    fails(3, &import(&target, Path::new(&job.path("again.mkey"))));
    fails(3, &import(Path::new("/nonexistent.zkey"), Path::new(&job.path("again.mkey"))));
    fails(3, &import(Path::new("/dev/zero"), Path::new(&job.path("again.mkey"))));
    fails(9, &import(&zkey, Path::new("/nonexistent/key.mkey")));
    fails(9, &import(&zkey, Path::new("/dev/full")));
    let copy = job.folder.path().join("copy.zkey");
    std::fs::copy(&zkey, &copy).expect("copies");
    fails(2, &import(&copy, &copy));
    assert_eq!(job.files(), ["copy.zkey", "key.mkey"]);
}

#[test]
fn a_point_outside_the_subgroup_is_seen_at_import() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    // In section 7, the first point becomes one of the twist with x = (1 … ) that is not of order r: made by the tests of the prover as well.
    let bytes = common::outside_subgroup(&std::fs::read(vectors.join("full.zkey")).expect("vectors"));
    std::fs::write(job.path("outside.zkey"), bytes).expect("writes");
    let line = fails(6, &words(&["key", "import"], &[Path::new(&job.path("outside.zkey"))]));
    assert!(line.contains("outside the subgroup"), "{line}");
    assert!(fails(6, &words(&["key", "check"], &[Path::new(&job.path("outside.zkey"))])).contains("outside"));
    assert_eq!(job.files(), ["outside.zkey"]);
}
