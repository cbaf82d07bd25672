//! What a sum takes of memory at most, whatever its scalars are: digits, and a workplace for each thread.
//!
//! A bound of all sums of so many points; [`choice`](super::choice) keeps plans within it.

use millrace_bn254::buckets::{Layout, MANY_BUCKETS, Use};

use super::tasks::{SORTED, TOGETHER};

/// Buckets of the widest window.
const MOST_BUCKETS: usize = 1 << 15;
/// Where every thread may have a window of more buckets than [`TOGETHER`], there are so many points for each of them.
const POINTS_A_BUCKET: usize = 6;
/// Digits of a point, and the reference to it, where one wide window has those of nearly all points.
const WIDE_BYTES_A_POINT: usize = 12;
/// The least that they can be: of one window.
const WIDE_DIGITS_BYTES_A_POINT: usize = 6;

/// From so many points on, the bytes for each point: a scalar's digits, 2 bytes each, and the reference to its point, with halves twice (4 bytes alone where the scalar is 0, 1 or −1). Windows are the wider the
/// more points there are, which leaves fewer digits.
const BYTES_A_POINT: [(usize, usize); 5] =
    [(0, 264), (1 << 4, 144), (1 << 10, 76), (1 << 13, 60), (1 << 18, 44)];
/// The same for many threads, which get narrower windows: little beside their workplaces.
const BYTES_FOR_MANY: [(usize, usize); 5] =
    [(0, 264), (1 << 4, 144), (1 << 15, 76), (1 << 18, 60), (11 << 16, 44)];
/// From so many threads on.
const MANY: usize = 8;

/// What digits of so many points and the references to them take; never less for more points.
pub(super) fn digits_bytes(points: usize, threads: usize) -> usize {
    let table = if threads < MANY { BYTES_A_POINT } else { BYTES_FOR_MANY };
    let ends = table.iter().skip(1).map(|(start, _)| start - 1).chain([usize::MAX]);
    let started = table.iter().zip(ends).take_while(|((start, _), _)| *start <= points);
    started.map(|((_, bytes), end)| bytes * points.min(end)).max().unwrap_or(0)
}

/// The greatest power of two up to `most`, but as many as are filled together and no more than a window has.
fn buckets_up_to(most: usize) -> usize {
    (1 << most.max(1).ilog2()).clamp(TOGETHER, MOST_BUCKETS)
}

/// What a thread takes for windows of so many buckets, with as many of images or without, and before and after them for any that are filled together.
fn workplace_bytes(buckets: usize, images: bool, rows: usize) -> usize {
    let (all, added) = (buckets << u32::from(images), SORTED / rows);
    let of = Use { buckets: all.max(TOGETHER), weighed: buckets.max(TOGETHER), added, spread: usize::MAX };
    // What is sorted: a place and a reference each, and two numbers for each bucket.
    of.most_bytes(rows) + 8 * added + 8 * (MANY_BUCKETS + 1)
}

/// The same for few points, which fill few buckets: what a batch needs, and rows for buckets and for points while they are sorted or wait. One thread has all windows in one task, several have half of them at most.
fn few_points_bytes(points: usize, rows: usize, threads: usize) -> usize {
    let (batch, point) = if threads == 1 { (640 << 10, 6 << 10) } else { (448 << 10, 2 << 10) };
    rows * (batch + points * point)
}

/// What a thread takes that has no wide window, for a sum of so many points.
fn narrow_bytes(points: usize, rows: usize, threads: usize) -> usize {
    workplace_bytes(TOGETHER, false, rows).min(few_points_bytes(points, rows, threads))
}

/// What a thread takes more for windows of so many buckets, with images or without.
pub(super) fn wide_bytes(buckets: usize, images: bool, rows: usize) -> usize {
    if buckets << u32::from(images) <= TOGETHER {
        return 0;
    }
    workplace_bytes(buckets, images, rows) - workplace_bytes(TOGETHER, false, rows)
}

/// What threads take for their workplaces, beside [`wide_bytes`]: no less than one alone, which may be what a lane has of them.
pub(super) fn narrow_workplaces_bytes(points: usize, rows: usize, threads: usize) -> usize {
    (threads * narrow_bytes(points, rows, threads)).max(narrow_bytes(points, rows, 1))
}

/// The widest windows that every thread may have, as full width asks for.
pub(super) fn regular(points: usize) -> Layout {
    let buckets = points / POINTS_A_BUCKET;
    Layout { images: buckets >= TOGETHER, ..Layout::one(buckets_up_to(buckets)) }
}

/// What so many threads take more for [`regular`] windows.
fn regular_bytes(points: usize, rows: usize, threads: usize) -> usize {
    let Layout { buckets, images, .. } = regular(points);
    threads * wide_bytes(buckets, images, rows)
}

