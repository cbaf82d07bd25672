//! Plots, as SVG.

use std::{collections::BTreeMap, error::Error, ops::Range};

use millrace_harness::Competitor;
use plotters::{
    coord::{
        Shift,
        ranged1d::{AsRangedCoord, ValueFormatter},
    },
    prelude::*,
};

use crate::measured::Measured;

/// Points (log₂ n, value) by the line's name.
type Lines = BTreeMap<String, Vec<(f64, f64)>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const SIZE: (u32, u32) = (760, 440);
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xd6, 0x27, 0x28),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0x55, 0x55, 0x55),
];

/// Nanoseconds per element against size, a line per competitor.
pub(crate) fn times(kernel: &str, note: &str, all: &[&Measured]) -> Result<String, Box<dyn Error>> {
    let mut lines = Lines::new();
    for m in all {
        lines.entry(m.competitor.to_string()).or_default().push((f64::from(m.log_n), m.ns_per_element()));
    }
    let (low, high) = ends(&lines, |point| point.1);
    // From a power of ten on, or there would be no number below the first of them; room for the names of the lines above them.
    let y = (10f64.powf(low.log10().floor())..high * 4.0).log_scale();
    draw(&format!("{kernel}: time per element"), note, "nanoseconds per element", &lines, y)
}

/// arkworks' time over each competitor's on as many threads; `None` where there is nothing to compare.
pub(crate) fn ratios(kernel: &str, note: &str, all: &[&Measured]) -> Result<Option<String>, Box<dyn Error>> {
    let mut lines = Lines::new();
    for ours in all.iter().filter(|m| !m.competitor.is_arkworks()) {
        let rival = Competitor::arkworks(ours.competitor.threads);
        if let Some(theirs) = all.iter().find(|m| m.log_n == ours.log_n && m.competitor == rival) {
            let point = (f64::from(ours.log_n), theirs.median_ns / ours.median_ns);
            lines.entry(ours.competitor.to_string()).or_default().push(point);
        }
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let (_, high) = ends(&lines, |point| point.1);
    let title = format!("{kernel}: arkworks' time over ours, same number of threads");
    draw(&title, note, "times", &lines, 0.0..high * 1.35).map(Some)
}

fn ends(lines: &Lines, of: impl Fn(&(f64, f64)) -> f64) -> (f64, f64) {
    let values = lines.values().flatten().map(of);
    values.fold((f64::INFINITY, 0.0), |(low, high), value| (low.min(value), high.max(value)))
}

fn draw<Y>(title: &str, note: &str, y_name: &str, lines: &Lines, y: Y) -> Result<String, Box<dyn Error>>
where
    Y: AsRangedCoord<Value = f64, CoordDescType: ValueFormatter<f64>>,
{
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (plot, foot) = area.split_vertically(SIZE.1 - 22);
        foot.draw(&Text::new(
            note.to_owned(),
            (14, 2),
            ("sans-serif", 11).into_font().color(&BLACK.mix(0.7)),
        ))?;
        chart(&plot, title, y_name, lines, y)?;
        area.present()?;
    }
    Ok(svg)
}

fn chart<Y>(area: &Area<'_>, title: &str, y_name: &str, lines: &Lines, y: Y) -> Result<(), Box<dyn Error>>
where
    Y: AsRangedCoord<Value = f64, CoordDescType: ValueFormatter<f64>>,
{
    let (first, last) = ends(lines, |point| point.0);
    let x: Range<f64> = first - 0.5..last + 0.5;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc("elements")
        .y_desc(y_name)
        .x_labels(12)
        // A narrow range has marks between whole numbers.
        .x_label_formatter(&|x| if x.fract() == 0.0 { format!("2^{x}") } else { String::new() })
        .y_labels(14)
        .y_label_formatter(&|y| if *y >= 10.0 { format!("{y:.0}") } else { format!("{y}") })
        .light_line_style(BLACK.mix(0.05))
        .draw()?;
    for ((name, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
