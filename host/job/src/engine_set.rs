//! The engines at hand, and which of them is still trusted with work.

use std::sync::{Arc, PoisonError, RwLock};

use crate::Engine;

/// Place of an engine in an [`EngineSet`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct EngineSlot(pub usize);

/// Why an engine gets no work.
struct Aside {
    reason: String,
    /// Whether it may be taken back.
    for_now: bool,
}

struct Member {
    engine: Arc<dyn Engine>,
    /// The engine's own, or with its number where several have the same.
    name: String,
    aside: RwLock<Option<Aside>>,
}

/// Engines in a fixed order. An engine that was put aside stays so for the life of the set; one that was only left alone can be taken back.
pub struct EngineSet {
    engines: Vec<Member>,
}

impl EngineSet {
    /// A set of these engines; slot i is the i-th.
    pub fn new(engines: Vec<Arc<dyn Engine>>) -> Arc<Self> {
        let alike = |name: &str| engines.iter().filter(|engine| engine.name() == name).count() > 1;
        let name = |(slot, engine): (usize, &Arc<dyn Engine>)| match engine.name() {
            name if alike(name) => format!("{name}/{slot}"),
            name => name.to_owned(),
        };
        let names: Vec<_> = engines.iter().enumerate().map(name).collect();
        let member = |(engine, name)| Member { engine, name, aside: RwLock::default() };
        Arc::new(Self { engines: engines.into_iter().zip(names).map(member).collect() })
    }

    /// Number of engines.
    pub fn len(&self) -> usize {
        self.engines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.engines.is_empty()
    }

    /// All slots.
    pub fn slots(&self) -> impl Iterator<Item = EngineSlot> + use<> {
        (0..self.engines.len()).map(EngineSlot)
    }

    /// The engine.
    ///
    /// # Panics
    /// If the slot is of another set and beyond this one's end.
    pub fn engine(&self, slot: EngineSlot) -> &Arc<dyn Engine> {
        &self.engines[slot.0].engine
    }

    /// The engine's name; where several have the same, with the number of its slot behind it.
    ///
    /// # Panics
    /// As [`EngineSet::engine`].
    pub fn name(&self, slot: EngineSlot) -> &str {
        &self.engines[slot.0].name
    }

    /// Gives the engine no more work, for good. The first reason stays. Says whether it had work until now.
    ///
    /// # Panics
    /// As [`EngineSet::engine`].
    pub fn put_aside(&self, slot: EngineSlot, reason: impl Into<String>) -> bool {
        self.set_aside(slot, reason.into(), false)
    }

    /// Gives the engine no more work until it is [taken back](EngineSet::take_back). The first reason stays. Says whether it had work until now.
    ///
    /// # Panics
    /// As [`EngineSet::engine`].
    pub fn leave_alone(&self, slot: EngineSlot, reason: impl Into<String>) -> bool {
        self.set_aside(slot, reason.into(), true)
    }

    fn set_aside(&self, slot: EngineSlot, reason: String, for_now: bool) -> bool {
        let mut is_new = false;
        self.change(slot, |aside| match aside {
            Some(aside) => aside.for_now &= for_now,
            None => (*aside, is_new) = (Some(Aside { reason, for_now }), true),
        });
        is_new
    }

    /// Gives the engine work again, unless it was put aside for good.
    ///
    /// # Panics
    /// As [`EngineSet::engine`].
    pub fn take_back(&self, slot: EngineSlot) {
        self.change(slot, |aside| {
            aside.take_if(|aside| aside.for_now);
        });
    }

    fn change(&self, slot: EngineSlot, change: impl FnOnce(&mut Option<Aside>)) {
        change(&mut self.engines[slot.0].aside.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Why the engine gets no work, or `None` if it does.
    ///
    /// # Panics
    /// As [`EngineSet::engine`].
    pub fn aside(&self, slot: EngineSlot) -> Option<String> {
        let aside = self.engines[slot.0].aside.read().unwrap_or_else(PoisonError::into_inner);
        aside.as_ref().map(|aside| aside.reason.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{EngineSet, EngineSlot};
    use crate::{BufferId, Engine, EngineError, Job, JobKind, JobOutput, Resident, Ticket};

    struct Nothing;

    impl Engine for Nothing {
        fn name(&self) -> &str {
            "nothing"
        }
        fn supports(&self, _: &JobKind) -> bool {
            false
        }
        fn load(&self, _: Resident) -> Result<BufferId, EngineError> {
            Err(EngineError::Cancelled)
        }
        fn unload(&self, _: BufferId) {}
        fn submit(&self, _: Job) -> Result<Ticket, EngineError> {
            Err(EngineError::Cancelled)
        }
        fn wait(&self, _: Ticket) -> Result<JobOutput, EngineError> {
            Err(EngineError::Cancelled)
        }
        fn try_wait(
            &self,
            ticket: Ticket,
            _: std::time::Duration,
        ) -> Result<Result<JobOutput, Ticket>, EngineError> {
            Ok(Err(ticket))
        }
        fn cancel(&self, _: Ticket) -> Result<(), EngineError> {
            Ok(())
        }
    }

    #[test]
    fn what_was_left_alone_is_taken_back_and_what_was_put_aside_is_not() {
        let set = EngineSet::new(vec![Arc::new(Nothing)]);
        let slot = EngineSlot(0);
        assert!(set.leave_alone(slot, "slow"));
        assert!(!set.leave_alone(slot, "slower"));
        assert_eq!(set.aside(slot).as_deref(), Some("slow"));
        set.take_back(slot);
        assert_eq!(set.aside(slot), None);
        set.leave_alone(slot, "slow");
        assert!(!set.put_aside(slot, "wrong"));
        set.take_back(slot);
        assert_eq!(set.aside(slot).as_deref(), Some("slow"), "the first reason stays");
    }
}
