//! Several engines as one: each job goes where it is expected to end first, by the rates that were measured. Engines come and go while jobs run.
//!
//! In: engines, bases, jobs. Out: the same answers as from one of them. Bases are lent to the fleet and loaded on an engine when it first needs them. A
//! job whose engine is lost, or fails it, is given to another one; when nobody is left or everybody was tried it fails with
//! [`EngineError::Unavailable`]: engines that are lost may come back, so the fleet itself is never lost.

mod member;
mod rates;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use self::member::{Member, Refusal};
use crate::{
    BucketDump, BufferId, Engine, EngineError, Job, JobKind, JobOutput, Resident, Ticket, value::wipe_values,
};

/// Jobs in flight beyond those of the engines at hand, for engines that come later.
const ROOM: usize = 4;
/// An engine that fails so many times without a job done between them gets no more.
const FAILURES_MOST: u32 = 3;

/// A job, with all that is needed to give it to another engine.
struct Flying {
    job: Job,
    member: Arc<Member>,
    ticket: Ticket,
    /// Seconds that it was expected to take there.
    expected: f64,
    started: Instant,
    /// Names of the engines that failed it: one that was opened anew after it is the same.
    tried: Vec<String>,
}

impl Drop for Flying {
    /// A copy of values that derive from a witness.
    fn drop(&mut self) {
        wipe_job(&mut self.job);
    }
}

#[derive(Default)]
struct State {
    members: Vec<Arc<Member>>,
    /// Whether any went, which may come back.
    some_went: bool,
    residents: HashMap<u64, Resident>,
    flying: HashMap<u64, Flying>,
}

/// Who is in a fleet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FleetMember {
    /// The engine's name.
    pub name: String,
    /// Why it gets no more jobs, if so.
    pub aside: Option<String>,
    /// Whether it was put aside for good: it gave a wrong answer and is not to be taken in again.
    pub barred: bool,
    /// Jobs that it has.
    pub in_flight: usize,
    /// Jobs that it has done.
    pub done: u64,
}

/// Several engines as one.
pub struct Fleet {
    name: String,
    state: Mutex<State>,
    next: AtomicU64,
}

impl Fleet {
    /// A fleet without engines.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), state: Mutex::default(), next: AtomicU64::new(1) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an engine in; from now on jobs may go to it. One that has the same name goes, as by [`Self::remove`].
    pub fn add(&self, engine: Arc<dyn Engine>) {
        let member = Arc::new(Member::new(engine));
        let _old = self.take_out(member.name());
        self.state().members.push(member);
    }

    /// Members to be dropped with nothing locked: closing a device takes its time.
    fn take_out(&self, name: &str) -> Vec<Arc<Member>> {
        let mut state = self.state();
        let (gone, kept) = std::mem::take(&mut state.members).into_iter().partition(|m| m.name() == name);
        state.members = kept;
        state.some_went |= !gone.is_empty();
        gone
    }

    /// Lets an engine go: no more jobs for it, those that it has end there. `false` if there is none of that name.
    pub fn remove(&self, name: &str) -> bool {
        !self.take_out(name).is_empty()
    }

    /// All engines, those that were put aside too.
    pub fn members(&self) -> Vec<FleetMember> {
        self.state().members.iter().map(|member| member.describe()).collect()
    }

