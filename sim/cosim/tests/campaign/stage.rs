//! A driver, a served model, and one thing that goes wrong between them.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ark_ec::AffineRepr;
use millrace_bn254::{Fr, G1Affine, G1Mont};
use millrace_driver::{Anomalies, DeviceEngine, DriverConfig, OpenError};
use millrace_job::{Engine, Resident};
use millrace_model::{Fault, JobClass, Until};
use millrace_pcie::{DmaError, Function};
use millrace_regs::{queue_register, registers as reg};

use super::{
    LIMIT,
    classes::{Class, HELD, Moment, Reset, Strike},
    damage::{Damage, bad_irqs},
    killed::kill,
    quick,
    seen::Seen,
    served::Served,
    work::{Circuit, Work},
};

/// Bases that fill the model's memory.
const ALL_POINTS: usize = 1 << 16;
/// Between two readings of a counter that creeps, and as long as it may stand still.
const CREEP: Duration = Duration::from_millis(40);
/// A job that is waited for.
const SOME_TIME: Duration = Duration::from_millis(60);
/// Between two accesses at which a start is struck.
const STEP: u64 = 4;

/// What a class did.
pub(crate) struct Outcome {
    pub(crate) told: String,
    pub(crate) counted: Vec<(&'static str, u64)>,
    pub(crate) then: &'static str,
    pub(crate) proof: String,
}

struct Stage {
    served: Served,
    function: Function,
    damage: Arc<Damage>,
    /// All memory that the device was ever shown.
    seen: Arc<Seen>,
}

/// The name of a reason, as the table has it.
fn open_code(error: &OpenError) -> &'static str {
    match error {
        OpenError::DeadLink { .. } => "DEAD_LINK",
        OpenError::Dma { source: DmaError::OutOfMemory { .. }, .. } => "OUT_OF_MEMORY",
        OpenError::Dma { source: DmaError::OutOfIova { .. }, .. } => "OUT_OF_IOVA",
        OpenError::Unresponsive { .. } => "UNRESPONSIVE",
        _ => "another reason",
    }
}

