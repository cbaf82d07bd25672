//! Names of lines in a plot.

use std::{fmt, str::FromStr};

/// Who computes, and on how many threads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Competitor {
    /// `arkworks`, or ours with its instructions.
    pub engine: String,
    /// Threads.
    pub threads: usize,
}

impl Competitor {
    /// arkworks' name.
    pub const ARKWORKS: &str = "arkworks";

    /// arkworks on so many threads.
    pub fn arkworks(threads: usize) -> Self {
        Self { engine: Self::ARKWORKS.into(), threads }
    }

    /// Ours with these instructions, by name.
    pub fn ours(instructions: &str, threads: usize) -> Self {
        Self { engine: format!("millrace {instructions}"), threads }
    }

    /// Whether it is arkworks.
    pub fn is_arkworks(&self) -> bool {
        self.engine == Self::ARKWORKS
    }
}

impl fmt::Display for Competitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} thread{}", self.engine, self.threads, if self.threads == 1 { "" } else { "s" })
    }
}

impl FromStr for Competitor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (engine, threads) = text.split_once(", ").ok_or(())?;
        let (threads, _) = threads.split_once(' ').ok_or(())?;
        Ok(Self { engine: engine.into(), threads: threads.parse().map_err(|_| ())? })
    }
}

#[cfg(test)]
mod tests {
    use super::Competitor;

    #[test]
    fn names_are_read_as_written() {
        for competitor in [Competitor::arkworks(1), Competitor::ours("portable", 64)] {
            assert_eq!(competitor.to_string().parse(), Ok(competitor));
        }
        assert_eq!("arkworks".parse::<Competitor>(), Err(()));
    }
}
