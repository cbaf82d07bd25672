//! Draws what `cargo bench -p millrace-harness --bench kernels` has left in criterion's folder: `kernel-report CRITERION OUT COMMAND`.
//!
//! Into OUT: `kernels.csv` (median of each kernel, size and competitor, with its confidence interval of 95 %), `samples.csv` (each sample, raw), and two plots of each
//! kernel: time per element against size, and arkworks' time over ours.

#![forbid(unsafe_code)]

mod measured;
mod plot;

use std::{env, error::Error, fmt::Write as _, fs, path::Path, process::ExitCode};

use measured::Measured;
use millrace_harness::Setting;
use millrace_rivals::arkworks_build;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [criterion, out, command] = args.as_slice() else {
        eprintln!("kernel-report CRITERION OUT COMMAND");
        return ExitCode::from(2);
    };
    match report(criterion.as_ref(), out.as_ref(), command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kernel-report: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `product in Fq` is `product-in-fq`.
fn file_stem(kernel: &str) -> String {
    kernel.to_lowercase().replace(',', "").replace(' ', "-")
}

fn report(criterion: &Path, out: &Path, command: &str) -> Result<(), Box<dyn Error>> {
    let all = measured::read(criterion)?;
    if all.is_empty() {
        return Err(format!("nothing measured in {}", criterion.display()).into());
    }
    fs::create_dir_all(out)?;
    let setting = Setting::now();
    let head = format!("{setting}# command: {command}\n");
    fs::write(out.join("kernels.csv"), head.clone() + &medians(&all))?;
    fs::write(out.join("samples.csv"), head + &samples(&all))?;
    let Setting { processor, threads, commit, .. } = &setting;
    let note = format!("{processor}, {threads} threads; commit {commit}; {}", arkworks_build());
    let mut kernels: Vec<&str> = all.iter().map(|m| m.kernel.as_str()).collect();
    kernels.dedup();
    for kernel in kernels {
        let of_kernel: Vec<&Measured> = all.iter().filter(|m| m.kernel == kernel).collect();
        let stem = file_stem(kernel);
        fs::write(out.join(format!("{stem}-time.svg")), plot::times(kernel, &note, &of_kernel)?)?;
        let ratios = plot::ratios(kernel, &note, &of_kernel)?;
        if let Some(ratios) = ratios {
            fs::write(out.join(format!("{stem}-ratio.svg")), ratios)?;
        }
    }
    println!("{}: {} medians", out.display(), all.len());
    Ok(())
}

fn medians(all: &[Measured]) -> String {
    let mut csv = "kernel,log2_n,engine,threads,median_ns,low_ns,high_ns,median_ns_per_element\n".to_owned();
    for m in all {
        writeln!(
            csv,
            r#""{}",{},{},{},{:.1},{:.1},{:.1},{:.3}"#,
            m.kernel,
            m.log_n,
            m.competitor.engine,
            m.competitor.threads,
            m.median_ns,
            m.low_ns,
            m.high_ns,
            m.ns_per_element()
        )
        .expect("writing to a String cannot fail");
    }
    csv
}

fn samples(all: &[Measured]) -> String {
    let mut csv = "kernel,log2_n,engine,threads,sample,runs,all_runs_ns\n".to_owned();
    for m in all {
        for (sample, (runs, ns)) in m.samples.iter().enumerate() {
            writeln!(
                csv,
                r#""{}",{},{},{},{sample},{runs},{ns}"#,
                m.kernel, m.log_n, m.competitor.engine, m.competitor.threads
            )
            .expect("writing to a String cannot fail");
        }
    }
    csv
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use super::*;

    #[test]
    fn tables_and_plots_of_what_criterion_left() {
        let folder = env::temp_dir().join(format!("kernel-report-{}", process::id()));
        let (criterion, out) = (folder.join("criterion"), folder.join("out"));
        for (name, ns) in [("arkworks, 1 thread", 4096.0), ("millrace portable, 1 thread", 1024.0)] {
            for log_n in [10, 12] {
                let new = criterion.join(format!("{name}/{log_n}/new"));
                fs::create_dir_all(&new).expect("a folder");
                let write = |file: &str, text: String| fs::write(new.join(file), text).expect("written");
                let id =
                    format!(r#"{{"group_id":"sum, <all>","function_id":"{name}","value_str":"{log_n}"}}"#);
                write("benchmark.json", id);
                let interval = r#"{"confidence_level":0.95,"lower_bound":1.0,"upper_bound":2.0}"#;
                write(
                    "estimates.json",
                    format!(r#"{{"median":{{"confidence_interval":{interval},"point_estimate":{ns}}}}}"#),
                );
                write("sample.json", format!(r#"{{"iters":[1.0,2.0],"times":[{ns},{}]}}"#, 2.0 * ns));
            }
        }
        report(&criterion, &out, "a command").expect("reports");
        let read = |file: &str| fs::read_to_string(out.join(file)).expect(file);
        let rows = read("kernels.csv");
        assert!(rows.contains(r#""sum, <all>",10,millrace portable,1,1024.0,1.0,2.0,1.000"#), "{rows}");
        assert!(rows.contains("# command: a command"), "{rows}");
        let samples = read("samples.csv");
        assert_eq!(samples.lines().filter(|line| line.starts_with('"')).count(), 8, "{samples}");
        for plot in ["sum-<all>-time.svg", "sum-<all>-ratio.svg"] {
            let svg = read(plot);
            assert!(svg.starts_with("<svg") && svg.contains("&lt;all&gt;"), "{svg}");
        }
        assert!(report(&out, &out, "nothing there").is_err());
        fs::remove_dir_all(&folder).expect("removed");
    }
}