/// What a sum of so many points takes on so many threads, beside its inputs. Either all threads have windows as wide as full width asks for, or one or two have windows nearly as wide as there are
/// points, whose scalars end there, so that they have few digits. Wider windows are of no use.
pub(crate) fn sum_bytes(points: usize, rows: usize, threads: usize) -> usize {
    narrow_workplaces_bytes(points, rows, threads) + beside_narrow_bytes(points, rows, threads)
}

/// The same without [`narrow_workplaces_bytes`].
fn beside_narrow_bytes(points: usize, rows: usize, threads: usize) -> usize {
    let wide = |buckets: usize, threads: usize| threads * wide_bytes(buckets_up_to(buckets), false, rows);
    let few = wide(points * 3 / 4, 1).max(wide(points / 3, threads.min(2)));
    let all = digits_bytes(points, threads) + regular_bytes(points, rows, threads);
    all.max(WIDE_BYTES_A_POINT * points + few)
}

/// What a sum takes where sums of other scalars left their memory, and what all of them leave, for each that runs at a time.
///
/// Digits have what any sum of so many points takes, and each thread has what it takes for [`regular`] windows, of one task or of all. A sum that has wider ones has the digits of
/// others beside them; they do not stay. A sum that has more digits than [`digits_bytes`] says has fewer wide windows: it takes no memory of others, and leaves none.
pub(crate) fn kept_sum_bytes(points: usize, rows: usize, threads: usize) -> usize {
    let regular_each = regular_bytes(points, rows, 1);
    let wider = beside_narrow_bytes(points, rows, threads).saturating_sub(WIDE_DIGITS_BYTES_A_POINT * points);
    let is_widest = regular(points) == Layout { images: true, ..Layout::one(MOST_BUCKETS) };
    // If the narrowest that is wider can be.
    let may_be = !is_widest && wider >= wide_bytes(2 * TOGETHER, false, rows);
    let more = if may_be { wider.saturating_sub(regular_each) } else { 0 };
    left_bytes(points, rows, threads) + digits_bytes(points, threads) + more
}

/// What of [`kept_sum_bytes`] is workplaces that stay.
pub(crate) fn left_bytes(points: usize, rows: usize, threads: usize) -> usize {
    threads * narrow_bytes(points, rows, 1) + regular_bytes(points, rows, threads)
}

#[cfg(test)]
mod tests {
    use millrace_bn254::{
        backend::Instructions,
        points::{G1, G2},
    };

    use super::{
        super::{
            classes::{CLASSES, Classes},
            costs::Costs,
            plan::{Plan, Segment, Wanted},
        },
        *,
    };

