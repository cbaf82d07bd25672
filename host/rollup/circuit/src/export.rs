//! Files that snarkjs and the prover read.

use std::io::{self, Write};

use millrace_bn254::FrCanonical;
use millrace_groth16::{R1csSizes, Witness, write_r1cs};
use millrace_state::batch::{Executed, PublicInputs};

use crate::{
    OpInputs,
    batch::{Circuit, N_PUBLIC, WrongSize},
    system::Side,
};

impl Circuit {
    /// Writes the constraints as an `.r1cs`. The same N gives the same bytes.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn write_r1cs(&self, out: &mut impl Write) -> io::Result<()> {
        let system = self.system();
        let sizes = R1csSizes {
            n_wires: system.n_wires() as u32,
            n_public: N_PUBLIC,
            n_constraints: system.n_constraints() as u32,
            n_terms: system.n_terms() as u64,
        };
        let constraints = (0..system.n_constraints()).map(|i| {
            [Side::A, Side::B, Side::C]
                .map(|side| system.terms(i, side).map(|(wire, coefficient)| (wire.0, coefficient)).collect())
        });
        write_r1cs(out, &sizes, constraints)
    }

    /// The witness of a batch, ready for the prover.
    ///
    /// # Errors
    /// [`WrongSize`].
    pub fn groth16_witness(&self, batch: &Executed) -> Result<Witness, WrongSize> {
        let ops: Vec<OpInputs> = batch.ops.iter().map(OpInputs::from).collect();
        self.check_size(ops.len())?;
        let (header, publics) = ((&batch.header).into(), PublicInputs::of(&batch.words()));
        let witness = Witness::filled(self.system().n_wires(), |places| {
            self.fill(places, (batch, &header, &ops, &publics), |value| FrCanonical::from(*value));
        });
        Ok(witness.expect("field elements are in range and wire 0 is 1"))
    }
}
