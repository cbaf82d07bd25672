//! The engines at hand, and which of them is still trusted with work.

use std::sync::{Arc, OnceLock};

use crate::Engine;

/// Place of an engine in an [`EngineSet`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct EngineSlot(pub usize);

/// Engines in a fixed order. An engine that was put aside stays so for the life of the set.
pub struct EngineSet {
    engines: Vec<(Arc<dyn Engine>, OnceLock<String>)>,
}

impl EngineSet {
    /// A set of these engines; slot i is the i-th.
    pub fn new(engines: Vec<Arc<dyn Engine>>) -> Arc<Self> {
        Arc::new(Self { engines: engines.into_iter().map(|e| (e, OnceLock::new())).collect() })
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
        &self.engines[slot.0].0
    }

    /// The engine's name.
    ///
    /// # Panics
    /// As [`EngineSet::engine`].
    pub fn name(&self, slot: EngineSlot) -> &str {
        self.engine(slot).name()
    }

    /// Gives the engine no more work. The first reason stays.
    ///
    /// # Panics
    /// As [`EngineSet::engine`].
    pub fn put_aside(&self, slot: EngineSlot, reason: impl Into<String>) {
        let _ = self.engines[slot.0].1.set(reason.into());
    }

    /// Why the engine was put aside, or `None` if it was not.
    ///
    /// # Panics
    /// As [`EngineSet::engine`].
    pub fn aside(&self, slot: EngineSlot) -> Option<&str> {
        self.engines[slot.0].1.get().map(String::as_str)
    }
}
