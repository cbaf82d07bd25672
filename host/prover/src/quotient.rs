//! The pointwise work between the transforms.

use millrace_bn254::{Fr, FrCanonical};
use millrace_job::{ScalarSlice, StepError, Value, wipe_values};
use rayon::prelude::*;

/// Elements that one task takes at least.
const GRAIN: usize = 1 << 10;

/// From A·w and B·w on the domain: these, and their pointwise product, which C·w equals if the witness is right.
pub(crate) fn with_product(mut values: Vec<Value>) -> Result<Vec<Value>, StepError> {
    let rows = values.pop().ok_or_else(|| StepError("no rows".to_owned()))?;
    let (a, b) = rows.into_rows()?;
    let c = a.par_iter().zip(&b).with_min_len(GRAIN).map(|(a, b)| *a * b).collect();
    Ok([a, b, c].map(Value::Values).into())
}

/// a·b, as soon as both are there: one vector less while c is on its way.
pub(crate) fn product(values: Vec<Value>) -> Result<Vec<Value>, StepError> {
    let [mut a, mut b] = vectors(values)?;
    a.par_iter_mut().zip(&b).with_min_len(GRAIN).for_each(|(a, b)| *a *= b);
    wipe_values(&mut b);
    Ok(vec![Value::Values(a)])
}

/// a·b − c at the odd roots of unity, canonical, cut into parts of the given lengths.
pub(crate) fn combine(values: Vec<Value>, parts: &[usize]) -> Result<Vec<Value>, StepError> {
    let [mut a, mut c] = vectors(values)?;
    a.par_iter_mut().zip(&c).with_min_len(GRAIN).for_each(|(ab, c)| *ab -= c);
    wipe_values(&mut c);
    // Gone before the scalars come.
    drop(c);
    let scalars = ScalarSlice::filled(a.len(), |scalars| {
        scalars.par_iter_mut().zip(&a).with_min_len(GRAIN).for_each(|(out, x)| *out = FrCanonical::from(*x));
    });
    wipe_values(&mut a);
    cut(vec![Value::Scalars(scalars)], parts)
}

/// Scalars in parts of the given lengths.
pub(crate) fn cut(mut values: Vec<Value>, parts: &[usize]) -> Result<Vec<Value>, StepError> {
    let whole = values.pop().ok_or_else(|| StepError("no scalars".to_owned()))?;
    let whole = whole.into_scalars()?;
    let mut start = 0;
    let mut next = |len| {
        let part = start..start + len;
        start += len;
        whole.part(part).map(Value::Scalars).ok_or_else(|| StepError("parts exceed the domain".to_owned()))
    };
    parts.iter().map(|part| next(*part)).collect()
}

fn vectors<const N: usize>(values: Vec<Value>) -> Result<[Vec<Fr>; N], StepError> {
    let vectors = values.into_iter().map(Value::into_values).collect::<Result<Vec<_>, _>>()?;
    <[Vec<Fr>; N]>::try_from(vectors).map_err(|v| StepError(format!("{} vectors, expected {N}", v.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(v: &[u64]) -> Value {
        Value::Values(v.iter().map(|x| Fr::from(*x)).collect())
    }

    #[test]
    fn combine_is_a_times_b_minus_c_in_parts() {
        let mut both = product(vec![values(&[2, 3, 5]), values(&[7, 11, 13])]).unwrap();
        both.push(values(&[1, 2, 3]));
        let made = combine(both, &[1, 2]).unwrap();
        let limbs: Vec<Vec<_>> = made
            .into_iter()
            .map(|v| v.into_scalars().unwrap().iter().map(|x| x.limbs()[0]).collect())
            .collect();
        assert_eq!(limbs, [vec![13], vec![31, 62]]);
    }

    #[test]
    fn scalars_are_cut_in_order() {
        let scalars = |v: &[u8]| Value::Scalars(v.iter().map(|x| FrCanonical([*x; 32])).collect());
        assert_eq!(cut(vec![scalars(&[1, 2, 3])], &[1, 2]).unwrap(), [scalars(&[1]), scalars(&[2, 3])]);
        assert!(cut(vec![scalars(&[1, 2, 3])], &[1, 3]).is_err());
        assert!(cut(vec![values(&[1])], &[1]).is_err());
    }

    #[test]
    fn wrong_shapes_are_errors() {
        assert!(combine(vec![values(&[1])], &[1]).is_err());
        assert!(combine(vec![values(&[1]), values(&[1])], &[2]).is_err());
        assert!(product(vec![values(&[1])]).is_err());
        assert!(with_product(vec![values(&[1])]).is_err());
        assert!(with_product(vec![]).is_err());
    }
}
