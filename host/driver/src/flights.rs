//! The descriptors that a device has, found by job id without hashing, and each engine's in their order.

use std::collections::VecDeque;

use millrace_regs::layout;

/// Why a flight will have no good end.
#[derive(Clone)]
pub(crate) enum Doom {
    Cancelled,
    /// An engine stood still with it.
    Stuck(String),
}

/// A descriptor that the device has.
pub(crate) struct Flight {
    pub(crate) ticket: u64,
    pub(crate) part: usize,
    pub(crate) opcode: u8,
    /// Rises with every descriptor.
    pub(crate) sequence: u64,
    /// Operations and beats that it should take, roughly.
    pub(crate) expected_work: u64,
    pub(crate) doom: Option<Doom>,
    /// The driver resets the engine for another job's sake: RESET is no fault of this one and counts as no attempt.
    pub(crate) collateral: bool,
}

/// All of one queue. A job id names a place by its lowest bits and is in use once.
pub(crate) struct Flights {
    places: Vec<Option<(u32, Flight)>>,
    len: usize,
    next_job_id: u32,
    /// Job ids of each opcode as they were sent; those that have ended are passed over.
    order: [VecDeque<u32>; 4],
}

impl Flights {
    /// Room for one less than `entries`, a power of two.
    pub(crate) fn new(entries: usize) -> Self {
        let places = (0..entries).map(|_| None).collect();
        Self { places, len: 0, next_job_id: 0, order: Default::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn place(&self, job_id: u32) -> usize {
        job_id as usize & (self.places.len() - 1)
    }

    pub(crate) fn has(&self, job_id: u32) -> bool {
        self.places[self.place(job_id)].as_ref().is_some_and(|&(id, _)| id == job_id)
    }

    /// An id that is not in flight and whose place is free; there is one while not all are.
    pub(crate) fn fresh_job_id(&mut self) -> u32 {
        loop {
            self.next_job_id = self.next_job_id.wrapping_add(1);
            if self.places[self.place(self.next_job_id)].is_none() {
                return self.next_job_id;
            }
        }
    }

    /// Takes a flight in, under an id that is fresh.
    pub(crate) fn insert(&mut self, job_id: u32, flight: Flight) {
        if let Some(order) = self.order.get(usize::from(flight.opcode)) {
            let ended = order.iter().take_while(|&&id| !self.has(id)).count();
            let order = &mut self.order[usize::from(flight.opcode)];
            order.drain(..ended);
            order.push_back(job_id);
        }
        let (place, opcode) = (self.place(job_id), usize::from(flight.opcode));
        self.len += 1;
        self.places[place] = Some((job_id, flight));
        // Behind one that does not end, jobs that end badly are kept in mind: not more of them than there are places.
        if self.order.get(opcode).is_some_and(|order| order.len() > 2 * self.places.len()) {
            let mut order = std::mem::take(&mut self.order[opcode]);
            order.retain(|&id| self.has(id));
            self.order[opcode] = order;
        }
    }

    pub(crate) fn remove(&mut self, job_id: u32) -> Option<Flight> {
        let place = self.place(job_id);
        let (_, flight) = self.places[place].take_if(|(id, _)| *id == job_id)?;
        self.len -= 1;
        Some(flight)
    }

    /// Takes out those of an opcode that were sent before `job_id`, which has just ended well: jobs of one engine complete in order, so theirs will
    /// never come. NOPs need no engine and have no order.
    pub(crate) fn take_overtaken(&mut self, opcode: u8, job_id: u32, lost: &mut Vec<(u32, Flight)>) {
        if opcode == layout::OPCODE_NOP {
            return;
        }
        while let Some(first) = self.order.get_mut(usize::from(opcode)).and_then(VecDeque::pop_front) {
            if first == job_id {
                return;
            }
            if let Some(flight) = self.remove(first) {
                lost.push((first, flight));
            }
        }
    }

    /// Those of one opcode.
    pub(crate) fn of(&self, opcode: u8) -> impl Iterator<Item = &Flight> {
        self.values().filter(move |flight| flight.opcode == opcode)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Flight> {
        self.places.iter().flatten().map(|(_, flight)| flight)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Flight> {
        self.places.iter_mut().flatten().map(|(_, flight)| flight)
    }

    /// Takes all out, the oldest first.
    pub(crate) fn drain(&mut self) -> Vec<(u32, Flight)> {
        let mut all: Vec<_> = self.places.iter_mut().filter_map(Option::take).collect();
        all.sort_by_key(|(_, flight)| flight.sequence);
        self.len = 0;
        self.order.iter_mut().for_each(VecDeque::clear);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(opcode: u8, sequence: u64) -> Flight {
        Flight { ticket: 0, part: 0, opcode, sequence, expected_work: 0, doom: None, collateral: false }
    }

    #[test]
    fn ids_are_used_once_and_found() {
        let mut flights = Flights::new(4);
        let ids: Vec<u32> = (0..3)
            .map(|i| {
                let id = flights.fresh_job_id();
                flights.insert(id, flight(layout::OPCODE_NTT, i));
                id
            })
            .collect();
        assert_eq!(flights.len(), 3);
        assert!(flights.remove(ids[1] + 4).is_none(), "the same place, another id");
        assert_eq!(flights.remove(ids[1]).unwrap().sequence, 1);
        let next = flights.fresh_job_id();
        flights.insert(next, flight(layout::OPCODE_NTT, 3));
        let again = flights.fresh_job_id();
        assert_eq!(again as usize & 3, ids[1] as usize & 3, "the only free place");
        let order: Vec<u64> = flights.drain().iter().map(|(_, f)| f.sequence).collect();
        assert_eq!(order, [0, 2, 3]);
        assert!(flights.is_empty());
    }

    #[test]
    fn whoever_is_overtaken_is_taken_out() {
        let mut flights = Flights::new(8);
        let ids: Vec<u32> = (0..5)
            .map(|i| {
                let id = flights.fresh_job_id();
                let opcode = if i == 1 { layout::OPCODE_COPY } else { layout::OPCODE_NTT };
                flights.insert(id, flight(opcode, i));
                id
            })
            .collect();
        let overtaken = |flights: &mut Flights, id| {
            flights.remove(id).unwrap();
            let mut lost = Vec::new();
            flights.take_overtaken(layout::OPCODE_NTT, id, &mut lost);
            lost.iter().map(|(id, _)| *id).collect::<Vec<_>>()
        };
        assert_eq!(overtaken(&mut flights, ids[0]), []);
        assert_eq!(overtaken(&mut flights, ids[3]), [ids[2]]);
        assert_eq!(overtaken(&mut flights, ids[4]), []);
        assert_eq!(flights.len(), 1, "the copy has its own order");
    }
}
