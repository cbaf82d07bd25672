//! From A·w and B·w to the scalars of the sum over H, in three passes over three vectors ([`millrace_bn254::ntt`]'s `quotient`).
//!
//! Memory: a and b as they came, and between the passes a, b and c once more, which pass 2 changes in place; of these six vectors no more than four at a
//! time where nothing is kept. The scalars take the place of a fourth.

use millrace_bn254::{
    Fr, FrCanonical, Packed,
    backend::Instructions,
    ntt::{Plan, Shape, WIDTH},
};
use millrace_job::{CancelToken, EngineError, ScalarSlice, wipe_values};
use rayon::prelude::*;

use crate::{
    Limits,
    ntt::{Plans, Which},
    store::{Borrowed, Store},
};

/// What a quotient is made with.
pub(crate) struct Quotient<'a> {
    pub(crate) plans: &'a Plans,
    pub(crate) store: &'a Store,
    pub(crate) instructions: Instructions,
    pub(crate) limits: Limits,
    pub(crate) cancel: &'a CancelToken,
}

/// Values that came with a job: wiped when they are no longer needed, and their memory kept if it shall be.
struct Guest<'a> {
    values: Vec<Fr>,
    home: Option<&'a Store>,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        match self.home {
            Some(home) => home.take_in_values(std::mem::take(&mut self.values)),
            None => wipe_values(&mut self.values),
        }
    }
}

impl Quotient<'_> {
    /// The scalars for a = A·w and b = B·w, 2^log_n each, `log_n` ≤ [`crate::ntt::MAX_LOG_N`], on the current thread pool. Wipes a, b and what it worked on.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub(crate) fn scalars(&self, a: Vec<Fr>, b: Vec<Fr>) -> Result<ScalarSlice, EngineError> {
        let keep = a.len() <= self.limits.kept_values;
        let (a, b) = (self.take_in(a, keep), self.take_in(b, keep));
        let log_n = a.values.len().ilog2();
        let inverse = Shape { log_n, inverse: true, coset: false };
        let forward = Shape { log_n, inverse: false, coset: true };
        let Some(plan) = self.plans.get(self.instructions, Which::Alone(inverse)) else {
            return Ok(tiny([inverse, forward], &a.values, &b.values));
        };
        let mut packed = self.columns(&plan, a, b, keep)?;
        drop(plan);
        if !self.limits.keep_tables {
            // Its table has done its work.
            self.plans.release(0, true);
        }
        let plan = self.plans.get(self.instructions, Which::Following(forward)).expect("not tiny either");
        self.middle(&plan, &mut packed, keep)?;
        self.last(&plan, packed, keep)
    }

    fn take_in(&self, values: Vec<Fr>, keep: bool) -> Guest<'_> {
        Guest { values, home: keep.then_some(self.store) }
    }

    fn go_on(&self) -> Result<(), EngineError> {
        if self.cancel.is_cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
    }

    /// Pass 1. What is no longer needed goes as early as it can.
    fn columns(
        &self,
        plan: &Plan,
        a: Guest<'_>,
        b: Guest<'_>,
        keep: bool,
    ) -> Result<[Borrowed<'_, Vec<Packed>>; 3], EngineError> {
        let chunk = plan.packed_len() / plan.column_tasks();
        let pass = |columns: &(dyn Fn(usize, &mut millrace_bn254::ntt::Scratch, &mut [Packed]) + Sync)| {
            let mut out = self.store.packed(plan.packed_len(), keep);
            let tasks = out.par_chunks_exact_mut(chunk).enumerate();
            tasks.try_for_each_init(
                || self.plans.scratch(),
                |scratch, (task, out)| {
                    self.go_on()?;
                    columns(task, scratch, out);
                    Ok(())
                },
            )?;
            Ok(out)
        };
        let c =
            pass(&|task, scratch, out| plan.columns_of_product(task, &a.values, &b.values, scratch, out))?;
        let of_a = pass(&|task, scratch, out| plan.columns(task, &a.values, scratch, out))?;
        drop(a);
        let of_b = pass(&|task, scratch, out| plan.columns(task, &b.values, scratch, out))?;
        Ok([of_a, of_b, c])
    }

    /// Pass 2, in place.
    fn middle<'p>(
        &self,
        plan: &Plan,
        packed: &'p mut [Borrowed<'_, Vec<Packed>>; 3],
        keep: bool,
    ) -> Result<(), EngineError> {
        let tasks = plan.column_tasks();
        let each = plan.packed_len() / WIDTH / tasks;
        let of = |(vector, packed): (usize, &'p mut Borrowed<'_, Vec<Packed>>)| {
            let eights = packed.chunks_exact_mut(WIDTH).enumerate();
            eights.map(move |(index, eight)| ((vector * tasks + index % tasks) * each + index / tasks, eight))
        };
        let places = packed.iter_mut().enumerate().flat_map(of);
        self.store.packed_places.with(places, 3 * tasks * each, keep, |places| {
            places.par_chunks_exact_mut(each).enumerate().try_for_each_init(
                || self.plans.scratch(),
                |scratch, (task, places)| {
                    self.go_on()?;
                    plan.rows_to_columns(task % tasks, scratch, places);
                    Ok(())
                },
            )
        })
    }

    /// Pass 3.
    fn last(
        &self,
        plan: &Plan,
        packed: [Borrowed<'_, Vec<Packed>>; 3],
        keep: bool,
    ) -> Result<ScalarSlice, EngineError> {
        let (tasks, each) = (plan.row_tasks(), plan.packed_len() / plan.row_tasks());
        let mut scalars = self.store.scalars(WIDTH * tasks * each, keep);
        let eights = scalars.chunks_exact_mut(WIDTH).enumerate();
        let places = eights.map(|(index, eight)| (index % tasks * each + index / tasks, eight));
        let [a, b, c] = &packed;
        self.store.scalar_places.with(places, tasks * each, keep, |places| {
            places.par_chunks_exact_mut(each).enumerate().try_for_each_init(
                || self.plans.scratch(),
                |scratch, (task, out)| {
                    self.go_on()?;
                    plan.rows_of_quotient(task, [a, b, c], scratch, out);
                    Ok(())
                },
            )
        })?;
        Ok(scalars.give_away().into())
    }
}

/// The same where there are too few values for passes.
fn tiny(shapes: [Shape; 2], a: &[Fr], b: &[Fr]) -> ScalarSlice {
    let mut vectors = [a.to_vec(), b.to_vec(), a.iter().zip(b).map(|(a, b)| *a * b).collect()];
    for values in &mut vectors {
        shapes.into_iter().for_each(|shape| Plan::tiny(shape, values));
    }
    let [a, b, c] = &vectors;
    let scalars = a.iter().zip(b).zip(c).map(|((a, b), c)| FrCanonical::from(*a * b - c)).collect();
    vectors.iter_mut().for_each(|values| wipe_values(values));
    scalars
}
