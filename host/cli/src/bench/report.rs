//! report.json, report.csv and a page that can be looked at without a network.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use plotters::prelude::*;
use serde::Serialize;

use super::measure::{Sample, THROUGHPUT};
use crate::{
    exit::{Code, Failure, OrFail},
    output,
};

/// Where and of what.
#[derive(Serialize)]
pub(crate) struct Setting {
    /// Version of this program.
    pub(crate) version: &'static str,
    /// As the system names it.
    pub(crate) processor: String,
    /// Threads the CPU engine has.
    pub(crate) threads: usize,
    /// Instructions of the CPU's kernels, by their name in `MILLRACE_BACKEND`.
    pub(crate) backend: &'static str,
    /// What was typed.
    pub(crate) command: String,
}

/// Medians of one kind, size and engine.
#[derive(Serialize)]
struct Row {
    kind: &'static str,
    size: usize,
    engine: String,
    runs: usize,
    min_seconds: f64,
    median_seconds: f64,
    max_seconds: f64,
    cycles: Option<u64>,
    issued: Option<u64>,
}

fn rows(samples: &[Sample]) -> Vec<Row> {
    let mut groups: BTreeMap<(&'static str, usize, &str), Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        groups.entry((sample.kind, sample.size, &sample.engine)).or_default().push(sample);
    }
    groups
        .into_iter()
        .map(|((kind, size, engine), group)| {
            let mut seconds: Vec<f64> = group.iter().map(|s| s.seconds).collect();
            seconds.sort_by(f64::total_cmp);
            Row {
                kind,
                size,
                engine: engine.to_owned(),
                runs: seconds.len(),
                min_seconds: seconds[0],
                median_seconds: seconds[seconds.len() / 2],
                max_seconds: seconds[seconds.len() - 1],
                cycles: group[0].cycles,
                issued: group[0].issued,
            }
        })
        .collect()
}

/// Proofs a minute, from the median time for each proof.
fn proofs_a_minute(row: &Row) -> f64 {
    60.0 / row.median_seconds
}

/// What one engine's [`THROUGHPUT`] samples say, in a line.
pub(super) fn throughput_line(samples: &[Sample]) -> String {
    let rows = rows(samples);
    let (Some(one), Some(many)) = (rows.first(), rows.last()) else { return String::new() };
    format!(
        "throughput on {}: {:.1} proofs a minute one at a time, {:.1} with {} in flight: {:.2} times",
        one.engine,
        proofs_a_minute(one),
        proofs_a_minute(many),
        many.size,
        one.median_seconds / many.median_seconds
    )
}

/// The page's part about throughput; empty where none was measured.
fn throughput_table(rows: &[Row]) -> String {
    let measured: Vec<&Row> = rows.iter().filter(|row| row.kind == THROUGHPUT).collect();
    if measured.is_empty() {
        return String::new();
    }
    let mut table = "<h2>Throughput, one key</h2><table><tr><th>engine<th>in flight<th>rounds<th>median s for each proof<th>proofs a minute<th>against one at a time</tr>\n".to_owned();
    for row in &measured {
        let alone = measured.iter().find(|r| r.engine == row.engine && r.size == 1);
        let gain =
            alone.map_or("–".to_owned(), |r| format!("{:.2} ×", r.median_seconds / row.median_seconds));
        writeln!(
            table,
            "<tr><td>{}<td>{}<td>{}<td>{:.4}<td>{:.1}<td>{gain}</tr>",
            escape(&row.engine),
            row.size,
            row.runs,
            row.median_seconds,
            proofs_a_minute(row)
        )
        .expect("writing to a String cannot fail");
    }
    table + "</table>\n<h2>All runs</h2>\n"
}

/// Writes the three files.
pub(crate) fn write(folder: &Path, setting: &Setting, samples: &[Sample]) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).or_fail(Code::Output)?;
    let rows = rows(samples);
    let all = serde_json::json!({ "setting": setting, "rows": rows, "samples": samples });
    output::write(&folder.join("report.json"), format!("{all:#}\n").as_bytes())?;
    output::write(&folder.join("report.csv"), csv(samples).as_bytes())?;
    output::write(&folder.join("report.html"), html(setting, &rows)?.as_bytes())
}

fn csv(samples: &[Sample]) -> String {
    let mut out = "kind,size,engine,run,seconds,cycles,issued\n".to_owned();
    let number = |x: Option<u64>| x.map_or(String::new(), |x| x.to_string());
    for s in samples {
        let (cycles, issued) = (number(s.cycles), number(s.issued));
        writeln!(out, "{},{},{},{},{:.9},{cycles},{issued}", s.kind, s.size, s.engine, s.run, s.seconds)
            .expect("writing to a String cannot fail");
    }
    out
}

/// The same colour for an engine in every plot.
fn colour(engine: &str) -> RGBColor {
    const NAMES: [&str; 5] = ["cpu", "sim", "model", "cpu-oracle", "arkworks"];
    COLOURS[NAMES.iter().position(|name| *name == engine).unwrap_or(0)]
}