fn names(a: &Anomalies) -> [(&'static str, u64); 13] {
    [
        ("unknown_jobs", a.unknown_jobs),
        ("stale_epochs", a.stale_epochs),
        ("garbage", a.garbage),
        ("lost_completions", a.lost_completions),
        ("wrong_digests", a.wrong_digests),
        ("wrong_results", a.wrong_results),
        ("doorbells_again", a.doorbells_again),
        ("engine_resets", a.engine_resets),
        ("queue_resets", a.queue_resets),
        ("function_resets", a.function_resets),
        ("outside_resets", a.outside_resets),
        ("restarted", a.restarted),
        ("uploads_again", a.uploads_again),
    ]
}

impl Stage {
    fn new() -> Self {
        let served = Served::new();
        let function = served.function();
        let seen = Arc::new(Seen::new(&function));
        Self { served, function, damage: Arc::default(), seen }
    }

    /// The driver of a function that is damaged, or will be.
    fn open(&self, strike: &Strike) -> Result<Arc<DeviceEngine>, OpenError> {
        let room = match strike {
            Strike::Room(bytes) | Strike::Addresses(bytes) => *bytes,
            _ => usize::MAX,
        };
        self.damage.room_bytes.store(room, Ordering::Release);
        self.damage.no_addresses.store(matches!(strike, Strike::Addresses(_)), Ordering::Release);
        let given = self.damage.function(&Seen::function(&self.seen, &self.function));
        let given = match strike {
            Strike::Wrap(wrap) => wrap(given, &self.damage),
            Strike::Stuck(reset) => reset(given),
            Strike::Irqs(how) => bad_irqs(given, *how, &self.damage),
            _ => given,
        };
        let config = match strike {
            // What ends the job is the reset, not the watchdog.
            Strike::Reset(..) => DriverConfig { stall_time: LIMIT, progress_interval: LIMIT, ..quick() },
            // A creep is allowed many stall times.
            Strike::Job(_, [Fault::Slow(_)]) => {
                DriverConfig { progress_interval: CREEP, stall_time: CREEP, ..quick() }
            }
            _ => quick(),
        };
        DeviceEngine::open(given, config).map(Arc::new)
    }

    /// Lets a class strike, and something be done meanwhile.
    fn strike<T: Send>(
        &mut self,
        strike: &Strike,
        engine: &Arc<DeviceEngine>,
        is_proof: bool,
        act: impl FnOnce() -> T + Send,
    ) -> T {
        let Self { served, function, damage, .. } = self;
        match strike {
            Strike::Job(of, faults) => {
                for (nth, fault) in faults.iter().enumerate() {
                    served.inject(*of, nth as u64, *fault);
                }
            }
            Strike::Poison(of_jobs, of_proof) => served.poison(if is_proof { *of_proof } else { *of_jobs }),
            Strike::Stuck(_) => served.inject(JobClass::Msm, 0, Fault::Stuck(Until::Never)),
            Strike::Irqs(_) => served.inject(JobClass::Msm, 0, Fault::Slow(SOME_TIME)),
            Strike::Registers(strike) => strike(damage, engine),
            Strike::Socket(strike) => strike(served, function, engine),
            Strike::ResetIn(Moment::Recovery) => {
                served.inject(JobClass::Msm, 0, Fault::Stuck(Until::FunctionReset));
                damage.trip(Box::new(|is_write, offset, value| {
                    is_write && offset == reg::CTRL && value & reg::CTRL_RESET_FUNCTION_MASK != 0
                }));
            }
            Strike::ResetIn(Moment::Eviction) => {
                let all = vec![G1Mont::from(&G1Affine::generator()); ALL_POINTS];
                engine.load(Resident::G1(all.into())).expect("room for what fills the memory");
                let before = engine.evictions();
                let doorbell = (0..engine.queues() as u32).map(|q| queue_register(q, reg::QUEUE_DOORBELL));
                let doorbells: Vec<u32> = doorbell.collect();
                damage.trip(Box::new(move |is_write, offset, _| is_write && doorbells.contains(&offset)));
                let done = act();
                assert!(engine.evictions() > before, "nothing made room");
                return done;
            }
            Strike::Reset(held, reset) => {
                let taken = held.map_or(0, |(of, fault)| {
                    let taken = served.taken(of);
                    served.inject(of, 0, fault);
                    taken
                });
                let begin = || {
                    served.until_taken(*held, taken);
                    if let Reset::FromOutside = reset {
                        function.reset.as_ref().unwrap().reset().unwrap();
                    }
                    engine.reset().unwrap();
                };
                return std::thread::scope(|scope| {
                    match held {
                        None => begin(),
                        Some(_) => drop(scope.spawn(begin)),
                    }
                    if let Reset::Twice = reset {
                        scope.spawn(begin);
                    }
                    act()
                });
            }
            Strike::Wrap(_)
            | Strike::Room(_)
            | Strike::Addresses(_)
            | Strike::ResetIn(_)
            | Strike::Kill(_) => {}
        }
        act()
    }

    fn clean(&self, secrets: &[Fr], after: &str) {
        assert!(!self.seen.holds(secrets), "after {after}: a secret lies in DMA memory");
    }

    /// Whether a struck class has struck; where it resets the device from outside, what waits in a model is gone with it.
    fn has_struck(&self) -> bool {
        !self.served.is_armed() && !self.damage.is_armed()
    }
}

/// What `act` makes be counted.
fn counting<T>(
    stage: &mut Stage,
    engine: &DeviceEngine,
    act: impl FnOnce(&mut Stage) -> T,
) -> (T, Vec<(&'static str, u64)>) {
    let counts = |stage: &Stage| {
        let anomalies = names(&engine.anomalies());
        anomalies.into_iter().chain(stage.damage.seen.counts()).collect::<Vec<_>>()
    };
    let before = counts(stage);
    let done = act(stage);
    let after = counts(stage).into_iter().zip(before);
    (done, after.map(|((name, after), (_, before))| (name, after - before)).filter(|(_, n)| *n > 0).collect())
}

/// Runs a class: jobs, then a proof, each with a driver and a device of its own.
pub(crate) fn run(class: &Class, work: &Work, circuit: &Circuit) -> Outcome {
    match class.strike {
        Strike::Kill(victim) => {
            let served = Served::new();
            let told = format!("killed {} times", kill(&served, victim, work));
            let proof = circuit.prove(Arc::new(served.successor()));
            return Outcome { told, counted: vec![], then: "the next driver works", proof };
        }
        Strike::ResetIn(Moment::BringUp) => return struck_at_start(class, work, circuit),
        Strike::ResetIn(moment @ (Moment::Cancel | Moment::Close)) => {
            return struck_alone(class, moment, work, circuit);
        }
        _ => {}
    }
    let mut stage = Stage::new();
    let engine = match stage.open(&class.strike) {
        Ok(engine) => engine,
        Err(error) => {
            let told = format!("not opened: {}", open_code(&error));
            let Stage { served, function, seen, .. } = stage;
            drop((error, function, seen));
            served.successor_works(work);
            let proof = circuit.prove(Arc::new(served.successor()));
            return Outcome { told, counted: vec![], then: "the next driver works", proof };
        }
    };
    let mut jobs = JobCounts::new(&class.strike, &stage);
    if !matches!(class.strike, Strike::Wrap(_) | Strike::Irqs(_) | Strike::Room(_) | Strike::Addresses(_)) {
        assert!(work.run(&engine).is_empty(), "{} before the fault", class.name);
        jobs.without_fault(&stage);
    }
    let ((told, after), mut counted) = counting(&mut stage, &engine, |stage| {
        let told = stage.strike(&class.strike, &engine, false, || work.run(&engine));
        jobs.with_fault(stage);
        assert!(stage.has_struck(), "{} did not strike the jobs", class.name);
        stage.clean(&work.secrets(), &class.name);
        stage.damage.room_bytes.store(usize::MAX, Ordering::Release);
        // Bases of before are damaged where the fault was in device memory; new ones are sent.
        (told, work.run(&engine))
    });
    if let Strike::Reset(_, reset) = class.strike {
        let resets = if let Reset::Twice = reset { 2 } else { 1 };
        assert!(counted.contains(&("function_resets", resets)), "{}: {counted:?}", class.name);
    }
    counted.extend([(GIVEN_AGAIN, jobs.given_again())].into_iter().filter(|count| count.1 > 0));
    if matches!(class.strike, Strike::Job(_, [Fault::Late])) && told.is_empty() && jobs.given_again() == 0 {
        // It was held back until another one's, and is what the right answer came by.
        counted.push((OUT_OF_ORDER, 1));
    }
    let told = if told.is_empty() { RIGHT.into() } else { told.join(", ") };
    let then = match after.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => "works",
        ["LOST", ..] if stage.served.is_there() => {
            // The link is up again; the old driver lives, and has let go.
            stage.served.successor_works(work);
            "lost, and says so; the next driver works beside it"
        }
        ["LOST", ..] => "lost, and says so",
        _ => panic!("{}: the next jobs failed with {after:?}", class.name),
    };
    stage.clean(&work.secrets(), &class.name);
    drop((engine, stage));
    Outcome { told, counted, then, proof: struck_proof(class, circuit) }
}

pub(crate) const RIGHT: &str = "nothing, right answers";
/// Jobs of the struck kind that the device was given beyond those that it is given without a fault.
pub(crate) const GIVEN_AGAIN: &str = "jobs given again";
/// Which is no fault: completions may come in any order.
pub(crate) const OUT_OF_ORDER: &str = "harmless: completions behind a later job's";

/// Jobs of the struck kind, as the device counts them, in the same work without a fault and with it.
struct JobCounts {
    of: Option<JobClass>,
    last: u64,
    without: u64,
    with: u64,
}

impl JobCounts {
    fn new(strike: &Strike, stage: &Stage) -> Self {
        let of = if let Strike::Job(of, _) = strike { Some(*of) } else { None };
        let mut counts = Self { of, last: 0, without: 0, with: 0 };
        counts.since(stage);
        counts
    }

    /// A device that was reset from outside counts from 0.
    fn since(&mut self, stage: &Stage) -> u64 {
        let taken = self.of.map_or(0, |of| stage.served.taken(of));
        taken.saturating_sub(std::mem::replace(&mut self.last, taken))
    }

    fn without_fault(&mut self, stage: &Stage) {
        self.without = self.since(stage);
        assert!(self.of.is_none() || self.without > 0, "work that strikes no job");
    }

    fn with_fault(&mut self, stage: &Stage) {
        self.with = self.since(stage);
    }

    fn given_again(&self) -> u64 {
        self.with.saturating_sub(self.without)
    }
}

/// By whom a proof is made that is struck, and equals the CPU's.
fn struck_proof(class: &Class, circuit: &Circuit) -> String {
    let mut stage = Stage::new();
    let engine = stage.open(&class.strike).expect("opened before");
    let proof = stage.strike(&class.strike, &engine, true, || circuit.prove(engine.clone()));
    assert!(stage.has_struck(), "{} did not strike the proof", class.name);
    stage.clean(circuit.secrets(), &class.name);
    proof
}

/// A reset from outside at every so-manieth access of a start.
fn struck_at_start(class: &Class, work: &Work, circuit: &Circuit) -> Outcome {
    let (mut opened, mut refused) = (0u64, 0u64);
    for nth in 0.. {
        let stage = Stage::new();
        let mut left = nth * STEP;
        stage.damage.trip(Box::new(move |_, _, _| {
            let is_now = left == 0;
            left = left.saturating_sub(1);
            is_now
        }));
        let engine = stage.open(&class.strike);
        if stage.damage.is_armed() {
            // It starts by fewer accesses.
            break;
        }
        match engine {
            Ok(engine) => {
                let told = work.run(&engine);
                assert!(told.is_empty(), "{}: {told:?}", class.name);
                opened += 1;
            }
            Err(error) => {
                assert_eq!(open_code(&error), "UNRESPONSIVE", "{}: {error}", class.name);
                let Stage { served, function, seen, .. } = stage;
                drop((function, seen));
                served.successor_works(work);
                refused += 1;
            }
        }
    }
    assert!(opened + refused > 10, "{}: {opened} and {refused} starts", class.name);
    let served = Served::new();
    Outcome {
        told: format!("UNRESPONSIVE or works ({refused} and {opened} of {} starts)", opened + refused),
        counted: vec![("resets from outside by others", opened + refused)],
        then: "the next driver works",
        proof: circuit.prove(Arc::new(served.successor())),
    }
}

/// A reset from outside when the driver is about to make the device let go of a job that it holds.
fn struck_alone(class: &Class, moment: Moment, work: &Work, circuit: &Circuit) -> Outcome {
    let stage = Stage::new();
    let engine = stage.open(&class.strike).expect("a good device");
    let taken = stage.served.taken(JobClass::Ntt);
    stage.served.inject(JobClass::Ntt, 0, HELD);
    let ticket = engine.submit(work.ntt()).expect("takes it");
    stage.served.until_taken(Some((JobClass::Ntt, HELD)), taken);
    assert!(stage.seen.holds(&work.secrets()), "the search does not find what is in flight");
    stage.damage.trip(Box::new(|is_write, offset, _| is_write && offset == reg::CTRL));
    let (told, then, engine) = if moment == Moment::Cancel {
        engine.cancel(ticket).expect("the device comes back");
        stage.clean(&work.secrets(), &class.name);
        let after = work.run(&engine);
        assert!(after.is_empty(), "{}: {after:?}", class.name);
        ("cancelled", "works", engine)
    } else {
        drop(engine);
        stage.clean(&work.secrets(), &class.name);
        let next = DeviceEngine::open(stage.function.clone(), quick()).expect("the next driver");
        let after = work.run(&next);
        assert!(after.is_empty(), "{}: {after:?}", class.name);
        ("closed", "the next driver works", Arc::new(next))
    };
    assert!(stage.has_struck(), "{} did not strike", class.name);
    let proof = circuit.prove(engine);
    Outcome {
        told: told.into(),
        counted: stage.damage.seen.counts().into_iter().filter(|c| c.1 > 0).collect(),
        then,
        proof,
    }
}
