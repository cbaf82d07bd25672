//! `millrace verify`

use crate::{
    args::VerifyArgs,
    exit::{Code, Failure, OrFail},
    input,
    output::say,
};

pub(crate) fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let key = input::verifying_key(&args.key)?;
    let public = input::public(&args.public)?;
    let proof = input::proof(&args.proof)?;
    millrace_groth16::verify(&key, &public, &proof).or_fail(Code::ProofRejected)?;
    say!("OK: the proof is valid for these {} public inputs", public.len());
    Ok(())
}
