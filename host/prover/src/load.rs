//! A key on engines.

use std::sync::Arc;

use millrace_groth16::{KeyPart, PreparedKey, ProvingKey};
use millrace_job::{
    CancelToken, EngineSet, EngineSlot, Event, Group, JobKind, Lent, Observer, Placed, Resident, SparseRows,
};

use crate::{LoadError, Placement};

/// The key's parts, and how the labels begin of the jobs that read them.
const PARTS: [(KeyPart, &str); 9] = [
    (KeyPart::Coefficients, "rows"),
    (KeyPart::RowEnds, "rows"),
    (KeyPart::Terms, "rows"),
    (KeyPart::Values, "rows"),
    (KeyPart::A, "msm A"),
    (KeyPart::B1, "msm B1"),
    (KeyPart::B2, "msm B2"),
    (KeyPart::L, "msm L"),
    (KeyPart::H, "msm H"),
];

/// Has the pages of a key in memory from when the job begins that reads them until it has ended, so that a proof does not have all of it in memory at a time.
pub(crate) struct Releasing<'a> {
    pub(crate) key: &'a ProvingKey,
    pub(crate) told: &'a dyn Observer,
}

/// The parts that a job reads.
fn parts_of(label: &str) -> impl Iterator<Item = KeyPart> {
    PARTS.into_iter().filter(move |(_, job)| label.starts_with(job)).map(|(part, _)| part)
}

impl Observer for Releasing<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::JobStarted { label, .. } => parts_of(label).for_each(|part| self.key.populate(part)),
            Event::JobDone { label, .. } => parts_of(label).for_each(|part| self.key.release(part)),
            _ => {}
        }
        self.told.event(event);
    }
}

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
}

impl LoadedKey {
    /// The key.
    pub fn key(&self) -> &ProvingKey {
        &self.key
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
            verifying: key.verifying_key().prepare().map_err(LoadError::Verifying)?,
            key,
        };
        let (checked, sent) =
            rayon::join(|| loaded.key.check(), || loaded.send(set, trusted, placement, fallback, cancel));
        // A bad point may also have made an engine refuse; the key's own error says more.
        checked?;
        sent?;
        PARTS.into_iter().for_each(|(part, _)| loaded.key.release(part));
        Ok(loaded)
    }

    /// Sends each part where it will be needed. With `fallback`, a device that cannot take its part is put aside.
    fn send(
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
                        set.put_aside(slot, format!("could not take {what}: {e}"))
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