    /// The engine on which such a job is expected to end first, of those that have not failed it.
    fn choose(&self, kind: &JobKind, tried: &[String]) -> Result<(Arc<Member>, f64), EngineError> {
        let state = self.state();
        let able: Vec<&Arc<Member>> =
            state.members.iter().filter(|m| m.is_trusted() && m.engine.supports(kind)).collect();
        if able.is_empty() {
            let may_come = state.some_went || state.members.iter().any(|m| m.engine.supports(kind));
            let engine = self.name.clone();
            return Err(match may_come {
                true => EngineError::Unavailable { engine, reason: "no engine of the fleet is left".into() },
                false => EngineError::Unsupported { engine, what: format!("{kind:?}") },
            });
        }
        // An engine that nobody has measured counts as fast as the fastest and goes before its equals, so that it gets its turn.
        let fastest = able.iter().filter_map(|m| m.rate(kind)).fold(0.0, f64::max);
        let judged = able.iter().filter(|m| !tried.iter().any(|name| name == m.name())).map(|&member| {
            let rate = member.rate(kind);
            let expected = match rate.unwrap_or(fastest) {
                rate if rate > 0.0 => rates::work(kind) / rate,
                _ => 0.0,
            };
            let (backlog, in_flight) = member.backlog();
            (member, expected, (backlog + expected, in_flight, rate.is_some()))
        });
        let sooner = |a: &(f64, usize, bool), b: &(f64, usize, bool)| {
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2))
        };
        match judged.min_by(|(_, _, a), (_, _, b)| sooner(a, b)) {
            Some((member, expected, _)) => Ok((member.clone(), expected)),
            None => Err(EngineError::Unavailable {
                engine: self.name.clone(),
                reason: "every engine of the fleet failed the job".into(),
            }),
        }
    }

    /// Gives a job to the best engine that takes it. What the `last` one said is told when nobody else is left to try.
    fn launch(
        &self,
        mut job: Job,
        mut tried: Vec<String>,
        mut last: Option<EngineError>,
    ) -> Result<Flying, EngineError> {
        let kind = job.kind();
        loop {
            let (member, expected) = match self.choose(&kind, &tried) {
                Ok(chosen) => chosen,
                Err(error) => {
                    wipe_job(&mut job);
                    return Err(match (error, last) {
                        // A later job may be smaller, this one stays as it is.
                        (
                            _,
                            Some(
                                last @ (EngineError::OutOfMemory { .. } | EngineError::MappingRefused { .. }),
                            ),
                        ) => last,
                        (EngineError::Unavailable { engine, reason }, Some(last)) => {
                            EngineError::Unavailable { engine, reason: format!("{reason}: {last}") }
                        }
                        (error, _) => error,
                    });
                }
            };
            let resident = |id: BufferId| self.state().residents.get(&id.0).cloned();
            match member.submit(&job, resident, expected, &self.name) {
                Ok((ticket, started)) => {
                    return Ok(Flying { job, member, ticket, expected, started, tried });
                }
                Err(Refusal::Member(error)) => {
                    last = Some(error);
                    tried.push(member.name().to_owned());
                }
                Err(Refusal::Job(error)) => {
                    wipe_job(&mut job);
                    return Err(error);
                }
            }
        }
    }

    /// Everybody else's name.
    fn all_but(&self, name: &str) -> Vec<String> {
        let state = self.state();
        state.members.iter().map(|member| member.name().to_owned()).filter(|other| other != name).collect()
    }

    /// Takes a job in for any engine but these.
    fn submit_except(&self, job: Job, tried: Vec<String>) -> Result<Ticket, EngineError> {
        let flying = self.launch(job, tried, None)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.state().flying.insert(number, flying);
        Ok(Ticket(number))
    }

    fn dump_except(&self, job: Job, tried: &[String]) -> Result<Option<BucketDump>, EngineError> {
        let (member, _) = self.choose(&job.kind(), tried)?;
        let resident = |id: BufferId| self.state().residents.get(&id.0).cloned();
        let job = member.translated(&job, resident, &self.name).map_err(Refusal::into_error)?;
        member.engine.dump_buckets(job)
    }

    /// Waits, at most until `deadline`; jobs of engines that fail go to others meanwhile.
    fn wait_until(&self, number: u64, deadline: Option<Instant>) -> Result<Option<JobOutput>, EngineError> {
        let unknown = || EngineError::BadJob {
            engine: self.name.clone(),
            expected: "a ticket of this engine".into(),
            got: format!("ticket {number}"),
        };
        let mut flying = self.state().flying.remove(&number).ok_or_else(unknown)?;
        loop {
            let ticket = Ticket(flying.ticket.0);
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let ended = match left {
                None => flying.member.engine.wait(ticket).map(Ok),
                Some(left) => flying.member.engine.try_wait(ticket, left),
            };
            let error = match ended {
                Ok(Ok(output)) => {
                    flying.member.done(&flying.job.kind(), flying.started, flying.expected);
                    return Ok(Some(output));
                }
                Ok(Err(same)) => {
                    flying.ticket = same;
                    self.state().flying.insert(number, flying);
                    return Ok(None);
                }
                Err(error) => error,
            };
            let others_may = flying.member.failed(&error, flying.started, flying.expected);
            if !others_may {
                return Err(error);
            }
            let mut tried = std::mem::take(&mut flying.tried);
            tried.push(flying.member.name().to_owned());
            let job = std::mem::replace(&mut flying.job, nothing());
            flying = self.launch(job, tried, Some(error))?;
            // To load bases takes its time too, and the caller may have to see to a cancel.
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                self.state().flying.insert(number, flying);
                return Ok(None);
            }
        }
    }
}

