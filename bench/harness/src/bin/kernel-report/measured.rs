//! What criterion keeps of each benchmark, `new/benchmark.json`, `estimates.json` and `sample.json`.

use std::{error::Error, fs, path::Path};

use millrace_harness::Competitor;
use serde::{Deserialize, de::DeserializeOwned};

/// One kernel, size and competitor.
pub(crate) struct Measured {
    pub(crate) kernel: String,
    pub(crate) log_n: u32,
    pub(crate) competitor: Competitor,
    pub(crate) median_ns: f64,
    /// Ends of the median's confidence interval.
    pub(crate) low_ns: f64,
    pub(crate) high_ns: f64,
    /// Runs, and nanoseconds of all of them.
    pub(crate) samples: Vec<(f64, f64)>,
}

impl Measured {
    pub(crate) fn ns_per_element(&self) -> f64 {
        self.median_ns / f64::from(self.log_n).exp2()
    }
}

#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: Option<String>,
    value_str: Option<String>,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

#[derive(Deserialize)]
struct Samples {
    iters: Vec<f64>,
    times: Vec<f64>,
}

fn json<T: DeserializeOwned>(file: &Path) -> Result<T, Box<dyn Error>> {
    let told = |error: &dyn Error| format!("{}: {error}", file.display());
    let text = fs::read_to_string(file).map_err(|error| told(&error))?;
    serde_json::from_str(&text).map_err(|error| told(&error).into())
}

/// Everything below criterion's folder, sorted by kernel, size and competitor.
pub(crate) fn read(criterion: &Path) -> Result<Vec<Measured>, Box<dyn Error>> {
    let mut all = Vec::new();
    let mut folders = vec![criterion.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                continue;
            }
            if entry.file_name() == "new" {
                all.extend(one(&entry.path())?);
            } else {
                folders.push(entry.path());
            }
        }
    }
    all.sort_by(|a, b| (&a.kernel, a.log_n, &a.competitor).cmp(&(&b.kernel, b.log_n, &b.competitor)));
    Ok(all)
}

/// `None` for a benchmark whose name is not a competitor's.
fn one(folder: &Path) -> Result<Option<Measured>, Box<dyn Error>> {
    let benchmark: Benchmark = json(&folder.join("benchmark.json"))?;
    let (Some(competitor), Some(log_n)) = (
        benchmark.function_id.and_then(|name| name.parse().ok()),
        benchmark.value_str.and_then(|value| value.parse().ok()),
    ) else {
        return Ok(None);
    };
    let Estimates { median } = json(&folder.join("estimates.json"))?;
    let samples: Samples = json(&folder.join("sample.json"))?;
    Ok(Some(Measured {
        kernel: benchmark.group_id,
        log_n,
        competitor,
        median_ns: median.point_estimate,
        low_ns: median.confidence_interval.lower_bound,
        high_ns: median.confidence_interval.upper_bound,
        samples: samples.iters.into_iter().zip(samples.times).collect(),
    }))
}
