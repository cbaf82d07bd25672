//! What a proof took, as a table and as JSON.

use std::collections::BTreeMap;

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use millrace_job::{Group, JobKind, NttDirection};
use millrace_prover::{JobLine, ProofReport};
use serde_json::{Value, json};

/// What the device adds to a report.
pub(crate) struct DeviceFacts {
    /// `--device`
    pub(crate) device: String,
    /// Instructions of the CPU's kernels, by their name in `MILLRACE_BACKEND`: they have a part in proofs on other devices too.
    pub(crate) backend: &'static str,
    /// `structural`, `behavioural`, or `none` where there is no RTL.
    pub(crate) multiplier: &'static str,
    /// Simulated cycles a second, in simulation.
    pub(crate) cycles_per_second: Option<f64>,
    /// The clock the user named for the projection.
    pub(crate) clock_mhz: Option<f64>,
}

fn kind_and_size(kind: &JobKind) -> (String, String) {
    match kind {
        JobKind::Msm { group, points } => {
            let group = if *group == Group::G1 { "G1" } else { "G2" };
            (format!("MSM {group}"), format!("{points} points"))
        }
        JobKind::Ntt { log_n, direction, coset } => {
            let direction = if *direction == NttDirection::Forward { "NTT" } else { "inverse NTT" };
            (format!("{direction}{}", if *coset { ", coset" } else { "" }), format!("2^{log_n}"))
        }
        JobKind::Quotient { log_n } => ("quotient".to_owned(), format!("2^{log_n}")),
        JobKind::Rows { rows } => ("sparse rows".to_owned(), format!("{rows} rows")),
    }
}

/// Seconds that so many cycles take at that clock.
fn projected_seconds(cycles: u64, clock_mhz: f64) -> f64 {
    cycles as f64 / (clock_mhz * 1e6)
}

/// Jobs that a device does (sums over G1, transforms, the quotient), by the engine that did them; G2 and the sparse products are the CPU's by plan.
pub(crate) fn device_work(report: &ProofReport) -> BTreeMap<String, u64> {
    let mut jobs = BTreeMap::new();
    for job in &report.jobs {
        if !matches!(job.kind, JobKind::Msm { group: Group::G2, .. } | JobKind::Rows { .. }) {
            *jobs.entry(job.engine.clone()).or_default() += 1;
        }
    }
    jobs
}

/// Jobs by the engine that did them, in one line: `cpu 4, sim 9`.
pub(crate) fn shares(report: &ProofReport) -> String {
    let mut jobs: BTreeMap<&str, u64> = BTreeMap::new();
    for job in &report.jobs {
        *jobs.entry(&job.engine).or_default() += 1;
    }
    jobs.iter().map(|(engine, n)| format!("{engine} {n}")).collect::<Vec<_>>().join(", ")
}

/// Wall time by the clock of engines that work at the same time cannot be added up; cycles of one device can only be bounded.
pub(crate) fn table(report: &ProofReport, facts: &DeviceFacts) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    let mut head = vec!["job", "kind", "size", "engine", "time", "cycles", "issued", "stalled"];
    let projection = facts.clock_mhz.map(|mhz| format!("at an assumed {mhz} MHz"));
    head.extend(projection.as_deref());
    table.set_header(head);
    for job in &report.jobs {
        let (kind, size) = kind_and_size(&job.kind);
        let number = |pick: fn(&millrace_job::DeviceCycles) -> u64| {
            job.cycles.as_ref().map_or("–".to_owned(), |c| pick(c).to_string())
        };
        let mut row = vec![
            job.label.clone(),
            kind,
            size,
            job.engine.clone(),
            format!("{:.3} s", job.wall.as_secs_f64()),
            number(|c| c.total),
            number(|c| c.issued),
            number(|c| c.stalled),
        ];
        if let Some(mhz) = facts.clock_mhz {
            row.push(
                job.cycles
                    .map_or("–".to_owned(), |c| format!("{:.3} ms", 1e3 * projected_seconds(c.total, mhz))),
            );
        }
        table.add_row(row);
    }
    let mut out = table.to_string();
    out += &format!(
        "\nwhole proof {:.3} s, of it pairing check {:.1} ms",
        report.wall.as_secs_f64(),
        report.check.as_secs_f64() * 1e3
    );
    if facts.multiplier != "none" {
        out += &format!("; multiplier of the RTL: {}", facts.multiplier);
    }
    if let Some(rate) = facts.cycles_per_second {
        out += &format!("; simulated at {:.1} thousand cycles a second", rate / 1e3);
    }
    if facts.clock_mhz.is_some() {
        out += "\nThe last column is a projection: simulated cycles at a clock that you named; no card ran this.";
    }
    out
}

fn job_json(job: &JobLine) -> Value {
    let (kind, _) = kind_and_size(&job.kind);
    let size = match job.kind {
        JobKind::Msm { points, .. } => points,
        JobKind::Ntt { log_n, .. } | JobKind::Quotient { log_n } => 1 << log_n,
        JobKind::Rows { rows } => rows,
    };
    json!({
        "job": job.label,
        "kind": kind,
        "size": size,
        "planned": job.planned,
        "engine": job.engine,
        "attempts": job.attempts,
        "seconds": job.wall.as_secs_f64(),
        "cycles": job.cycles.map(|c| json!({
            "total": c.total, "stalled": c.stalled, "bubbles": c.bubbles, "issued": c.issued,
        })),
    })
}

/// The machine-readable report.
pub(crate) fn json(report: &ProofReport, facts: &DeviceFacts, load_seconds: f64, seeded: bool) -> Value {
    json!({
        "device": facts.device,
        "backend": facts.backend,
        "multiplier": facts.multiplier,
        "simulated_cycles_per_second": facts.cycles_per_second,
        "assumed_clock_mhz": facts.clock_mhz,
        "seeded": seeded,
        "load_seconds": load_seconds,
        "prove_seconds": report.wall.as_secs_f64(),
        "check_seconds": report.check.as_secs_f64(),
        "jobs": report.jobs.iter().map(job_json).collect::<Vec<_>>(),
        "put_aside": report.aside.iter().map(|(engine, why)| json!({ "engine": engine, "reason": why })).collect::<Vec<_>>(),
        "blame": report.blame.as_ref().map(ToString::to_string),
    })
}
