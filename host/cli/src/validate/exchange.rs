//! Stimulus and answers as files for any testbench.
//!
//! A case is a folder: `case.json`, and one beat of 64 bytes a line as 128 hexadecimal digits, most significant first (what `$readmemh` takes):
//! `scalars.hex` and `bases.hex` (MSM) or `values.hex` (NTT), and `expected.hex`. A testbench writes `response.hex` of the same form. An MSM's
//! answer may be affine (x ‖ y in one beat) or projective as the device writes it (x ‖ y, z ‖ 0).

use std::path::Path;

use ark_ff::{Field, Zero};
use millrace_bn254::{Fq, FqCanonical, G1Affine, G1Canonical};
use millrace_job::NttDirection;
use serde::{Deserialize, Serialize};

use super::{
    cases::{Case, Input, canonical},
    judge::{Expected, expected},
};
use crate::{
    exit::{Code, Failure, OrFail},
    output,
};

/// `case.json`
#[derive(Serialize, Deserialize)]
struct Description {
    name: String,
    kind: String,
    count: usize,
    #[serde(default)]
    log_n: u32,
    #[serde(default)]
    inverse: bool,
    #[serde(default)]
    coset: bool,
}

fn beats(bytes: &[u8]) -> String {
    bytes
        .chunks(64)
        .map(|chunk| {
            let mut beat = [0; 64];
            beat[..chunk.len()].copy_from_slice(chunk);
            beat.reverse();
            hex::encode(beat) + "\n"
        })
        .collect()
}

fn point_bytes(p: &G1Affine) -> Vec<u8> {
    let c = G1Canonical::from(p);
    [c.x.0, c.y.0].concat()
}

fn expected_bytes(input: &Input) -> Vec<u8> {
    match expected(input) {
        Expected::Point(p) => point_bytes(&p),
        Expected::Values(v) => canonical(&v).iter().flat_map(|x| x.0).collect(),
    }
}

/// Writes one folder a case, numbered in order.
pub(crate) fn export(cases: &[Case], folder: &Path) -> Result<(), Failure> {
    for (i, case) in cases.iter().enumerate() {
        let here = folder.join(format!("{i:04}-{}", case.name.replace('/', "_")));
        std::fs::create_dir_all(&here).or_fail(Code::Output)?;
        let put = |name: &str, text: &str| output::write(&here.join(name), text.as_bytes());
        let mut description = Description {
            name: case.name.clone(),
            kind: "msm_g1".to_owned(),
            count: case.input.size(),
            log_n: 0,
            inverse: false,
            coset: false,
        };
        match &case.input {
            Input::Msm { points, scalars } => {
                let bases: Vec<u8> = points.iter().flat_map(point_bytes).collect();
                let scalars: Vec<u8> = canonical(scalars).iter().flat_map(|s| s.0).collect();
                put("bases.hex", &beats(&bases))?;
                put("scalars.hex", &beats(&scalars))?;
            }
            Input::Ntt { values, direction, coset } => {
                description.kind = "ntt".to_owned();
                description.log_n = values.len().ilog2();
                description.inverse = *direction == NttDirection::Inverse;
                description.coset = *coset;
                let values: Vec<u8> = canonical(values).iter().flat_map(|s| s.0).collect();
                put("values.hex", &beats(&values))?;
            }
        }
        put("expected.hex", &beats(&expected_bytes(&case.input)))?;
        put("case.json", &serde_json::to_string_pretty(&description).or_fail(Code::Output)?)?;
    }
    Ok(())
}

/// The bytes of a file of beats, in memory order.
fn read_beats(path: &Path) -> Result<Vec<u8>, Failure> {
    let bad = |what: String| Failure::new(Code::BadFile, format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
    let mut out = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let mut beat = [0; 64];
        hex::decode_to_slice(line.trim(), &mut beat).map_err(|_| {
            bad(format!("line {}: expected 128 hexadecimal digits, got {} characters", i + 1, line.len()))
        })?;
        beat.reverse();
        out.extend_from_slice(&beat);
    }
    Ok(out)
}

/// The affine point of an answer in either form; `None` if a coordinate is out of range or the form is another.
fn response_point(bytes: &[u8]) -> Option<(Fq, Fq)> {
    let coordinate =
        |i: usize| FqCanonical(bytes.get(32 * i..32 * (i + 1))?.try_into().expect("32 bytes")).to_fq();
    match bytes.len() {
        64 => Some((coordinate(0)?, coordinate(1)?)),
        128 => {
            let (x, y, z) = (coordinate(0)?, coordinate(1)?, coordinate(2)?);
            if bytes[96..].iter().any(|b| *b != 0) || (z.is_zero() && !x.is_zero()) {
                return None;
            }
            Some(z.inverse().map_or((Fq::zero(), Fq::zero()), |inverse| (x * inverse, y * inverse)))
        }
        _ => None,
    }
}

