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
use millrace_job::{CancelToken, EngineError, NttDirection, wipe_values};
use rayon::prelude::*;

use crate::store::{Borrowed, Shelf, Wipe};

pub(crate) use millrace_bn254::ntt::MAX_LOG_N;

/// Plans that a proof needs.
const PLANS: usize = 2;
/// Plans kept at least: those of two kinds of proofs, one after the other.
const LEAST_PLANS: usize = 2 * PLANS;
/// Blocks of memory kept between transforms for each lane, as many as it has jobs at once.
const SPARES: usize = 2;

/// Which plan of a shape.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// [`Plan::new`].
    Alone(Shape),
    /// [`Plan::following`].
    Following(Shape),
}

/// The plans last used, and memory.
pub(crate) struct Plans {
    lanes: usize,
    plans: Mutex<VecDeque<(Which, Arc<Plan>)>>,
    spares: Mutex<Vec<Vec<Packed>>>,
    /// Memory of tasks that are done, wiped; never more than ran at once.
    scratches: Shelf<Scratch>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Plans {
    /// None yet, for proofs on so many lanes, at least one, which may be of as many kinds.
    pub(crate) fn new(lanes: usize) -> Self {
        Self { lanes, plans: Mutex::default(), spares: Mutex::default(), scratches: Shelf::default() }
    }

    /// The plan, made if need be; `None` for tiny ones.
    pub(crate) fn get(&self, instructions: Instructions, which: Which) -> Option<Arc<Plan>> {
        // To the front: those that are used least are dropped.
        let find = |plans: &mut VecDeque<(Which, Arc<Plan>)>| {
            let found = plans.remove(plans.iter().position(|(of, _)| *of == which)?)?;
            plans.push_front(found.clone());
            Some(found.1)
        };
        if let Some(plan) = find(&mut lock(&self.plans)) {
            return Some(plan);
        }
        let mut plan = match which {
            Which::Alone(shape) => Plan::new(instructions, shape),
            Which::Following(shape) => Plan::following(instructions, shape),
        }?;
        let (filler, parts) = plan.table_mut();
        parts.enumerate().par_bridge().for_each(|(task, part)| filler.fill(task, part));
        let plan = Arc::new(plan);
        let mut plans = lock(&self.plans);
        if let Some(plan) = find(&mut plans) {
            return Some(plan);
        }
        plans.push_front((which, plan.clone()));
        plans.truncate(LEAST_PLANS.max(PLANS * self.lanes));
        Some(plan)
    }

    /// A task's memory.
    pub(crate) fn scratch(&self) -> Borrowed<'_, Scratch> {
        self.scratches.borrow(true)
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
            self.scratches.clear();
            lock(&self.plans).clear();
        }
    }

    /// Lets the memory of tasks go that are done.
    pub(crate) fn forget_scratches(&self) {
        self.scratches.clear();
    }

    /// Wipes memory and keeps it.
    fn give_back(&self, mut memory: Vec<Packed>) {
        memory.wipe();
        let mut spares = lock(&self.spares);
        spares.push(memory);
        if spares.len() > SPARES * self.lanes {
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
    let Some(plan) = plans.get(instructions, Which::Alone(shape)) else {
        Plan::tiny(shape, &mut values);
        return Ok(values);
    };
    let mut between = plans.take(plan.packed_len());
    let chunk = plan.packed_len() / plan.column_tasks();
    between.par_chunks_exact_mut(chunk).enumerate().for_each_init(
        || plans.scratch(),
        |scratch, (task, out)| {
            if !cancel.is_cancelled() {
                plan.columns(task, &values, scratch, out);
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
        || plans.scratch(),
        |scratch, (task, out)| {
            if !cancel.is_cancelled() {
                plan.rows(task, &between, scratch, out);
            }
        },
    );
    drop(places);
    plans.give_back(between);
    if cancel.is_cancelled() {
        wipe_values(&mut values);
        return Err(EngineError::Cancelled);
    }
    Ok(values)
}
