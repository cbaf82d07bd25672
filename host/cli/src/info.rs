//! `millrace info`

use std::path::Path;

use millrace_groth16::{ContributionKind, KeyPart, ProvingKey};
use serde_json::{Value, json};

use crate::{
    args::InfoArgs,
    exit::{Code, Failure},
    input,
};

pub(crate) fn run(args: &InfoArgs) -> Result<(), Failure> {
    let facts = match &input::magic(&args.file)? {
        b"zkey" => of_key(&input::key(&args.file)?),
        b"wtns" => of_witness(&args.file)?,
        b"r1cs" => of_r1cs(&args.file)?,
        other => {
            return Err(Failure::new(
                Code::BadFile,
                format!(
                    "{}: expected a .zkey, .wtns or .r1cs file, got magic {:?}",
                    args.file.display(),
                    String::from_utf8_lossy(other)
                ),
            ));
        }
    };
    if args.json {
        println!("{facts:#}");
    } else {
        print_plain(&facts, 0);
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
    json!({
        "file": "proving key (zkey), Groth16, BN254",
        "signals": header.n_vars,
        "public signals": header.n_public,
        "domain": header.domain_size,
        "coefficients of A and B": key.coefficient_count(),
        "points over G1": points(KeyPart::A) + points(KeyPart::B1) + points(KeyPart::L) + points(KeyPart::H),
        "points over G2": key.range(KeyPart::B2).len() / 128,
        "ceremony": key.trivial_delta().map_or("delta has contributions".to_owned(), |why| {
            format!("NOT SAFE: {why}; anybody can forge proofs for this key")
        }),
        "contributions": contributions,
    })
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

fn print_plain(value: &Value, indent: usize) {
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        match value {
            Value::Array(items) => {
                println!("{:indent$}{name}: {}", "", items.len());
                for (i, item) in items.iter().enumerate() {
                    let word = |k: &str| item[k].as_str().unwrap_or_default().to_owned();
                    let name = if word("name").is_empty() { "(no name)".to_owned() } else { word("name") };
                    println!("{:indent$}  {}. {name}, {}, {}", "", i + 1, word("kind"), word("hash"));
                }
            }
            Value::String(text) => println!("{:indent$}{name}: {text}", ""),
            other => println!("{:indent$}{name}: {other}", ""),
        }
    }
}
