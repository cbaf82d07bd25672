//! `millrace info`

use std::path::Path;

use millrace_groth16::{ContributionKind, KeyPart, ProvingKey};
use serde_json::{Value, json};

use crate::{
    args::InfoArgs,
    exit::{Code, Failure},
    input,
    output::say,
};

pub(crate) fn run(args: &InfoArgs) -> Result<(), Failure> {
    let facts = match &input::magic(&args.file)? {
        b"zkey" | b"mkey" => of_key(&input::key_as_it_is(&args.file)?),
        b"wtns" => of_witness(&args.file)?,
        b"r1cs" => of_r1cs(&args.file)?,
        other => {
            return Err(Failure::new(
                Code::BadFile,
                format!(
                    "{}: expected a .zkey, .mkey, .wtns or .r1cs file, got magic {:?}",
                    args.file.display(),
                    String::from_utf8_lossy(other)
                ),
            ));
        }
    };
    if args.json {
        say!("{facts:#}");
    } else {
        print_plain(&facts, args.all);
    }
    Ok(())
}

fn of_key(key: &ProvingKey) -> Value {
    let header = key.header();
    let contributions: Vec<Value> = key
        .contributions()
        .iter()
        .map(|c| {
            let kind = match &c.kind {
                ContributionKind::Beacon { iterations_log2, .. } => {
                    format!("beacon, 2^{iterations_log2} iterations")
                }
                _ => "participant".to_owned(),
            };
            json!({ "name": c.name, "kind": kind, "hash": hex::encode(c.hash) })
        })
        .collect();
    let points = |part| key.range(part).len() / 64;
    // An imported key has infinities where a .zkey has no bases of C.
    let padding = key.origin().map_or(0, |_| header.n_public as usize + 1);
    let mut facts = json!({
        "file": match key.origin() {
            None => "proving key (zkey), Groth16, BN254",
            Some(_) => "imported proving key (mkey), Groth16, BN254",
        },
        "signals": header.n_vars,
        "public signals": header.n_public,
        "domain": header.domain_size,
        "coefficients of A and B": key.coefficient_count(),
        "points over G1": points(KeyPart::A) + points(KeyPart::B1) + points(KeyPart::L) + points(KeyPart::H) - padding,
        "points over G2": key.range(KeyPart::B2).len() / 128,
        "ceremony": key.trivial_delta().map_or("delta has contributions".to_owned(), |why| {
            format!("NOT SAFE: {why}; anybody can forge proofs for this key")
        }),
        "contributions": contributions,
    });
    if let Some(origin) = key.origin() {
        facts["made from"] = origin.path.display().to_string().into();
        facts["BLAKE3 of that"] = hex::encode(origin.digest).into();
        facts["is it the same now"] = match origin.check_remembered() {
            Err(_) => "NO: another file is there now; import it again",
            Ok(()) if origin.path.is_file() => "yes, by length, times and inode, or else by digest",
            Ok(()) => "it is not there",
        }
        .into();
        facts["distinct coefficients"] = (key.range(KeyPart::Values).len() / 32).into();
    }
    facts
}

fn of_witness(path: &Path) -> Result<Value, Failure> {
    let witness = input::witness(path)?;
    let values = witness.values();
    let count = |x: u64| values.iter().filter(|v| v.limbs() == [x, 0, 0, 0]).count();
    Ok(json!({
        "file": "witness (wtns), BN254",
        "signals": values.len(),
        "zeros": count(0),
        "ones": count(1),
    }))
}

fn of_r1cs(path: &Path) -> Result<Value, Failure> {
    let r1cs = input::r1cs(path)?;
    Ok(json!({
        "file": "constraint system (r1cs), BN254",
        "signals": r1cs.n_wires(),
        "public signals": r1cs.n_public(),
        "constraints": r1cs.n_constraints(),
    }))
}

/// Contributions shown from the front and from the back.
const SHOWN: usize = 3;

fn print_plain(value: &Value, all: bool) {
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        match value {
            Value::Array(items) => print_contributions(name, items, all),
            Value::String(text) => say!("{name}: {text}"),
            other => say!("{name}: {other}"),
        }
    }
}

fn print_contributions(name: &str, items: &[Value], all: bool) {
    say!("{name}: {}", items.len());
    for (i, item) in items.iter().enumerate() {
        if !all && i == SHOWN && items.len() > 2 * SHOWN {
            say!("  … {} more (--all)", items.len() - 2 * SHOWN);
        }
        if !all && items.len() > 2 * SHOWN && (SHOWN..items.len() - SHOWN).contains(&i) {
            continue;
        }
        let word = |key: &str| item[key].as_str().unwrap_or_default();
        let name = if word("name").is_empty() { "(no name)" } else { word("name") };
        say!("  {}. {name}, {}, {}", i + 1, word("kind"), word("hash"));
    }
}
