//! `millrace rollup audit`

use std::path::{Path, PathBuf};

use clap::Args;
use millrace_l1::{
    Address, B256, U256, VerifierKey,
    chain::{BlockTag, Chain, view},
    rollup::{
        abi::IRollup,
        audit::{AuditError, Expected, KnownVerifier, Source, Verdict, audit},
        source::Sources,
    },
    rpc::Node,
    solc::CompileError,
    solidity::{self, ExportOptions},
};
use serde_json::json;

use super::{
    SIZES, devkey,
    place::{PlaceArgs, audit_failure},
};
use crate::{
    exit::{Code, Failure, OrFail},
    export, input,
    output::say,
    submit::{compile, submit_failure},
};

/// `millrace rollup audit`
#[derive(Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// A folder with the contracts' sources (`src/Rollup.sol` …), which are compiled instead of those in this build. Needs solc, as the others do.
    #[arg(long, value_name = "DIR", conflicts_with = "committed")]
    source: Option<PathBuf>,
    /// Compile nothing: compare with the compiled code in this build, and development keys with their committed verifiers.
    #[arg(long)]
    committed: bool,
    /// A key (`.zkey` or `verification_key.json`) that one of the verifiers must be of; once for each. Needs solc.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// The proposer that is expected.
    #[arg(long, value_name = "ADDR")]
    proposer: Option<Address>,
    /// The tokens that are expected, in their order, the native coin left out; once for each.
    #[arg(long = "token", value_name = "ADDR")]
    tokens: Option<Vec<Address>>,
    /// The transaction that deployed the contract, where the node cannot search for it (it needs states of old blocks).
    #[arg(long, value_name = "HASH")]
    deployment: Option<B256>,
    /// Accept keys from no real ceremony.
    #[arg(long)]
    dev: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &AuditArgs) -> Result<(), Failure> {
    let mut node = args.place.open()?;
    let tag = args.place.tag(BlockTag::Finalized);
    something_is_there(&mut node, args.place.contract, tag)?;
    let verifiers = args.keys.iter().map(|path| verifier_of(path)).collect::<Result<_, _>>()?;
    let expected = Expected {
        source: source(args)?,
        // Made again from circuit and seed where they may have to be recognised; with keys of the auditor's they only have a name.
        recognised: match args.committed || !args.keys.is_empty() {
            true => devkey::verifiers(),
            false => devkey::rebuilt_verifiers(&sizes(&mut node, args.place.contract, tag)?),
        },
        verifiers,
        proposer: args.proposer,
        tokens: args.tokens.clone(),
        deployment: args.deployment,
    };
    let audit = audit(&mut node, args.place.contract, tag, &expected).map_err(audit_failure)?;
    let (differ, open) = (audit.count(Verdict::Differs), audit.count(Verdict::NotCompared));
    if args.json {
        let rows = audit.rows.iter().map(|row| {
            json!({ "what": row.what.trim_start(), "found": row.found, "verdict": verdict_name(row.verdict), "note": row.note })
        });
        let json = json!({
            "contract": audit.contract.to_string(), "chain_id": audit.chain_id, "block": audit.block.number,
            "sources": if args.committed { "committed" } else { "compiled" },
            "differs": differ, "not_compared": open, "development_key": audit.dev,
            "rows": rows.collect::<serde_json::Value>(),
        });
        say!("{json:#}");
    } else {
        say!("rollup {} on chain {}, block {} ({tag})\n", audit.contract, audit.chain_id, audit.block.number);
        for row in &audit.rows {
            say!("{:<9}{:<24}{}", verdict_name(row.verdict), row.what, row.found);
            if !row.note.is_empty() {
                say!("{:<33}({})", "", row.note);
            }
        }
    }
    if differ > 0 {
        let message = format!("{differ} lines of the audit differ: this is not the contract it should be");
        return Err(Failure::new(Code::Mismatch, message));
    }
    if audit.dev && !args.dev {
        let message = "the contract has a development key: proofs can be forged (--dev accepts that)";
        return Err(Failure::new(Code::DevKey, message));
    }
    if open > 0 {
        let message = format!("nothing differs, but {open} lines are unknown; each says how it can be known");
        return Err(Failure::new(Code::Mismatch, message));
    }
    if !args.json {
        say!(
            "\nnothing differs{}",
            if args.committed { " from the code in this command; no source was compiled" } else { "" }
        );
    }
    Ok(())
}

/// Asked before anything is compiled, which takes seconds.
fn something_is_there(node: &mut Node, contract: Address, tag: BlockTag) -> Result<(), Failure> {
    let (chain_id, block) =
        node.chain_id().and_then(|id| Ok((id, node.block(tag)?))).map_err(submit_failure)?;
    if node.code(contract, &block).map_err(submit_failure)?.is_empty() {
        return Err(audit_failure(AuditError::NoCode { contract, chain_id, block: block.number }));
    }
    Ok(())
}

/// The shipped sizes for which the contract names a verifier; what is no rollup names none.
fn sizes(node: &mut Node, contract: Address, tag: BlockTag) -> Result<Vec<usize>, Failure> {
    let block = node.block(tag).map_err(submit_failure)?;
    let has = |size: &usize| {
        let call = IRollup::verifierOfCall { size: U256::from(*size) };
        view(node, contract, call, &block).is_ok_and(|verifier| !verifier.is_zero())
    };
    Ok(SIZES.into_iter().filter(has).collect())
}

/// The contracts' code, compiled now unless nobody wants that.
fn source(args: &AuditArgs) -> Result<Source, Failure> {
    if args.committed {
        return Ok(Source::Committed);
    }
    let sources = match &args.source {
        Some(folder) => Sources::read(folder).or_fail(Code::BadFile)?,
        None => Sources::embedded(),
    };
    Ok(match sources.rebuild() {
        Ok(rebuilt) => Source::Compiled(Box::new(rebuilt)),
        Err(error) => {
            let refused = matches!(
                error,
                CompileError::Source { .. }
                    | CompileError::NoBytecode { .. }
                    | CompileError::CodeTooLarge { .. }
            );
            let why = Failure::new(Code::L1Unavailable, error).to_string();
            if refused { Source::Refused { why } } else { Source::NotCompiled { why } }
        }
    })
}

fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Same => "same",
        Verdict::Differs => "DIFFERS",
        Verdict::Shown => "",
        Verdict::NotCompared => "unknown",
    }
}

fn verifier_of(path: &Path) -> Result<KnownVerifier, Failure> {
    const NAME: &str = devkey::VERIFIER;
    // A `.zkey` also says how many contributions there were; a verifying key alone has only the marks of its points.
    let (key, source) = if input::magic(path)? == *b"zkey" {
        let key = input::key(path)?;
        (VerifierKey::from(key.verifying_key()), export::verifier(&key, NAME, true)?)
    } else {
        let key = VerifierKey::from(&input::verifying_key(path)?);
        let options = ExportOptions { name: NAME, contributions: None, allow_dev: true };
        let source = solidity::export(&key, &options).or_fail(Code::BadFile)?;
        (key, source)
    };
    let (name, key_hash, dev) =
        (path.display().to_string(), key.hash(), source.contains("IS_DEV_SETUP = true"));
    Ok(KnownVerifier { name, key_hash, runtime: compile(&source, NAME)?.runtime, dev })
}
