//! Bases and matrices that several engines of a set may need.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{BufferId, EngineError, EngineSet, EngineSlot, Resident};

/// Resident data and where it is resident so far. Unloaded everywhere when dropped.
pub struct Placed {
    set: Arc<EngineSet>,
    data: Resident,
    ids: Vec<Mutex<Option<BufferId>>>,
}

impl Placed {
    /// Data that no engine holds yet.
    pub fn new(set: Arc<EngineSet>, data: Resident) -> Self {
        let ids = set.slots().map(|_| Mutex::new(None)).collect();
        Self { set, data, ids }
    }

    /// The data.
    pub fn data(&self) -> &Resident {
        &self.data
    }

    /// Number of bases, or of rows of a matrix.
    pub fn len(&self) -> usize {
        match &self.data {
            Resident::G1(bases) => bases.len(),
            Resident::G2(bases) => bases.len(),
            Resident::Matrix { rows, .. } => *rows,
            Resident::Rows(rows) => rows.rows(),
        }
    }

    /// Whether there is neither base nor row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The buffer on that engine; loads it there at the first call. Others that ask meanwhile wait for that.
    ///
    /// # Errors
    /// As [`crate::Engine::load`].
    ///
    /// # Panics
    /// If the slot is of another set and beyond this one's end.
    pub fn on(&self, slot: EngineSlot) -> Result<BufferId, EngineError> {
        let mut id = self.ids[slot.0].lock().unwrap_or_else(PoisonError::into_inner);
        match *id {
            Some(id) => Ok(id),
            None => Ok(*id.insert(self.set.engine(slot).load(self.data.clone())?)),
        }
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        for (slot, id) in self.set.slots().zip(&self.ids) {
            if let Some(id) = id.lock().unwrap_or_else(PoisonError::into_inner).take() {
                self.set.engine(slot).unload(id);
            }
        }
    }
}
