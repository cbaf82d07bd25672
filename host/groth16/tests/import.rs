//! The imported form of a key: what it holds, and that nothing but what was written is taken.

mod common;

use std::{
    fs::File,
    path::PathBuf,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use common::{TINY_KEY, key, section};
use millrace_groth16::{
    FileFacts, ImportError, ImportFailure, KeyError, KeyPart, PointFault, ProvingKey, import_key,
};

struct Imported {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
}

impl Imported {
    fn zkey(&self) -> PathBuf {
        self.folder.path().join("circuit.zkey")
    }
}

fn import(zkey: &[u8]) -> Result<Imported, ImportFailure> {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("circuit.zkey"), folder.path().join("circuit.mkey"));
    std::fs::write(&from, zkey).unwrap();
    let out = File::options().read(true).write(true).create_new(true).open(&to).unwrap();
    import_key(&from, &out, &|| true)?;
    Ok(Imported { bytes: std::fs::read(to).unwrap(), folder })
}

fn refusal(zkey: &[u8]) -> ImportFailure {
    import(zkey).map(|_| ()).expect_err("a bad key was imported")
}

/// Opens and checks, as loading a key does.
fn taken(bytes: &[u8]) -> Result<ProvingKey, KeyError> {
    let key = key(bytes)?;
    key.check().map(|()| key)
}

fn bytes(key: &ProvingKey, part: KeyPart) -> &[u8] {
    &(**key.bytes()).as_ref()[key.range(part)]
}

/// Every non-zero entry as matrix, row, column, value, sorted; read off the rows without the code under test.
fn entries(key: &ProvingKey) -> Vec<(u32, u32, u32, [u8; 32])> {
    let word = |b: &[u8]| u32::from_le_bytes(b.try_into().unwrap());
    let domain = key.header().domain_size;
    let mut all = Vec::new();
    if key.origin().is_none() {
        for e in bytes(key, KeyPart::Coefficients).chunks(44) {
            all.push((word(&e[..4]), word(&e[4..8]), word(&e[8..12]), e[12..].try_into().unwrap()));
        }
    } else {
        let (terms, values) = (bytes(key, KeyPart::Terms), bytes(key, KeyPart::Values));
        let mut from = 0;
        for (i, end) in bytes(key, KeyPart::RowEnds).chunks(4).map(word).enumerate() {
            for term in terms[8 * from..8 * end as usize].chunks(8) {
                let value = 32 * word(&term[4..]) as usize;
                let value = values[value..value + 32].try_into().unwrap();
                all.push((i as u32 / domain, i as u32 % domain, word(&term[..4]), value));
            }
            from = end as usize;
        }
    }
    all.sort();
    all
}

#[test]
fn the_same_key_in_another_layout() {
    let mut keys = vec![TINY_KEY.to_vec()];
    if let Some(vectors) = common::vectors() {
        keys.extend(
            common::CIRCUITS.map(|(name, ..)| std::fs::read(vectors.join(format!("{name}.zkey"))).unwrap()),
        );
    }
    for zkey in keys {
        let imported = import(&zkey).unwrap();
        let (old, new) = (key(&zkey).unwrap(), taken(&imported.bytes).unwrap());
        assert_eq!(old.header(), new.header());
        assert_eq!(old.verifying_key(), new.verifying_key());
        assert_eq!(old.contributions(), new.contributions());
        let padding = 64 * (old.header().n_public as usize + 1);
        assert!(bytes(&new, KeyPart::L)[..padding].iter().all(|byte| *byte == 0));
        for part in [KeyPart::A, KeyPart::B1, KeyPart::B2, KeyPart::L, KeyPart::H] {
            let skipped = if part == KeyPart::L { padding } else { 0 };
            assert_eq!(bytes(&old, part), &bytes(&new, part)[skipped..], "{part:?}");
            assert_eq!(new.range(part).start % 4096, 0, "{part:?} begins a page");
        }
        assert_eq!(old.coefficient_count(), new.coefficient_count());
        assert_eq!(entries(&old), entries(&new));
        new.check_coefficients().unwrap();
        new.check_points().unwrap();
        new.check_subgroups().unwrap();
        let origin = new.origin().expect("it says where it comes from");
        assert_eq!(origin.path, imported.zkey().canonicalize().unwrap());
        assert_eq!(origin.digest, *blake3::hash(&zkey).as_bytes());
        assert!(old.origin().is_none());
        // The same file, and so reproducible, but for the time in its head.
        let again = import(&zkey).unwrap();
        let arrays = new.range(KeyPart::RowEnds).start;
        assert_eq!(imported.bytes[arrays..], again.bytes[arrays..]);
    }
}

