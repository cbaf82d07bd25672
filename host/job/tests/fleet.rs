//! A fleet of engines that fail as they are told to: who is put aside, who gets the job then, and when it ends.

use std::{
    collections::HashMap,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use millrace_bn254::{Fr, G1Affine, G1Mont};
use millrace_job::{
    BufferId, CancelToken, Engine, EngineError, EngineSet, EngineSlot, Event, Fleet, Group, Job, JobGraph,
    JobKind, JobOutput, JobReport, JobSpec, JobValue, NttDirection, Observer, Resident, RunOutput, RunPolicy,
    Ticket, Value, run,
};

/// What becomes of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Works,
    Fails,
    Dies,
}

/// Answers a transform with its input.
struct Puppet {
    name: &'static str,
    mood: Mutex<Mood>,
    jobs: Mutex<HashMap<u64, Vec<Fr>>>,
    next: AtomicU64,
    submitted: AtomicUsize,
    loads_begun: AtomicUsize,
    /// Whether a load ends.
    loads: (Mutex<bool>, Condvar),
}

impl Puppet {
    fn new(name: &'static str, mood: Mood) -> Arc<Self> {
        Arc::new(Self {
            name,
            mood: Mutex::new(mood),
            jobs: Mutex::default(),
            next: AtomicU64::new(0),
            submitted: AtomicUsize::new(0),
            loads_begun: AtomicUsize::new(0),
            loads: (Mutex::new(true), Condvar::new()),
        })
    }

    fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn let_load(&self, may: bool) {
        *self.loads.0.lock().unwrap() = may;
        self.loads.1.notify_all();
    }

    fn submitted(&self) -> usize {
        self.submitted.load(Ordering::SeqCst)
    }
}

impl Engine for Puppet {
    fn name(&self) -> &str {
        self.name
    }
    fn supports(&self, _: &JobKind) -> bool {
        true
    }
    fn load(&self, _: Resident) -> Result<BufferId, EngineError> {
        self.loads_begun.fetch_add(1, Ordering::SeqCst);
        let may = self.loads.0.lock().unwrap();
        drop(self.loads.1.wait_while(may, |may| !*may).unwrap());
        Ok(BufferId(0))
    }
    fn unload(&self, _: BufferId) {}
    fn submit(&self, job: Job) -> Result<Ticket, EngineError> {
        self.submitted.fetch_add(1, Ordering::SeqCst);
        let values = match job {
            Job::Ntt { values, .. } => values,
            _ => Vec::new(),
        };
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        self.jobs.lock().unwrap().insert(number, values);
        Ok(Ticket(number))
    }
    fn wait(&self, ticket: Ticket) -> Result<JobOutput, EngineError> {
        let values = self.jobs.lock().unwrap().remove(&ticket.0).unwrap();
        let engine = self.name.to_owned();
        match *self.mood.lock().unwrap() {
            Mood::Works => {
                let kind = JobKind::Ntt { log_n: 1, direction: NttDirection::Forward, coset: false };
                let report = JobReport { engine, kind, wall: Duration::from_millis(1), cycles: None };
                Ok(JobOutput { value: JobValue::Values(values), report })
            }
            Mood::Fails => Err(EngineError::Timeout { engine, job_id: 0, waited: "1".into() }),
            Mood::Dies => Err(EngineError::DeviceLost { engine, reason: "pulled out".into() }),
        }
    }
    fn try_wait(&self, ticket: Ticket, _: Duration) -> Result<Result<JobOutput, Ticket>, EngineError> {
        self.wait(ticket).map(Ok)
    }
    fn cancel(&self, _: Ticket) -> Result<(), EngineError> {
        Ok(())
    }
}

fn fleet(engines: &[&Arc<Puppet>]) -> Arc<Fleet> {
    let fleet = Arc::new(Fleet::new("fleet"));
    engines.iter().for_each(|engine| fleet.add((*engine).clone()));
    fleet
}

fn values() -> Vec<Fr> {
    vec![Fr::from(3u64), Fr::from(5u64)]
}

fn transform() -> Job {
    Job::Ntt { direction: NttDirection::Forward, coset: false, values: values() }
}

