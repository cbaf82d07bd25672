//! Transforms, cut into the tasks of their two passes ([`millrace_bn254::ntt`]).
//!
//! Plans hold a table as large as a transform and are kept for the shapes last used; so is the memory between the passes, wiped.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use millrace_bn254::{
    Fr, Packed,
    backend::Instructions,
    ntt::{Plan, Scratch, Shape, WIDTH},
};
use millrace_job::{CancelToken, EngineError, NttDirection};
use rayon::prelude::*;
use zeroize::Zeroize;

pub(crate) use millrace_bn254::ntt::MAX_LOG_N;

/// Plans kept: a proof needs two.
const PLANS: usize = 4;
/// Blocks of memory kept between transforms, as many as run at once.
const SPARES: usize = 2;

/// The plans last used, and memory.
#[derive(Default)]
pub(crate) struct Plans {
    plans: Mutex<VecDeque<(Shape, Arc<Plan>)>>,
    spares: Mutex<Vec<Vec<Packed>>>,
    /// Memory of tasks that are done, wiped; never more than ran at once.
    scratches: Mutex<Vec<Scratch>>,
}

/// A task's memory, given back wiped.
struct Borrowed<'a> {
    scratch: Scratch,
    home: &'a Mutex<Vec<Scratch>>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.scratch.wipe();
        lock(self.home).push(std::mem::take(&mut self.scratch));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Plans {
    /// The plan for a shape, made if need be; `None` for tiny ones.
    fn get(&self, instructions: Instructions, shape: Shape) -> Option<Arc<Plan>> {
        let find = |plans: &VecDeque<(Shape, Arc<Plan>)>| {
            plans.iter().find(|(of, _)| *of == shape).map(|(_, plan)| plan.clone())
        };
        if let Some(plan) = find(&lock(&self.plans)) {
            return Some(plan);
        }
        let mut plan = Plan::new(instructions, shape)?;
        let (filler, parts) = plan.table_mut();
        parts.enumerate().par_bridge().for_each(|(task, part)| filler.fill(task, part));
        let plan = Arc::new(plan);
        let mut plans = lock(&self.plans);
        if let Some(plan) = find(&plans) {
            return Some(plan);
        }
        plans.push_front((shape, plan.clone()));
        plans.truncate(PLANS);
        Some(plan)
    }

    fn borrow(&self) -> Borrowed<'_> {
        let idle = lock(&self.scratches).pop();
        Borrowed { scratch: idle.unwrap_or_default(), home: &self.scratches }
    }

    /// So many zero vectors.
    fn take(&self, len: usize) -> Vec<Packed> {
        let mut spares = lock(&self.spares);
        match spares.iter().position(|spare| spare.len() == len) {
            Some(at) => spares.swap_remove(at),
            None => vec![Packed::ZERO; len],
        }
    }

    /// Lets the memory between transforms of more than `kept` values go; with `plans`, the tables too. Transforms that are running keep theirs.
    pub(crate) fn release(&self, kept: usize, plans: bool) {
        lock(&self.spares).retain(|spare| spare.len() * WIDTH <= kept);
        if plans {
            lock(&self.scratches).clear();
            lock(&self.plans).clear();
        }
    }

    /// Wipes memory and keeps it.
    fn give_back(&self, mut memory: Vec<Packed>) {
        memory.par_iter_mut().with_min_len(1 << 10).for_each(Zeroize::zeroize);
        let mut spares = lock(&self.spares);
        spares.push(memory);
        if spares.len() > SPARES {
            spares.remove(0);
        }
    }
}

/// Transforms 2^log_n values, `log_n` ≤ [`MAX_LOG_N`], in place on the current thread pool. Wipes what it worked on, as that
/// comes from a witness; when cancelled, the values too.
///
/// # Errors
/// [`EngineError::Cancelled`].
pub(crate) fn transform(
    plans: &Plans,
    instructions: Instructions,
    direction: NttDirection,
    coset: bool,
    mut values: Vec<Fr>,
    cancel: &CancelToken,
) -> Result<Vec<Fr>, EngineError> {
    let shape = Shape { log_n: values.len().ilog2(), inverse: direction == NttDirection::Inverse, coset };
    let Some(plan) = plans.get(instructions, shape) else {
        Plan::tiny(shape, &mut values);
        return Ok(values);
    };
    let mut between = plans.take(plan.packed_len());
    let chunk = plan.packed_len() / plan.column_tasks();
    between.par_chunks_exact_mut(chunk).enumerate().for_each_init(
        || plans.borrow(),
        |borrowed, (task, out)| {
            if !cancel.is_cancelled() {
                plan.columns(task, &values, &mut borrowed.scratch, out);
            }
        },
    );
    // Each task's places in the result: eight neighbours every R values.
    let each = values.len() / WIDTH / plan.row_tasks();
    let mut places: Vec<Vec<&mut [Fr]>> = Vec::new();
    places.resize_with(plan.row_tasks(), || Vec::with_capacity(each));
    for (index, eight) in values.chunks_exact_mut(WIDTH).enumerate() {
        places[index % plan.row_tasks()].push(eight);
    }
    places.par_iter_mut().enumerate().for_each_init(
        || plans.borrow(),
        |borrowed, (task, out)| {
            if !cancel.is_cancelled() {
                plan.rows(task, &between, &mut borrowed.scratch, out);
            }
        },
    );
    drop(places);
    plans.give_back(between);
    if cancel.is_cancelled() {
        values.iter_mut().zeroize();
        return Err(EngineError::Cancelled);
    }
    Ok(values)
}