/// How a testbench's answer compares.
pub(crate) enum Response {
    /// As expected.
    Right,
    /// Not; one line.
    Wrong(String),
    /// There is no `response.hex`.
    Missing,
}

/// Judges every case folder below `folder` that has a `case.json`, in order of name.
pub(crate) fn check(folder: &Path) -> Result<Vec<(String, Response)>, Failure> {
    let mut folders: Vec<_> = std::fs::read_dir(folder)
        .or_fail(Code::BadFile)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("case.json").is_file())
        .collect();
    folders.sort();
    folders.iter().map(|here| judge_folder(here)).collect()
}

fn judge_folder(here: &Path) -> Result<(String, Response), Failure> {
    let text = std::fs::read_to_string(here.join("case.json")).or_fail(Code::BadFile)?;
    let case: Description = serde_json::from_str(&text).or_fail(Code::BadFile)?;
    if !here.join("response.hex").is_file() {
        return Ok((case.name, Response::Missing));
    }
    let (right, got) = (read_beats(&here.join("expected.hex"))?, read_beats(&here.join("response.hex"))?);
    let known = matches!(case.kind.as_str(), "msm_g1" | "ntt");
    if !known || right.is_empty() {
        let message = format!(
            "{}: expected a case of msm_g1 or ntt with an answer, got {:?}",
            here.display(),
            case.kind
        );
        return Err(Failure::new(Code::BadFile, message));
    }
    let same = if case.kind == "msm_g1" {
        response_point(&got).is_some_and(|p| response_point(&right) == Some(p))
    } else {
        right == got
    };
    if same {
        return Ok((case.name, Response::Right));
    }
    let word = right.chunks(32).zip(got.chunks(32)).position(|(r, g)| r != g);
    let what = match word {
        _ if case.kind == "msm_g1" => "another point, or no point in either form".to_owned(),
        _ if right.len() != got.len() => {
            format!("expected {} bytes, got {}", right.len(), got.len())
        }
        Some(i) => format!("first wrong 32-byte word: {i}"),
        None => "the answer has no readable form".to_owned(),
    };
    Ok((case.name, Response::Wrong(what)))
}

#[cfg(test)]
mod tests {
    use ark_ec::{AffineRepr, CurveGroup};
    use millrace_bn254::FrCanonical;

    use super::*;

    #[test]
    fn export_then_check() {
        let folder = tempfile::tempdir().expect("a folder");
        let g = G1Affine::generator();
        let msm = Input::Msm { points: vec![g, g], scalars: vec![2u64.into(), 3u64.into()] };
        let ntt = Input::Ntt { values: vec![1u64.into(); 4], direction: NttDirection::Forward, coset: true };
        let cases = [Case { name: "a/b".into(), input: msm }, Case { name: "c".into(), input: ntt }];
        export(&cases, folder.path()).expect("exports");
        assert!(check(folder.path()).expect("reads").iter().all(|(_, r)| matches!(r, Response::Missing)));

        let case = |i: &str| folder.path().join(i);
        // A projective answer with Z = 2 is as right as the affine one.
        let sum = (g * millrace_bn254::Fr::from(5u64)).into_affine();
        let two = Fq::from(2u64);
        let projective: Vec<u8> = [sum.x * two, sum.y * two, two, Fq::zero()]
            .iter()
            .flat_map(|c| FqCanonical::from(*c).0)
            .collect();
        std::fs::write(case("0000-a_b/response.hex"), beats(&projective)).expect("writes");
        std::fs::copy(case("0001-c/expected.hex"), case("0001-c/response.hex")).expect("copies");
        assert!(check(folder.path()).expect("reads").iter().all(|(_, r)| matches!(r, Response::Right)));

        let mut wrong = projective;
        wrong[0] ^= 1;
        std::fs::write(case("0000-a_b/response.hex"), beats(&wrong)).expect("writes");
        let verdicts = check(folder.path()).expect("reads");
        assert!(matches!(verdicts[0].1, Response::Wrong(_)) && matches!(verdicts[1].1, Response::Right));
    }

    #[test]
    fn scalars_lie_in_beats_as_the_device_reads_them() {
        let mut bytes = FrCanonical::from_limbs([1, 0, 0, 0]).0.to_vec();
        bytes.extend(FrCanonical::from_limbs([2, 0, 0, 0]).0);
        let text = beats(&bytes);
        assert!(text.ends_with("01\n") && text.starts_with(&format!("{:064x}", 2)));
    }
}