fn aside(fleet: &Fleet) -> Vec<String> {
    fleet.members().into_iter().filter(|m| m.aside.is_some()).map(|m| m.name).collect()
}

#[test]
fn one_incident_is_counted_once_however_many_jobs_it_fails() {
    let (one, other) = (Puppet::new("one", Mood::Works), Puppet::new("other", Mood::Works));
    let fleet = fleet(&[&one]);
    let tickets: Vec<Ticket> = (0..4).map(|_| fleet.submit(transform()).unwrap()).collect();
    fleet.add(other.clone());
    one.be(Mood::Fails);
    for ticket in tickets {
        assert_eq!(fleet.wait(ticket).unwrap().report.engine, "other");
    }
    assert_eq!((one.submitted(), other.submitted()), (4, 4));
    assert_eq!(aside(&fleet), Vec::<String>::new(), "{:?}", fleet.members());
    // Incidents one after the other are counted each.
    fleet.remove("other");
    for _ in 0..2 {
        assert!(fleet.wait(fleet.submit(transform()).unwrap()).is_err());
    }
    assert_eq!(aside(&fleet), ["one"]);
}

/// Does something whenever a job starts.
struct OnStart<F>(F);

impl<F: Fn(&str) + Sync> Observer for OnStart<F> {
    fn event(&self, event: &Event<'_>) {
        if let Event::JobStarted { engine, .. } = event {
            (self.0)(engine);
        }
    }
}

/// Runs one transform, planned for slot 0 of two; slot 1 takes over.
fn run_one(set: &EngineSet, on_start: impl Fn(&str) + Sync) -> RunOutput {
    let mut graph = JobGraph::default();
    let values = Value::Values(values());
    let values = graph.host("values", &[], 1, move |_| Ok(vec![values]))[0];
    let spec = JobSpec::Ntt { direction: NttDirection::Forward, coset: false, log_n: 1, values };
    graph.job("ntt", EngineSlot(0), spec);
    let policy = RunPolicy { fallback: Some(EngineSlot(1)), ..RunPolicy::default() };
    run(graph, set, &policy, &OnStart(on_start), &CancelToken::default()).unwrap()
}

#[test]
fn a_fleet_is_not_put_aside_for_what_its_members_do() {
    let (flaky, dying) = (Puppet::new("flaky", Mood::Fails), Puppet::new("dying", Mood::Dies));
    let fleet = fleet(&[&flaky, &dying]);
    let set = EngineSet::new(vec![fleet.clone(), Puppet::new("cpu", Mood::Works)]);
    // Both were tried, one of them is still able: the second try has it to itself.
    let starts = AtomicUsize::new(0);
    let output = run_one(&set, |_| {
        if starts.fetch_add(1, Ordering::SeqCst) == 1 {
            flaky.be(Mood::Works);
        }
    });
    assert_eq!((output.jobs[0].report.engine.as_str(), output.jobs[0].attempts), ("flaky", 2));
    assert_eq!(aside(&fleet), ["dying"]);
    // All are lost, first still known, then removed: the other slot takes the job, and the fleet keeps its place.
    flaky.be(Mood::Dies);
    for _ in 0..2 {
        assert_eq!(run_one(&set, |_| ()).jobs[0].ran, EngineSlot(1));
        assert_eq!(set.aside(EngineSlot(0)), None);
    }
    let lost = fleet.submit(transform()).unwrap_err();
    assert!(matches!(lost, EngineError::Unavailable { .. }), "{lost}");
    assert!(fleet.remove("flaky") && fleet.remove("dying"));
    let gone = fleet.submit(transform()).unwrap_err();
    assert_eq!(gone.to_string(), lost.to_string());
    assert_eq!(run_one(&set, |_| ()).jobs[0].ran, EngineSlot(1));
    fleet.add(Puppet::new("dying", Mood::Works));
    let output = run_one(&set, |_| ());
    assert_eq!((output.jobs[0].ran, output.jobs[0].report.engine.as_str()), (EngineSlot(0), "dying"));
}

