//! `millrace export`

use millrace_groth16::{ProvingKey, solidity_calldata, verifying_key_to_json};
use millrace_l1::{
    VerifierKey,
    solidity::{self, ExportError, ExportOptions},
};

use crate::{
    args::ExportCommand,
    exit::{Code, Failure},
    input,
    output::{Outputs, say},
};

pub(crate) fn run(command: &ExportCommand) -> Result<(), Failure> {
    match command {
        ExportCommand::Solidity { key, output: to, name, dev } => {
            let source = verifier(&input::key(key)?, name, *dev)?;
            let mut outputs = Outputs::beside([key.as_path()]);
            outputs.add(to, source.as_bytes())?;
            outputs.commit()?;
            say!("{}: contract {name}", to.display());
        }
        ExportCommand::Calldata { public, proof } => {
            say!("{}", solidity_calldata(&input::proof(proof)?, &input::public(public)?));
        }
        ExportCommand::Vkey { key, output: to } => {
            let mut outputs = Outputs::beside([key.as_path()]);
            let key = input::key(key)?;
            outputs.add(to, verifying_key_to_json(key.verifying_key()).as_bytes())?;
            outputs.commit()?;
            say!("{}: {} public inputs", to.display(), key.header().n_public);
        }
    }
    Ok(())
}

/// The verifier contract of a key. A key from no real ceremony is refused unless `dev`.
pub(crate) fn verifier(key: &ProvingKey, name: &str, dev: bool) -> Result<String, Failure> {
    let contributions = Some(key.contributions().len());
    let options = ExportOptions { name, contributions, allow_dev: dev };
    solidity::export(&VerifierKey::from(key.verifying_key()), &options).map_err(|error| {
        let code = match error {
            ExportError::DevKey { .. } => Code::DevKey,
            ExportError::Name { .. } => Code::Usage,
            _ => Code::BadFile,
        };
        Failure::new(code, error)
    })
}