    fn costs(rows: usize, instructions: Instructions) -> &'static Costs {
        if rows == 1 { Costs::of::<G1>(instructions) } else { Costs::of::<G2>(instructions) }
    }

    /// Mixtures of so many scalars: of one length, two, and all.
    fn mixtures(points: usize) -> impl Iterator<Item = Classes> {
        let short = [2, 8, 13, 14, 15, 16, 31, 33, 48, 63, 64, 65, 100, 127, 128];
        let shares = [2, 4, 16, 32, 200, 1024];
        let pairs = short.into_iter().flat_map(move |bits| shares.map(|one_of| (bits, one_of)));
        let mixed = pairs.flat_map(move |(bits, one_of)| {
            let fewer = points / one_of;
            [(points - fewer, fewer), (fewer, points - fewer)]
                .map(|(short, long)| [Classes::one(short, bits), Classes::one(long, 253)].into_iter().sum())
        });
        let even = [8, 16, 32, 64, 128, 253].map(|bits| Classes::one(points / 6, bits)).into_iter().sum();
        let alone = short.into_iter().chain([252, 253]).map(move |bits| Classes::one(points, bits));
        // Others are 0, 1 or −1, or have no point.
        let few = [3, 16, 100].map(|part| Classes::one(points / part, 253));
        mixed.chain(alone).chain(few).chain([even])
    }

    /// What a segment's windows take, by their own layout, and in how many tasks.
    fn task(segment: &Segment, points: usize, rows: usize) -> (usize, usize) {
        let layout = segment.layout();
        let spreads = layout.count() >= MANY_BUCKETS;
        let ids = (points * layout.windows) << u32::from(layout.images);
        let added = if spreads { 0 } else { ids.min(SORTED / rows) };
        let of = Use { added, spread: ids, ..layout.into() };
        let sorting = if spreads { 0 } else { 8 * (added + layout.count() + 1) };
        (of.most_bytes(rows) + sorting, segment.groups() * segment.parts)
    }

    /// Digits, references and workplaces of a plan.
    fn bytes_of(plan: &Plan, classes: &Classes, rows: usize, threads: usize) -> (usize, usize) {
        let len = |segment: &Segment| classes.count(segment.class..CLASSES);
        let digits: usize = plan.segments.iter().map(|s| s.windows as usize * len(s)).sum();
        let halved = if plan.halved { plan.segments.last().map_or(0, len) } else { 0 };
        let digits = digits + halved * plan.windows as usize;
        let references = plan.segments.first().map_or(0, len) + halved;
        let mut tasks: Vec<_> = plan
            .segments
            .iter()
            .map(|segment| task(segment, len(segment), rows))
            .flat_map(|(bytes, tasks)| std::iter::repeat_n(bytes, tasks.min(threads)))
            .collect();
        tasks.sort_unstable_by_key(|bytes| std::cmp::Reverse(*bytes));
        (2 * digits + 4 * references, tasks.iter().take(threads).sum())
    }

    /// Whatever the lengths of scalars: what is announced for a sum is never less than its plan takes.
    #[test]
    fn plans_keep_within_what_is_announced() {
        for rows in [1, 2] {
            for points in (4..=24).flat_map(|log| [1usize << log, (1 << log) - 1, 3 << (log - 1)]) {
                for (instructions, threads) in
                    Instructions::all().into_iter().flat_map(|i| [1, 2, 3, 8, 64].map(|threads| (i, threads)))
                {
                    let announced = sum_bytes(points, rows, threads);
                    let mut worst = (0, None::<(usize, usize, Classes)>);
                    for classes in mixtures(points) {
                        let plan = Plan::new(costs(rows, instructions), &classes, threads, Wanted::default());
                        let (digits, workplaces) = bytes_of(&plan, &classes, rows, threads);
                        if digits + workplaces > worst.0 {
                            worst = (digits + workplaces, Some((digits, workplaces, classes)));
                        }
                    }
                    assert!(
                        worst.0 <= announced,
                        "{points} points of {rows} rows, {instructions:?}, {threads} threads: {worst:?} of {announced}"
                    );
                }
            }
        }
    }

    /// What is kept may be more than one sum takes, never less; not much more where windows are as wide as they can be, and no more than twice as much from 2^10 points on.
    #[test]
    fn what_is_kept_is_no_less_than_a_sum_takes() {
        for (rows, threads) in (1..=2).flat_map(|rows| [1, 2, 8, 64].map(|threads| (rows, threads))) {
            for points in (1..=24).flat_map(|log| [1usize << log, (1 << log) - 1, 3 << (log - 1)]) {
                let [kept, one] = [kept_sum_bytes, sum_bytes].map(|bytes| bytes(points, rows, threads));
                assert!(kept >= one, "{points} points of {rows} rows, {threads} threads: {kept} and {one}");
                if points >= 1 << 10 {
                    assert!(
                        kept <= 2 * one,
                        "{points} points of {rows} rows, {threads} threads: {kept} and {one}"
                    );
                }
                if points >= 1 << 18 {
                    assert_eq!(kept, one, "{points} points of {rows} rows, {threads} threads");
                }
            }
        }
    }

    /// Sums of full width over both groups, as they run together in a proof, where there are points enough: not much more than what their own plans ask for.
    #[test]
    fn no_more_than_twice_what_plans_take_is_announced() {
        for (log_points, threads) in (13..=22).flat_map(|log| [1, 2].map(|threads| (log, threads))) {
            let (points, instructions) = (1 << log_points, Instructions::best());
            let classes = Classes::one(points, 253);
            let taken = |rows| {
                let plan = Plan::new(costs(rows, instructions), &classes, threads, Wanted::default());
                let (digits, workplaces) = bytes_of(&plan, &classes, rows, threads);
                digits + workplaces
            };
            let taken = taken(1) + taken(2);
            let announced = sum_bytes(points, 1, threads) + sum_bytes(points, 2, threads);
            println!(
                "2^{log_points} points, {threads} threads: {announced} bytes announced, {taken} by their plans"
            );
            assert!(
                announced <= 2 * taken,
                "2^{log_points} points, {threads} threads: {announced} of {taken}"
            );
        }
    }

    #[test]
    fn more_points_or_threads_are_never_less_memory() {
        for (rows, threads) in (1..=2).flat_map(|rows| [1, 2, 8, 64].map(|threads| (rows, threads))) {
            let sizes = (0..=20).flat_map(|log| [(1usize << log) - 1, 1 << log, (1 << log) + (1 << log) / 3]);
            let bytes: Vec<_> = sizes.map(|points| sum_bytes(points, rows, threads)).collect();
            assert!(bytes.is_sorted(), "{rows} rows, {threads} threads: {bytes:?}");
            for points in [1, 20, 100, 256, 350, 1000, 1 << 13, 1 << 16, 1 << 20] {
                let [fewer, more] = [threads, threads + 1].map(|threads| sum_bytes(points, rows, threads));
                assert!(fewer <= more, "{rows} rows, {threads} threads, {points} points");
            }
        }
    }
}
