//! Several devices as one engine. One that is lost is opened again when it is back: a card that was put in again, a device that is served anew.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, PoisonError, Weak, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use millrace_driver::DeviceEngine;
use millrace_job::Fleet;

use super::{Behind, DeviceName, OpenOptions, Opened, open};
use crate::{
    exit::{Code, Failure},
    output::tell,
};

/// Between two attempts to open a device that was lost.
const REOPEN_INTERVAL: Duration = Duration::from_millis(500);

/// The same for a device that is there and cannot be opened, at most.
const REOPEN_MOST: Duration = Duration::from_secs(30);

/// How long the end of a command waits for a device that is opened just then: the reset of a card takes 10 s where it hangs.
const END_LIMIT: Duration = Duration::from_secs(30);

/// Devices behind a fleet, and the threads that open again what was lost.
pub(crate) struct Crew {
    /// All of them, as one engine.
    fleet: Arc<Fleet>,
    /// Of the devices that were there at first.
    behind: Vec<Behind>,
    /// What the first device says of its multiplier.
    first_is_behavioural: bool,
    /// Ends the threads.
    stop: Stop,
    /// Nothing is sent there: it closes when all threads have ended.
    ended: mpsc::Receiver<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Crew {
    /// What is behind the first device.
    pub(super) fn first(&self) -> &Behind {
        &self.behind[0]
    }

    /// Whether the first device's multiplier is a behavioural one.
    pub(super) fn first_is_behavioural(&self) -> bool {
        self.first_is_behavioural
    }
}

impl Drop for Crew {
    /// A device that is opened just now has its time; one that hangs in the kernel does not hold the command up. The devices that are well are closed
    /// before that: the thread that hangs holds on to the fleet, and the process's files stay open for minutes after its end, until the kernel gives up.
    fn drop(&mut self) {
        self.stop.set();
        for member in self.fleet.members() {
            self.fleet.remove(&member.name);
        }
        if self.ended.recv_timeout(END_LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("a device that is opened again hangs, and is left to itself");
        } else {
            self.threads.drain(..).for_each(|thread| drop(thread.join()));
        }
    }
}

/// All names, each of another device.
pub(crate) fn distinct<'a>(
    first: &'a DeviceName,
    more: &'a [DeviceName],
) -> Result<Vec<&'a DeviceName>, Failure> {
    let names: Vec<&DeviceName> = std::iter::once(first).chain(more).collect();
    for (i, name) in names.iter().enumerate().skip(1) {
        if !name.is_accelerator() || names[..i].contains(name) {
            return Err(Failure::new(
                Code::Usage,
                format!("--with expects other devices than those already named, got {name}"),
            ));
        }
    }
    if !more.is_empty() && !first.is_accelerator() {
        return Err(Failure::new(
            Code::Usage,
            format!("--with expects a device beside it, got --device {first}"),
        ));
    }
    Ok(names)
}

/// Opens `more` devices and makes one engine of them and the first. Those that cannot be opened are tried again until they can.
pub(crate) fn join(first: Opened, name: &DeviceName, more: &[DeviceName]) -> Result<Opened, Failure> {
    let names = distinct(name, more)?;
    let first_is_behavioural = first.is_behavioural();
    let Opened { engine, lanes: _, driver, behind, trigger } = first;
    // A card is opened once: only the fleet may hold on to its driver, or it could not be opened again.
    let mut drivers = HashMap::new();
    drivers.extend(driver.as_ref().map(|driver| (name.to_string(), Arc::downgrade(driver))));
    drop(driver);
    let fleet = Arc::new(Fleet::new("fleet"));
    fleet.add(engine);
    let mut behind = vec![behind];
    for name in more {
        let opened = match open(name, OpenOptions::default()) {
            Ok(opened) => opened,
            // It is taken in when it comes: nothing waits for it.
            Err(failure) if name.is_absent() => {
                tell!("{name} is not there yet: {failure}");
                continue;
            }
            Err(failure) => return Err(failure),
        };
        fleet.add(opened.engine);
        drivers.extend(opened.driver.as_ref().map(|driver| (name.to_string(), Arc::downgrade(driver))));
        behind.push(opened.behind);
    }
    let (stop, alive) = (Stop::default(), mpsc::channel());
    let elsewhere = names.into_iter().filter(|name| !name.is_in_process()).cloned();
    let threads = elsewhere.filter_map(|name| {
        let (fleet, stop, alive) = (fleet.clone(), stop.clone(), alive.0.clone());
        let mut place =
            Place { driver: drivers.remove(&name.to_string()), name, fails: 0, last: String::new() };
        let told = place.name.to_string();
        let look = move || {
            let _alive = alive;
            while !stop.within(place.pause()) {
                place.look(&fleet);
            }
        };
        let begun = thread::Builder::new().spawn(look);
        begun.inspect_err(|error| tell!("{told}: nobody looks for it when it is lost: {error}")).ok()
    });
    let threads = threads.collect();
    let ended = alive.1;
    let crew = Crew { fleet: fleet.clone(), behind, first_is_behavioural, stop, ended, threads };
    Ok(Opened { engine: fleet, lanes: Vec::new(), driver: None, behind: Behind::Fleet(crew), trigger })
}