/// What is left where a job was taken out.
fn nothing() -> Job {
    Job::Ntt { direction: crate::NttDirection::Forward, coset: false, values: Vec::new() }
}

fn wipe_job(job: &mut Job) {
    match job {
        Job::Ntt { values, .. } => wipe_values(values),
        Job::Quotient { a, b } => [a, b].into_iter().for_each(|values| wipe_values(values)),
        Job::Msm { .. } | Job::Rows { .. } => {}
    }
}

impl Engine for Fleet {
    fn name(&self) -> &str {
        &self.name
    }

    fn supports(&self, kind: &JobKind) -> bool {
        self.state().members.iter().any(|m| m.is_trusted() && m.engine.supports(kind))
    }

    fn depth(&self) -> usize {
        self.state().members.iter().map(|m| m.engine.depth()).sum::<usize>() + ROOM
    }

    /// In proportion to the rates that were measured; an engine that nobody has measured counts as fast as the fastest.
    fn shares(&self, kind: &JobKind) -> Vec<f64> {
        let state = self.state();
        let able = state.members.iter().filter(|m| m.is_trusted() && m.engine.supports(kind));
        rates::shares(&able.map(|member| member.rate(kind)).collect::<Vec<_>>())
    }

    /// Lends the data to the fleet; each engine loads it when it first needs it.
    fn load(&self, data: Resident) -> Result<BufferId, EngineError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.state().residents.insert(id, data);
        Ok(BufferId(id))
    }

    fn unload(&self, id: BufferId) {
        let members = {
            let mut state = self.state();
            state.residents.remove(&id.0);
            state.members.clone()
        };
        members.iter().for_each(|member| member.unload(id));
    }

    fn submit(&self, job: Job) -> Result<Ticket, EngineError> {
        self.submit_except(job, Vec::new())
    }

    fn submit_to(&self, name: &str, job: Job) -> Result<Ticket, EngineError> {
        self.submit_except(job, self.all_but(name))
    }

    fn wait(&self, ticket: Ticket) -> Result<JobOutput, EngineError> {
        loop {
            if let Some(output) = self.wait_until(ticket.0, None)? {
                return Ok(output);
            }
        }
    }

    fn try_wait(&self, ticket: Ticket, at_most: Duration) -> Result<Result<JobOutput, Ticket>, EngineError> {
        let deadline = Instant::now().checked_add(at_most);
        Ok(self.wait_until(ticket.0, deadline)?.ok_or(ticket))
    }

    fn cancel(&self, ticket: Ticket) -> Result<(), EngineError> {
        let Some(flying) = self.state().flying.remove(&ticket.0) else { return Ok(()) };
        let cancelled = flying.member.engine.cancel(Ticket(flying.ticket.0));
        flying.member.forgotten(flying.expected);
        match cancelled {
            // It is gone, and so is the job; the others work on.
            Err(error @ EngineError::DeviceLost { .. }) => {
                flying.member.put_aside(&error.to_string());
                Ok(())
            }
            other => other,
        }
    }

    /// Bars the member of this name; taking it in again by [`Fleet::add`] ends that.
    fn put_aside(&self, name: &str, reason: &str) -> bool {
        let member = self.state().members.iter().find(|member| member.name() == name).cloned();
        member.inspect(|member| member.bar(reason)).is_some()
    }

    fn dump_buckets(&self, job: Job) -> Result<Option<BucketDump>, EngineError> {
        self.dump_except(job, &[])
    }

    fn dump_buckets_of(&self, name: &str, job: Job) -> Result<Option<BucketDump>, EngineError> {
        self.dump_except(job, &self.all_but(name))
    }
}