#[test]
fn no_bit_may_flip() {
    let good = import(TINY_KEY).unwrap().bytes;
    let mut bytes = good.clone();
    for i in 0..bytes.len() {
        bytes[i] ^= 1 << (i % 8);
        match taken(&bytes) {
            Ok(_) => panic!("a flipped bit in byte {i} went unseen"),
            Err(KeyError::Container(_)) => assert!(i < 4, "{i}: no key at all"),
            Err(KeyError::Import(ImportError::Version { .. })) => assert!((4..8).contains(&i), "{i}"),
            Err(KeyError::Import(ImportError::Changed { from, to, .. })) => {
                assert!((8..24).contains(&i) || (from..to).contains(&(i as u64)), "{i}: {from} to {to}");
            }
            Err(KeyError::Import(ImportError::Length { .. })) => assert!((8..24).contains(&i), "{i}"),
            Err(other) => panic!("byte {i}: {other}"),
        }
        bytes[i] = good[i];
    }
    taken(&bytes).unwrap();
}

#[test]
fn no_byte_may_be_missing_or_added() {
    let mut bytes = import(TINY_KEY).unwrap().bytes;
    for len in (4..bytes.len()).step_by(97).chain([4, 55, 56, 4095, 4096, bytes.len() - 1]) {
        let Err(KeyError::Import(ImportError::Length { got, .. })) = key(&bytes[..len]) else {
            panic!("{len} bytes were taken")
        };
        assert_eq!(got, len as u64);
    }
    bytes.push(0);
    assert!(matches!(key(&bytes), Err(KeyError::Import(ImportError::Length { .. }))));
}

/// Puts a right digest over a head of `len` bytes that was tampered with.
fn seal(bytes: &mut [u8], len: usize) {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..24]).update(&bytes[56..len]);
    bytes[24..56].copy_from_slice(hasher.finalize().as_bytes());
}

const ELEMENTS: [(KeyPart, usize); 8] = [
    (KeyPart::RowEnds, 4),
    (KeyPart::Terms, 8),
    (KeyPart::Values, 32),
    (KeyPart::A, 64),
    (KeyPart::B1, 64),
    (KeyPart::B2, 128),
    (KeyPart::L, 64),
    (KeyPart::H, 64),
];