/// Ends threads that sleep.
#[derive(Clone, Default)]
struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    fn set(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Whether it is set by then.
    fn within(&self, time: Duration) -> bool {
        let set = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(set, time, |set| !*set);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Where a device is, or is to come. A thread of its own looks after it, as opening one may hang.
struct Place {
    name: DeviceName,
    /// What the fleet has, or had, without holding on to it.
    driver: Option<Weak<DeviceEngine>>,
    /// Attempts to open what is there that failed, one after the other.
    fails: u32,
    /// Why, as it was told.
    last: String,
}

impl Place {
    /// Until the next look: longer for a device that is there and cannot be opened, as each attempt resets it.
    fn pause(&self) -> Duration {
        (REOPEN_INTERVAL * 2u32.pow(self.fails.min(6))).min(REOPEN_MOST)
    }

    /// Why a device that has no jobs, so that no job tells, is lost all the same: the kernel waits until a card that it wants back is let go.
    fn lost_idle(&self) -> Option<String> {
        self.driver.as_ref()?.upgrade()?.look().err().map(|error| error.to_string())
    }

    /// Takes the device out of the fleet if it is lost, and in if it is there.
    fn look(&mut self, fleet: &Fleet) {
        let known = self.name.to_string();
        let members = fleet.members();
        match members.iter().find(|member| member.name == known) {
            Some(member) if member.barred => {}
            Some(member) => {
                let Some(reason) = member.aside.clone().or_else(|| self.lost_idle()) else { return };
                tracing::warn!("{known} gets no more jobs: {reason}");
                // A card is opened once: the old driver has to let go of it first.
                fleet.remove(&known);
            }
            None if self.name.is_absent() => self.fails = 0,
            None => match open(&self.name, OpenOptions::default()) {
                Ok(opened) => {
                    tracing::info!("{known} is {}", if self.driver.is_some() { "back" } else { "here" });
                    self.driver = opened.driver.as_ref().map(Arc::downgrade);
                    (self.fails, self.last) = (0, String::new());
                    fleet.add(opened.engine);
                }
                Err(failure) => {
                    self.fails += 1;
                    let reason = failure.to_string();
                    if reason != self.last {
                        tracing::warn!("{known} is there and cannot be opened: {reason}");
                        self.last = reason;
                    }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_fleet_holds_the_first_device() {
        let first = open(&DeviceName::Model, OpenOptions::default()).ok().unwrap();
        let driver = Arc::downgrade(first.driver.as_ref().unwrap());
        let joined = join(first, &DeviceName::Model, &[]).ok().unwrap();
        assert!(joined.is_device());
        assert_eq!(driver.strong_count(), 1, "else it stays open when the fleet lets go of it");
    }

    #[test]
    fn a_device_is_named_once_and_is_no_cpu() {
        let first = || open(&DeviceName::Model, OpenOptions::default()).ok().unwrap();
        for wrong in [DeviceName::Model, DeviceName::Cpu] {
            assert!(join(first(), &DeviceName::Model, &[wrong]).is_err_and(|f| f.code == Code::Usage));
        }
    }
}
