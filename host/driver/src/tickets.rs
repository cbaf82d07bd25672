//! What tickets stand for, found by number without hashing.
//!
//! | bits of a ticket | what |
//! |---|---|
//! | 7:0 | the queue |
//! | 31:8 | place in that queue's table |
//! | 63:32 | how often the place was used, so that a spent ticket names nothing |

use crate::flight::Tracked;

const PLACE_SHIFT: u32 = 8;
const USE_SHIFT: u32 = 32;
/// Places that the bits have room for.
const PLACES_MOST: usize = 1 << (USE_SHIFT - PLACE_SHIFT);

#[derive(Default)]
struct Place {
    uses: u32,
    tracked: Option<Tracked>,
}

/// The tickets of one queue.
pub(crate) struct Tickets {
    queue: u64,
    places: Vec<Place>,
    free: Vec<usize>,
}

/// Which queue a ticket is of.
pub(crate) fn queue_of(ticket: u64) -> usize {
    (ticket & ((1 << PLACE_SHIFT) - 1)) as usize
}

impl Tickets {
    pub(crate) fn new(queue: usize) -> Self {
        Self { queue: queue as u64, places: Vec::new(), free: Vec::new() }
    }

    /// A number for a job; `None` when all numbers are in use, and then the job is dropped.
    pub(crate) fn insert(&mut self, tracked: Tracked) -> Option<u64> {
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.places.len() < PLACES_MOST => {
                self.places.push(Place::default());
                self.places.len() - 1
            }
            None => return None,
        };
        let one = &mut self.places[place];
        one.uses = one.uses.wrapping_add(1);
        one.tracked = Some(tracked);
        Some(u64::from(one.uses) << USE_SHIFT | (place as u64) << PLACE_SHIFT | self.queue)
    }

    fn place(&self, ticket: u64) -> Option<usize> {
        let place = (ticket as u32 >> PLACE_SHIFT) as usize;
        let is_it = queue_of(ticket) as u64 == self.queue
            && self.places.get(place).is_some_and(|p| u64::from(p.uses) == ticket >> USE_SHIFT);
        is_it.then_some(place)
    }

    pub(crate) fn get(&self, ticket: u64) -> Option<&Tracked> {
        self.places[self.place(ticket)?].tracked.as_ref()
    }

    pub(crate) fn get_mut(&mut self, ticket: u64) -> Option<&mut Tracked> {
        let place = self.place(ticket)?;
        self.places[place].tracked.as_mut()
    }

    pub(crate) fn remove(&mut self, ticket: u64) -> Option<Tracked> {
        let place = self.place(ticket)?;
        let tracked = self.places[place].tracked.take()?;
        self.free.push(place);
        Some(tracked)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Tracked> {
        self.places.iter_mut().filter_map(|place| place.tracked.as_mut())
    }

    /// Takes all out.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Tracked> + '_ {
        let free = &mut self.free;
        self.places.iter_mut().enumerate().filter_map(|(i, place)| {
            let tracked = place.tracked.take()?;
            free.push(i);
            Some(tracked)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight::Purpose;

    fn tracked() -> Tracked {
        Tracked::new(Purpose::Copy { digest: 0 }, Vec::new())
    }

    #[test]
    fn spent_tickets_name_nothing() {
        let mut tickets = Tickets::new(3);
        let number = |inserted: Option<u64>| inserted.unwrap();
        let (a, b) = (number(tickets.insert(tracked())), number(tickets.insert(tracked())));
        assert!(a != b && queue_of(a) == 3 && queue_of(b) == 3);
        assert!(tickets.get(a).is_some() && tickets.get(a + 1).is_none());
        assert!(tickets.remove(a).is_some() && tickets.remove(a).is_none());
        let c = number(tickets.insert(tracked()));
        assert!(c != a && tickets.get(a).is_none() && tickets.get_mut(c).is_some());
        assert_eq!(tickets.drain().count(), 2);
        assert!(tickets.get(b).is_none());
    }
}