const COLOURS: [RGBColor; 5] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
];

/// Points of one engine: size against value, both positive.
type Series = BTreeMap<String, Vec<(f64, f64)>>;

fn series(rows: &[Row], kind: &str, value: impl Fn(&Row) -> Option<f64>) -> Series {
    let mut out = Series::new();
    for row in rows.iter().filter(|r| r.kind == kind) {
        if let Some(y) = value(row).filter(|y| *y > 0.0) {
            out.entry(row.engine.clone()).or_default().push((row.size as f64, y));
        }
    }
    out
}

/// A log-log plot as SVG.
fn plot(title: &str, y_name: &str, series: &Series) -> Result<String, Box<dyn std::error::Error>> {
    let points = || series.values().flatten();
    let span = |pick: fn(&(f64, f64)) -> f64| {
        let low = points().map(pick).fold(f64::INFINITY, f64::min);
        let high = points().map(pick).fold(0.0, f64::max);
        (low / 1.5)..(high * 1.5)
    };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (720, 400)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d(span(|p| p.0).log_scale(), span(|p| p.1).log_scale())?;
        chart
            .configure_mesh()
            .x_desc("size")
            .y_desc(y_name)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| if *y >= 1.0 { format!("{y:.0}") } else { format!("{y:.1e}") })
            .draw()?;
        for (engine, points) in series {
            let colour = colour(engine);
            chart
                .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
                .label(engine.clone())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
            chart.draw_series(points.iter().map(|p| Circle::new(*p, 3, colour.filled())))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn html(setting: &Setting, rows: &[Row]) -> Result<String, Failure> {
    let mut plots = String::new();
    for (kind, what) in [("msm_g1", "MSM over G1"), ("ntt", "NTT"), ("proof", "Whole proof")] {
        let time = series(rows, kind, |r| Some(r.median_seconds));
        let cycles = series(rows, kind, |r| r.cycles.map(|c| c as f64));
        for (series, title, unit) in [
            (time, format!("{what}: wall time on this machine (simulators included)"), "seconds"),
            (cycles, format!("{what}: simulated or device cycles"), "cycles"),
        ] {
            if !series.is_empty() {
                plots += &plot(&title, unit, &series)
                    .map_err(|error| Failure::new(Code::Output, format!("cannot draw {title}: {error}")))?;
            }
        }
    }
    let throughput = throughput_table(rows);
    let mut table = String::new();
    for r in rows.iter().filter(|row| row.kind != THROUGHPUT) {
        let number = |x: Option<u64>| x.map_or("–".to_owned(), |x| x.to_string());
        writeln!(
            table,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{:.6}<td>{:.6}<td>{:.6}<td>{}<td>{}</tr>",
            r.kind,
            r.size,
            escape(&r.engine),
            r.runs,
            r.min_seconds,
            r.median_seconds,
            r.max_seconds,
            number(r.cycles),
            number(r.issued)
        )
        .expect("writing to a String cannot fail");
    }
    Ok(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>millrace bench</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}table{{border-collapse:collapse}}
td,th{{border-bottom:1px solid #ddd;padding:.2rem .7rem;text-align:right}}td:first-child,td:nth-child(3){{text-align:left}}svg{{max-width:100%;height:auto}}</style>
<h1>millrace bench</h1><p>{} · {} threads · CPU kernels {} · version {}<br><code>{}</code></p>
<p>Times are of this machine; a simulated device's time is the simulator's, not a card's. Cycles of <code>sim</code> are simulated cycles; those of
<code>model</code> are the model's estimate. Medians of the runs named; runs of different engines are interleaved. Raw samples: report.csv, report.json.</p>
{plots}{throughput}<table><tr><th>kind<th>size<th>engine<th>runs<th>min s<th>median s<th>max s<th>cycles<th>issued</tr>
{table}</table></html>\n",
        escape(&setting.processor), setting.threads, setting.backend, setting.version, escape(&setting.command)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_files_from_samples() {
        let folder = tempfile::tempdir().expect("a folder");
        let sample = |size, run, seconds, engine: &str| Sample {
            kind: "ntt",
            size,
            engine: engine.to_owned(),
            run,
            seconds,
            cycles: (engine == "sim").then_some(7),
            issued: None,
        };
        let samples: Vec<Sample> = [(16, 0, 0.5), (16, 1, 0.25), (16, 2, 1.0), (32, 0, 2.0)]
            .map(|(n, r, s)| sample(n, r, s, "<sim>"))
            .into();
        let setting = Setting {
            version: "0",
            processor: "p".into(),
            threads: 1,
            backend: "portable",
            command: "c".into(),
        };
        write(folder.path(), &setting, &samples).expect("writes");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
        let json: serde_json::Value = serde_json::from_str(&read("report.json")).expect("JSON");
        assert_eq!(json["rows"][0]["median_seconds"], 0.5);
        assert_eq!(read("report.csv").lines().count(), 5);
        let page = read("report.html");
        assert!(page.contains("<svg") && page.contains("&lt;sim&gt;") && !page.contains("<sim>"));
    }
}