#[test]
fn a_head_that_contradicts_itself_is_no_harm() {
    let good = import(TINY_KEY).unwrap().bytes;
    let head = u64::from_le_bytes(good[8..16].try_into().unwrap()) as usize;
    let mut sealed = good.clone();
    seal(&mut sealed, head);
    assert_eq!(sealed, good);
    let mut refused = 0;
    for i in 8..head {
        for bit in [0, 7] {
            let mut bytes = good.clone();
            bytes[i] ^= 1 << bit;
            seal(&mut bytes, head);
            // Whatever it says now: an error, or a key whose every part can be asked for.
            match key(&bytes) {
                Err(_) => refused += 1,
                Ok(key) => {
                    refused += usize::from(key.check().is_err());
                    let _ = key.check_coefficients().and_then(|()| key.check_points());
                    for (part, element) in ELEMENTS {
                        let range = key.range(part);
                        assert!(range.end <= bytes.len() && range.len().is_multiple_of(element), "{part:?}");
                    }
                }
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn rows_of_a_sealed_file_are_looked_at_when_asked() {
    let good = import(TINY_KEY).unwrap().bytes;
    let key_of = |part, at: usize, to: u32| {
        let mut bytes = good.clone();
        let start = key(&good).unwrap().range(part).start + at;
        bytes[start..start + 4].copy_from_slice(&to.to_le_bytes());
        key(&bytes).unwrap().check_coefficients()
    };
    for (part, at, what) in [
        (KeyPart::RowEnds, 0, "end of a row"),
        (KeyPart::Terms, 0, "column"),
        (KeyPart::Terms, 4, "place of a value"),
        (KeyPart::Values, 28, "value"),
    ] {
        let Err(KeyError::Coefficient { what: got, .. }) = key_of(part, at, u32::MAX) else {
            panic!("{what}")
        };
        assert_eq!(got, what);
    }
}

#[test]
fn another_version_says_so() {
    let mut bytes = import(TINY_KEY).unwrap().bytes;
    for other in [1, 2, 4] {
        bytes[4] = other;
        let Err(KeyError::Import(error)) = key(&bytes) else { panic!("another version was taken") };
        assert_eq!(error, ImportError::Version { expected: 3, got: other.into() });
    }
}

#[test]
fn a_stale_key_is_told_by_its_zkey() {
    let imported = import(TINY_KEY).unwrap();
    let key = ProvingKey::from_bytes(Arc::new(imported.bytes.clone())).unwrap();
    let origin = key.origin().unwrap();
    origin.check_remembered().unwrap();
    origin.check_is(&imported.zkey()).unwrap().unwrap();
    // Written again, with the same contents: looked into, and taken.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    let file = File::options().write(true).open(imported.zkey()).unwrap();
    file.set_modified(later).unwrap();
    origin.check_remembered().unwrap();
    // One bit less.
    let mut other = TINY_KEY.to_vec();
    *other.last_mut().unwrap() ^= 1;
    std::fs::write(imported.zkey(), &other).unwrap();
    file.set_modified(later).unwrap();
    let stale = ImportError::Stale { zkey: imported.zkey().canonicalize().unwrap() };
    assert_eq!(origin.check_remembered(), Err(stale));
    assert!(origin.check_is(&imported.zkey()).unwrap().is_err());
    // The same, with the time of writing that the first one had: its time of change, which nobody can set, is another as soon as a tick has passed.
    let FileFacts { modified: (seconds, nanoseconds), changed, .. } = origin.outside;
    let written = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    for _ in 0..1000 {
        if FileFacts::from(&file.metadata().unwrap()).changed != changed {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
        file.set_modified(written).unwrap();
    }
    file.set_modified(written).unwrap();
    let now = FileFacts::from(&file.metadata().unwrap());
    assert_eq!(now, FileFacts { changed: now.changed, ..origin.outside });
    let stale = ImportError::Stale { zkey: imported.zkey().canonicalize().unwrap() };
    assert_eq!(origin.check_remembered(), Err(stale));
    // Gone: nothing to compare with, unless one is given.
    std::fs::remove_file(imported.zkey()).unwrap();
    origin.check_remembered().unwrap();
    assert!(origin.check_is(&imported.zkey()).is_err());
}

#[test]
fn what_a_zkey_is_refused_for_an_import_is_refused_for() {
    use millrace_bn254::{Fq2, G2Affine, G2Mont};
    let outside = (1u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), 0.into()), false))
        .find(|p| !p.is_in_correct_subgroup_assuming_on_curve())
        .unwrap();
    let mut bytes = TINY_KEY.to_vec();
    let at = section(&bytes, 7).end - 128;
    bytes[at..at + 128].copy_from_slice(&G2Mont::from(&outside).0);
    let ImportFailure::Key(KeyError::Point(error)) = refusal(&bytes) else { panic!("outside the subgroup") };
    assert_eq!((error.fault, error.what), (PointFault::OutsideSubgroup, "bases of B over G2"));

    for (id, what) in
        [(5, "bases of A"), (6, "bases of B over G1"), (8, "bases of C"), (9, "bases of the quotient")]
    {
        let mut bytes = TINY_KEY.to_vec();
        let at = section(&bytes, id).end - 64;
        bytes[at..at + 64].fill(1);
        let ImportFailure::Key(KeyError::Point(error)) = refusal(&bytes) else { panic!("{what}") };
        assert_eq!((error.fault, error.what), (PointFault::OffCurve, what));
    }
    let mut bytes = TINY_KEY.to_vec();
    let at = section(&bytes, 4).start + 4;
    bytes[at + 8..at + 12].fill(0xff);
    assert!(matches!(refusal(&bytes), ImportFailure::Key(KeyError::Coefficient { what: "column", .. })));
    assert!(matches!(refusal(&TINY_KEY[..500]), ImportFailure::Key(KeyError::Container(_))));
    assert!(matches!(refusal(&import(TINY_KEY).unwrap().bytes), ImportFailure::Imported));
}

#[test]
fn a_zkey_that_moves_meanwhile_spoils_the_import() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let out = || File::options().read(true).write(true).create(true).truncate(true).open(at("out")).unwrap();
    let fresh = || std::fs::write(at("key.zkey"), TINY_KEY).unwrap();
    fresh();
    import_key(&at("key.zkey"), &out(), &|| true).unwrap();
    // Another file, with the same bytes even, takes its place.
    let replaced = import_key(&at("key.zkey"), &out(), &|| {
        std::fs::write(at("other.zkey"), TINY_KEY).unwrap();
        std::fs::rename(at("other.zkey"), at("key.zkey")).unwrap();
        true
    });
    assert!(matches!(replaced, Err(ImportFailure::Moving)));
    // It is written to.
    let written = import_key(&at("key.zkey"), &out(), &|| {
        let file = File::options().append(true).open(at("key.zkey")).unwrap();
        std::io::Write::write_all(&mut &file, &[0]).unwrap();
        true
    });
    assert!(matches!(written, Err(ImportFailure::Moving)));
    fresh();
    let cancelled = import_key(&at("key.zkey"), &out(), &|| false);
    assert!(matches!(cancelled, Err(ImportFailure::Cancelled)));
}