#[test]
fn a_job_that_kills_its_engine_is_not_given_to_the_same_one_opened_anew() {
    let killed = Puppet::new("card", Mood::Dies);
    let fleet = fleet(&[&killed]);
    let ticket = fleet.submit(transform()).unwrap();
    let anew = Puppet::new("card", Mood::Dies);
    fleet.add(anew.clone());
    let error = fleet.wait(ticket).unwrap_err();
    assert!(matches!(error, EngineError::Unavailable { .. }) && error.to_string().contains("pulled out"));
    assert_eq!(anew.submitted(), 0);
}

#[test]
fn of_a_fleet_the_member_with_the_wrong_answer_alone_is_barred() {
    let (one, other) = (Puppet::new("one", Mood::Works), Puppet::new("other", Mood::Works));
    let fleet = fleet(&[&one, &other]);
    assert!(!fleet.put_aside("nobody", "wrong") && fleet.put_aside("one", "wrong"));
    assert!(fleet.members().iter().all(|m| m.barred == (m.name == "one") && m.aside.is_some() == m.barred));
    for _ in 0..4 {
        assert_eq!(fleet.wait(fleet.submit(transform()).unwrap()).unwrap().report.engine, "other");
    }
}

#[test]
fn jobs_go_elsewhere_while_an_engine_loads() {
    let (loading, other) = (Puppet::new("loading", Mood::Works), Puppet::new("other", Mood::Works));
    let fleet = fleet(&[&loading, &other]);
    let bases: Vec<G1Mont> = vec![G1Mont::from(&G1Affine::default()); 2];
    let id = fleet.load(Resident::G1(bases.into())).unwrap();
    let job = || Job::Msm { group: Group::G1, bases: id, range: 0..0, scalars: Vec::new().into() };
    loading.let_load(false);
    thread::scope(|scope| {
        let first = scope.spawn(|| fleet.submit(job()).unwrap());
        while loading.loads_begun.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        // Looked at before the next job, which would wait for the load if the first were not in the books.
        let booked = fleet.members()[0].in_flight;
        let second = (booked == 1).then(|| fleet.submit(job()).unwrap());
        let submitted = (loading.submitted(), other.submitted());
        loading.let_load(true);
        assert_eq!((booked, submitted), (1, (0, 1)));
        for ticket in std::iter::once(first.join().unwrap()).chain(second) {
            fleet.wait(ticket).unwrap();
        }
    });
    assert!(fleet.members().iter().all(|m| m.in_flight == 0));
}

#[test]
fn a_job_for_one_member_goes_to_that_one_and_to_no_other() {
    let (fast, slow) = (Puppet::new("fast", Mood::Works), Puppet::new("slow", Mood::Works));
    let fleet = fleet(&[&fast, &slow]);
    for _ in 0..4 {
        let ticket = fleet.submit_to("slow", transform()).unwrap();
        assert_eq!(fleet.wait(ticket).unwrap().report.engine, "slow");
    }
    assert_eq!((fast.submitted(), slow.submitted()), (0, 4));
    slow.be(Mood::Fails);
    let ended = fleet.submit_to("slow", transform()).and_then(|ticket| fleet.wait(ticket));
    assert!(matches!(&ended, Err(EngineError::Unavailable { .. })), "{:?}", ended.map(|o| o.report.engine));
    let nobody = fleet.submit_to("nobody", transform());
    assert!(matches!(nobody, Err(EngineError::Unavailable { .. })));
    assert_eq!(fast.submitted(), 0);
}

#[test]
fn a_job_is_shared_among_those_that_get_work() {
    let kind = transform().kind();
    let (one, other) = (Puppet::new("one", Mood::Works), Puppet::new("other", Mood::Works));
    let fleet = fleet(&[&one, &other]);
    assert_eq!(fleet.shares(&kind), [1.0, 1.0], "nobody was measured");
    let ticket = fleet.submit_to("one", transform()).unwrap();
    fleet.wait(ticket).unwrap();
    let [first, second] = fleet.shares(&kind)[..] else { panic!("two of them") };
    assert_eq!(first, second, "who was not measured counts as fast as the fastest");
    fleet.put_aside("one", "wrong");
    assert_eq!(fleet.shares(&kind).len(), 1);
}
