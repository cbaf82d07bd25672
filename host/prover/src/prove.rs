//! The prover.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use millrace_bn254::FrCanonical;
use millrace_groth16::{Proof, ProvingKey, R1cs, VerifyError, Witness};
use millrace_job::{
    CancelToken, Engine, EngineError, EngineSet, EngineSlot, Event, Group, Job, JobGraph, JobKind, Observer,
    RunError, RunOutput, RunPolicy, run, split::Rates,
};

use crate::{
    Blame, Blinding, BucketFn, FaultPlace, LoadError, LoadedKey, Placement, ProofReport, ProveError,
    Randomness, Share,
    assemble::assemble,
    blame,
    pages::Reading,
    plan::{Assembly, Planner},
    seats::Seats,
};

/// How a prover uses its engines.
#[derive(Debug, Clone)]
pub struct ProverOptions {
    /// Which engine does which job.
    pub placement: Placement,
    /// The engine that judges others and finishes what they could not: the CPU. Does every kind of job.
    pub trusted: EngineSlot,
    /// Whether the trusted engine may do jobs that were planned for another. Without this, a job that ran elsewhere than
    /// planned, or was answered wrongly, fails the proof.
    pub fallback: bool,
    /// How often a job is tried again on the same engine after a transient error.
    pub retries: u32,
    /// Tells right buckets from wrong ones, to name the place of a fault in an MSM.
    pub buckets: Option<BucketFn>,
}

/// A finished proof.
#[derive(Debug, Clone)]
pub struct Proved {
    /// The proof; it passed the pairing check.
    pub proof: Proof,
    /// The public signals.
    pub publics: Vec<FrCanonical>,
    /// What it took.
    pub report: ProofReport,
}

/// Makes proofs. Several threads may prove at once, with one key or several.
pub struct Prover {
    set: Arc<EngineSet>,
    options: ProverOptions,
    rates: Rates,
    /// The same for each other engine of the set that does whole proofs as well as the first, and how many proofs each has.
    lanes: Vec<Prover>,
    seats: Seats,
}

impl Prover {
    /// A prover over a set of engines.
    ///
    /// # Panics
    /// If the options name a slot that the set does not have.
    pub fn new(set: Arc<EngineSet>, options: ProverOptions) -> Self {
        for slot in [options.trusted, options.placement.device()] {
            assert!(slot.0 < set.len(), "no engine in slot {}", slot.0);
        }
        Self { set, options, rates: Rates::default(), lanes: Vec::new(), seats: Seats::new(1) }
    }

    /// A prover with one engine, which does every kind of job and is believed: nothing is tried again or judged by another.
    pub fn alone(engine: Arc<dyn Engine>) -> Self {
        Self::lanes(vec![engine])
    }

    /// A prover for as many proofs in flight as there are engines, which are alike: each does every kind of job and is believed, and a proof is made by the one that has the fewest.
    ///
    /// # Panics
    /// Without an engine.
    pub fn lanes(engines: Vec<Arc<dyn Engine>>) -> Self {
        let set = EngineSet::new(engines);
        let on = |slot| {
            let placement = Placement::On(slot);
            let options =
                ProverOptions { placement, trusted: slot, fallback: false, retries: 0, buckets: None };
            Self::new(set.clone(), options)
        };
        let lanes = set.slots().skip(1).map(on).collect();
        Self { lanes, seats: Seats::new(set.len()), ..on(EngineSlot(0)) }
    }

    /// The engines.
    pub fn engines(&self) -> &Arc<EngineSet> {
        &self.set
    }

    /// Checks every entry and point of a key and sends its bases to the engines that will need them.
    ///
    /// # Errors
    /// [`LoadError::Key`] for a damaged key, [`LoadError::Engine`] if an engine cannot hold it (with fallback, only if the
    /// trusted engine cannot: another is put aside).
    pub fn load(&self, key: ProvingKey) -> Result<LoadedKey, LoadError> {
        self.load_or_cancel(key, &CancelToken::default())
    }

    /// As [`Prover::load`], until somebody cancels; looked at between the parts of the key.
    ///
    /// # Errors
    /// As [`Prover::load`], and [`LoadError::Cancelled`].
    pub fn load_or_cancel(&self, key: ProvingKey, cancel: &CancelToken) -> Result<LoadedKey, LoadError> {
        let ProverOptions { placement, trusted, fallback, .. } = self.options;
        let loaded = LoadedKey::new(&self.set, trusted, placement, fallback, key, cancel)?;
        for Self { options, .. } in &self.lanes {
            loaded.send(&self.set, options.trusted, options.placement, options.fallback, cancel)?;
        }
        Ok(loaded)
    }

