//! A key on engines.

use std::sync::Arc;

use millrace_groth16::{KeyPart, PreparedKey, ProvingKey};
use millrace_job::{CancelToken, EngineSet, EngineSlot, Group, JobKind, Lent, Placed, Resident, SparseRows};

use crate::{
    LoadError, Placement,
    pages::{self, Pages},
};

/// A key that was checked (point by point, or by its digests if it was imported) and whose bases are on the engines that will need them.
///
/// Further engines (a fallback) get bases when they first need them. Dropping it frees them everywhere. Several proofs may use
/// one loaded key at once.
pub struct LoadedKey {
    pub(crate) key: ProvingKey,
    pub(crate) verifying: PreparedKey,
    pub(crate) matrix: Arc<Placed>,
    pub(crate) a: Arc<Placed>,
    pub(crate) b1: Arc<Placed>,
    pub(crate) b2: Arc<Placed>,
    pub(crate) l: Arc<Placed>,
    pub(crate) h: Arc<Placed>,
    /// Who reads its pages.
    pub(crate) pages: Pages,
}

impl LoadedKey {
    /// The key.
    pub fn key(&self) -> &ProvingKey {
        &self.key
    }

    /// The same, of which pages are not let go between the jobs that read them: for who proves again and again, and has memory for all of the key. Of a key that is
    /// loaded twice from one file, each loaded key goes its own way.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.pages.stay = true;
        self
    }

    /// Checks the key ([`ProvingKey::check`]) and sends its bases to engines meanwhile.
    pub(crate) fn new(
        set: &Arc<EngineSet>,
        trusted: EngineSlot,
        placement: Placement,
        fallback: bool,
        key: ProvingKey,
        cancel: &CancelToken,
    ) -> Result<Self, LoadError> {
        let placed = |resident| Arc::new(Placed::new(set.clone(), resident));
        let loaded = Self {
            matrix: placed(matrix(&key)),
            a: placed(Resident::G1(lent(&key, KeyPart::A))),
            b1: placed(Resident::G1(lent(&key, KeyPart::B1))),
            b2: placed(Resident::G2(lent(&key, KeyPart::B2))),
            l: placed(Resident::G1(lent(&key, KeyPart::L))),
            h: placed(Resident::G1(lent(&key, KeyPart::H))),
            pages: Pages::default(),
            verifying: key.verifying_key().prepare().map_err(LoadError::Verifying)?,
            key,
        };
        let (checked, sent) =
            rayon::join(|| loaded.key.check(), || loaded.send(set, trusted, placement, fallback, cancel));
        // A bad point may also have made an engine refuse; the key's own error says more.
        checked?;
        sent?;
        pages::release_all(&loaded.key);
        Ok(loaded)
    }

    /// Sends each part where it will be needed. With `fallback`, a device that cannot take its part is put aside.
    pub(crate) fn send(
        &self,
        set: &EngineSet,
        trusted: EngineSlot,
        placement: Placement,
        fallback: bool,
        cancel: &CancelToken,
    ) -> Result<(), LoadError> {
        let parts = [
            ("the matrices", &self.matrix),
            ("the bases of A", &self.a),
            ("the bases of B over G1", &self.b1),
            ("the bases of B over G2", &self.b2),
            ("the bases of C", &self.l),
            ("the bases of the quotient", &self.h),
        ];
        for (what, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
            if cancel.is_cancelled() {
                return Err(LoadError::Cancelled);
            }
            let device = placement.device();
            let device = if set.engine(device).supports(&kind(part)) { device } else { trusted };
            let both = matches!(placement, Placement::Split { .. }) && matches!(part.data(), Resident::G1(_));
            for slot in [Some(device), both.then_some(trusted)].into_iter().flatten() {
                if fallback && set.aside(slot).is_some() {
                    continue;
                }
                match part.on(slot) {
                    Ok(_) => {}
                    Err(e) if fallback && slot != trusted => {
                        set.put_aside(slot, format!("could not take {what}: {e}"));
                    }
                    Err(source) => {
                        return Err(LoadError::Engine { engine: set.name(slot).to_owned(), what, source });
                    }
                }
            }
        }
        Ok(())
    }
}

/// The kind of job that all of a part takes.
pub(crate) fn kind(part: &Placed) -> JobKind {
    let points = part.len();
    match part.data() {
        Resident::G1(_) => JobKind::Msm { group: Group::G1, points },
        Resident::G2(_) => JobKind::Msm { group: Group::G2, points },
        Resident::Matrix { .. } | Resident::Rows(_) => JobKind::Rows { rows: points },
    }
}

/// The matrices in the form that the key has.
fn matrix(key: &ProvingKey) -> Resident {
    match key.origin() {
        Some(_) => Resident::Rows(SparseRows {
            ends: lent(key, KeyPart::RowEnds),
            terms: lent(key, KeyPart::Terms),
            values: lent(key, KeyPart::Values),
        }),
        None => Resident::Matrix {
            entries: lent(key, KeyPart::Coefficients),
            rows: key.header().domain_size as usize,
        },
    }
}

/// A part of the key, without a copy.
fn lent<T: bytemuck::AnyBitPattern>(key: &ProvingKey, part: KeyPart) -> Lent<T> {
    Lent::new(key.bytes().clone(), key.range(part)).expect("an opened key has whole elements in every part")
}
