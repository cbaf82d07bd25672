//! Plain arkworks versions of every job: slow, obvious, the judge of everything else.