    /// Makes a proof and checks it. With a constraint system it can say why a witness is wrong.
    ///
    /// # Errors
    /// Any [`ProveError`].
    pub fn prove(
        &self,
        key: &LoadedKey,
        witness: &Witness,
        r1cs: Option<&R1cs>,
        randomness: &Randomness,
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<Proved, ProveError> {
        let once = || {
            self.take_back_if_all_are_needed();
            let seat = self.seats.take(|index| self.lane(index).is_usable());
            self.lane(seat.index).prove_here(key, witness, r1cs, randomness, observer, cancel)
        };
        match once() {
            // A fault of an engine fails no proof while there is another like it; where there is none, it is tried once more.
            Err(ProveError::Run(RunError::Job { source, .. }))
                if (source.is_transient() || matches!(source, EngineError::DeviceLost { .. }))
                    && self.take_back_if_all_are_needed() =>
            {
                once()
            }
            result => result,
        }
    }

    /// Engines whose failure fails a proof.
    fn needed(&self) -> impl Iterator<Item = EngineSlot> {
        let ProverOptions { placement, trusted, fallback, .. } = &self.options;
        [Some(*trusted), (!fallback).then(|| placement.device())].into_iter().flatten()
    }

    fn is_usable(&self) -> bool {
        self.needed().all(|slot| self.set.aside(slot).is_none())
    }

    /// Where no lane is usable, gives all engines work again that are not put aside for good. Says whether a lane is usable then.
    fn take_back_if_all_are_needed(&self) -> bool {
        let lanes = || (0..=self.lanes.len()).map(|index| self.lane(index));
        if !lanes().any(Self::is_usable) {
            lanes().flat_map(Self::needed).for_each(|slot| self.set.take_back(slot));
        }
        lanes().any(Self::is_usable)
    }

    /// The prover of an engine: this one, or that of another engine of the set that does whole proofs.
    fn lane(&self, index: usize) -> &Self {
        index.checked_sub(1).map_or(self, |other| &self.lanes[other])
    }

    fn prove_here(
        &self,
        key: &LoadedKey,
        witness: &Witness,
        r1cs: Option<&R1cs>,
        randomness: &Randomness,
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<Proved, ProveError> {
        let began = Instant::now();
        let observer: &dyn Observer = &Reading::new(key, observer);
        let header = key.key.header();
        let (expected, got) = (header.n_vars as usize, witness.len());
        let publics = witness.publics(header.n_public as usize).filter(|_| expected == got);
        let Some(publics) = publics else { return Err(ProveError::WitnessLength { expected, got }) };
        check_same_circuit(key, r1cs)?;
        let blinding = randomness.draw()?;

        let planner = self.planner(key, witness);
        let (graph, ports) = planner.plan(key, witness);
        let untrusted = graph.jobs().any(|(_, slot, _)| slot != self.options.trusted);
        let policy = RunPolicy {
            // The trusted engine fails for reasons that another try would not change, and needs no copies kept for one.
            retries: if untrusted { self.options.retries } else { 0 },
            fallback: (untrusted && self.options.fallback).then_some(self.options.trusted),
            digests: untrusted,
            ..RunPolicy::default()
        };
        let mut output = run(graph, &self.set, &policy, observer, cancel)?;
        let mut attempt = self.finish(key, publics, &ports, &mut output, &blinding)?;
        let mut blamed = None;
        if attempt.checked.is_err() {
            // A mapped key may have changed since it was loaded: no device is to blame for that.
            key.key.check().map_err(ProveError::BadKey)?;
        }
        if attempt.checked.is_err() && output.jobs.iter().any(|job| job.ran != self.options.trusted) {
            let (mut trusted, trusted_ports) = self.replay(planner.plan(key, witness), observer, cancel)?;
            blamed = self.blame(&output, &trusted);
            if let Some(blame) = &blamed {
                let reason = blame.to_string();
                observer.event(&Event::EngineAside { engine: &blame.engine, reason: &reason });
                if !self.options.fallback {
                    return Err(ProveError::Device(Box::new(blame.clone())));
                }
            }
            attempt = self.finish(key, publics, &trusted_ports, &mut trusted, &blinding)?;
        }
        if let Err(why) = attempt.checked {
            // Loading a .zkey checks curves only: a point outside the subgroup shows here, and is then the cause.
            if let Err(error) = key.key.check_subgroups_on_one_thread() {
                return Err(ProveError::BadKey(error));
            }
            return Err(self.explain(witness, r1cs, why));
        }
        output.jobs.iter().for_each(|job| self.rates.record(job.ran, &job.report));
        let mut report = ProofReport::new(&self.set, &output.jobs, began.elapsed(), attempt.check);
        report.blame = blamed;
        Ok(Proved { proof: attempt.proof, publics: publics.to_vec(), report })
    }

    /// Settles how sums are shared, so that a replay has the same jobs.
    fn planner(&self, key: &LoadedKey, witness: &Witness) -> Planner<'_> {
        let (set, options) = (&self.set, &self.options);
        let ratio = match options.placement {
            Placement::On(_) => 1.0,
            Placement::Split { share: Share::Ratio(ratio), .. } => ratio.clamp(0.0, 1.0),
            Placement::Split { device, share: Share::Measured } => self.measured_ratio(key, witness, device),
        };
        let sum = JobKind::Msm { group: Group::G1, points: witness.len() };
        let weights = set.engine(options.placement.device()).shares(&sum);
        let log_n = key.key.header().domain_size.ilog2();
        // Where sums are shared, so are transforms.
        let quotient = match options.placement {
            Placement::On(device) => set.engine(device).supports(&JobKind::Quotient { log_n }),
            Placement::Split { .. } => false,
        };
        let (trusted, placement) = (options.trusted, options.placement);
        Planner { set, trusted, placement, ratio, weights, quotient }
    }

    /// The device's share by points a second; without figures, half each (the job itself will say what is wrong with an engine).
    fn measured_ratio(&self, key: &LoadedKey, witness: &Witness, device: EngineSlot) -> f64 {
        let rate = |slot| self.rates.get(slot, Group::G1).or_else(|| self.measure(key, witness, slot));
        match (rate(device), rate(self.options.trusted)) {
            (Some(device), Some(trusted)) => device / (device + trusted),
            _ => 0.5,
        }
    }

    /// Runs a part of the sum over A, for its speed only.
    fn measure(&self, key: &LoadedKey, witness: &Witness, slot: EngineSlot) -> Option<f64> {
        const SAMPLE: usize = 1 << 10;
        if self.set.aside(slot).is_some() {
            return None;
        }
        let engine = self.set.engine(slot);
        let points = witness.len().min(SAMPLE);
        let bases = key.a.on(slot).ok()?;
        let scalars = witness.values().part(0..points)?;
        let job = Job::Msm { group: Group::G1, bases, range: 0..points, scalars };
        let mut report = engine.submit(job).and_then(|ticket| engine.wait(ticket)).ok()?.report;
        report.kind = JobKind::Msm { group: Group::G1, points };
        self.rates.record(slot, &report);
        self.rates.get(slot, Group::G1)
    }

    fn finish(
        &self,
        key: &LoadedKey,
        publics: &[FrCanonical],
        ports: &Assembly,
        output: &mut RunOutput,
        blinding: &Blinding,
    ) -> Result<Attempt, ProveError> {
        let proof = assemble(key.key.header(), ports, output, blinding)?;
        let began = Instant::now();
        let checked = key.verifying.verify(publics, &proof);
        Ok(Attempt { proof, checked, check: began.elapsed() })
    }

    /// The same jobs, all on the trusted engine.
    fn replay(
        &self,
        (mut graph, ports): (JobGraph<'static>, Assembly),
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<(RunOutput, Assembly), ProveError> {
        graph.pin(self.options.trusted);
        let policy = RunPolicy { digests: true, keep_inputs: true, ..RunPolicy::default() };
        Ok((run(graph, &self.set, &policy, observer, cancel)?, ports))
    }

    /// Finds the job that was wrong and puts its engine aside; `None` if all answers were right.
    fn blame(&self, ran: &RunOutput, trusted: &RunOutput) -> Option<Blame> {
        let (wrong, right) = blame::first_difference(&ran.jobs, &trusted.jobs)?;
        // One of several behind a slot is blamed alone; the report is its own.
        let engine = wrong.report.engine.clone();
        let suspect = blame::Suspect { slot: wrong.ran, engine: &engine };
        let place = match &right.input {
            Some(input) => {
                blame::locate(&self.set, self.options.trusted, suspect, input, self.options.buckets)
            }
            None => FaultPlace::Unlocated,
        };
        let blame = Blame { label: wrong.label.clone(), kind: wrong.report.kind, engine, place };
        let reason = blame.to_string();
        if !self.set.engine(wrong.ran).put_aside(&blame.engine, &reason) {
            self.set.put_aside(wrong.ran, reason);
        }
        Some(blame)
    }

    /// Why a proof is wrong that the trusted engine made.
    fn explain(&self, witness: &Witness, r1cs: Option<&R1cs>, why: VerifyError) -> ProveError {
        match r1cs.map(|r1cs| r1cs.first_unsatisfied(witness)) {
            None => ProveError::UnsatisfiedOrDamaged,
            Some(Err(e)) => e.into(),
            Some(Ok(Some(unsatisfied))) => ProveError::Unsatisfied(unsatisfied),
            Some(Ok(None)) => ProveError::KeyDamaged(why),
        }
    }
}

struct Attempt {
    proof: Proof,
    checked: Result<(), VerifyError>,
    check: Duration,
}

fn check_same_circuit(key: &LoadedKey, r1cs: Option<&R1cs>) -> Result<(), ProveError> {
    let Some(r1cs) = r1cs else { return Ok(()) };
    let header = key.key.header();
    for (what, expected, got) in
        [("wires", header.n_vars, r1cs.n_wires()), ("public signals", header.n_public, r1cs.n_public())]
    {
        if expected != got {
            return Err(ProveError::OtherConstraints { what, expected, got });
        }
    }
    Ok(())
}
