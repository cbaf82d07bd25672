//! `millrace submit`

use std::path::Path;

use millrace_bn254::FrCanonical;
use millrace_groth16::{Proof, ProvingKey};
use millrace_l1::{
    Address, VerifierKey, VerifyCall,
    evm::{Evm, Verdict},
    revert,
    rpc::{self, Limits, SecretKey, Sender, SubmitError, Target},
    solc::{self, CompileError, Compiled},
};

use crate::{
    args::SubmitArgs,
    exit::{Code, Failure, OrFail},
    export, input,
    output::say,
};

const CONTRACT: &str = "Groth16Verifier";
const KEY_VARIABLE: &str = "MILLRACE_L1_KEY";

pub(crate) fn run(args: &SubmitArgs) -> Result<(), Failure> {
    let (public, proof) = (input::public(&args.public)?, input::proof(&args.proof)?);
    match (&args.embedded, &args.rpc) {
        (Some(key), _) => embedded(&input::key(key)?, &proof, &public, args.dev),
        (None, Some(url)) => to_node(args, url, &proof, &public),
        (None, None) => Err(Failure::new(Code::Usage, "expected --rpc or --embedded, got neither")),
    }
}

fn bytecode(key: &ProvingKey, dev: bool) -> Result<Vec<u8>, Failure> {
    let source = export::verifier(key, CONTRACT, dev)?;
    compile(&source, CONTRACT).map(|compiled| compiled.bytecode)
}

/// Compiles a verifier.
pub(crate) fn compile(source: &str, contract: &str) -> Result<Compiled, Failure> {
    solc::compile(source, contract).map_err(|error| {
        let code = match error {
            CompileError::Source { .. }
            | CompileError::NoBytecode { .. }
            | CompileError::CodeTooLarge { .. } => Code::L1Rejected,
            _ => Code::L1Unavailable,
        };
        Failure::new(code, error)
    })
}

fn embedded(key: &ProvingKey, proof: &Proof, public: &[FrCanonical], dev: bool) -> Result<(), Failure> {
    let mut evm = Evm::new();
    let verifier = evm.deploy(&bytecode(key, dev)?).or_fail(Code::L1Rejected)?;
    match evm.verify(verifier, &VerifyCall::new(proof, public).encode()).or_fail(Code::L1Rejected)? {
        Verdict::Accepted { gas } => {
            say!("accepted by the verifier contract in the embedded EVM; {gas} gas");
            Ok(())
        }
        Verdict::Rejected { gas } => {
            Err(Failure::new(Code::L1Rejected, format!("the contract rejects the proof ({gas} gas)")))
        }
        Verdict::Reverted { data, gas } => {
            let why = revert::describe(&data);
            Err(Failure::new(Code::L1Rejected, format!("the contract reverts: {why} ({gas} gas)")))
        }
    }
}

fn address(text: &str) -> Result<Address, Failure> {
    text.parse()
        .map_err(|_| Failure::new(Code::Usage, format!("expected an address of 20 bytes, got {text}")))
}

/// Who pays: an account of the node's, the key in a file, or the one in the environment.
pub(crate) fn sender(from: Option<&str>, key_file: Option<&Path>) -> Result<Sender, Failure> {
    if let Some(from) = from {
        return Ok(Sender::Unlocked(address(from)?));
    }
    let key = match key_file {
        Some(path) => SecretKey::from_file(path),
        None => SecretKey::from_env(KEY_VARIABLE),
    };
    key.map(Sender::Key).or_fail(Code::Usage)
}

/// Sorts a failure of L1.
pub(crate) fn submit_failure(error: SubmitError) -> Failure {
    let code = match error {
        SubmitError::Rejected
        | SubmitError::Reverted { .. }
        | SubmitError::TransactionReverted { .. }
        | SubmitError::WrongKey { .. } => Code::L1Rejected,
        SubmitError::Url { .. } | SubmitError::Key(_) => Code::Usage,
        _ => Code::L1Unavailable,
    };
    Failure::new(code, error)
}

fn to_node(args: &SubmitArgs, url: &str, proof: &Proof, public: &[FrCanonical]) -> Result<(), Failure> {
    let (sender, limits) = (sender(args.from.as_deref(), args.key_file.as_deref())?, Limits::default());
    let (contract, key_hash) = match (&args.deploy, &args.contract) {
        (Some(path), _) => {
            let key = input::key(path)?;
            let code = bytecode(&key, args.dev)?;
            let (contract, receipt) = rpc::deploy(url, &code, &sender, &limits).map_err(submit_failure)?;
            say!("verifier deployed at {contract}; {} gas", receipt.gas_used);
            (contract, Some(VerifierKey::from(key.verifying_key()).hash()))
        }
        (None, Some(text)) => (address(text)?, None),
        (None, None) => {
            return Err(Failure::new(Code::Usage, "expected --contract or --deploy, got neither"));
        }
    };
    let target = Target { url: url.to_owned(), contract, chain_id: args.chain_id, key_hash };
    let calldata = VerifyCall::new(proof, public).encode();
    let (checked, receipt) = rpc::submit(&target, &calldata, &sender, &limits).map_err(submit_failure)?;
    say!(
        "accepted by {contract} on chain {}: transaction {}, block {}, {} gas",
        checked.chain_id,
        receipt.transaction,
        receipt.block,
        receipt.gas_used
    );
    Ok(())
}
