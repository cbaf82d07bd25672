//! Several devices as one engine. One that is lost is opened again when it is back: a card that was put in again, a device that is served anew.

use std::{
    collections::HashMap,
    sync::{Arc, Weak, mpsc},
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

/// How long the end of a command waits for a device that is opened just then: the reset of a card takes 10 s where it hangs.
const END_LIMIT: Duration = Duration::from_secs(30);

/// Devices behind a fleet, and the thread that opens again what was lost.
pub(crate) struct Crew {
    /// Of the devices that were there at first.
    behind: Vec<Behind>,
    /// What the first device says of its multiplier.
    first_is_behavioural: bool,
    /// Dropped to end the thread.
    stop: Option<mpsc::Sender<()>>,
    /// Nothing is sent there: it closes when the thread has ended.
    ended: mpsc::Receiver<()>,
    thread: Option<JoinHandle<()>>,
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
    /// A device that is opened just now has its time; one that hangs in the kernel does not hold the command up.
    fn drop(&mut self) {
        self.stop.take();
        if self.ended.recv_timeout(END_LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("a device that is opened again hangs, and is left to itself");
        } else if let Some(thread) = self.thread.take() {
            let _ = thread.join();
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
    let mut drivers = Drivers::new();
    drivers.extend(driver.as_ref().map(|driver| (name.to_string(), Arc::downgrade(driver))));
    drop(driver);
    let fleet = Arc::new(Fleet::new("fleet"));
    fleet.add(engine);
    let mut behind = vec![behind];
    for name in more {
        let opened = match open(name, OpenOptions::default()) {
            Ok(opened) => opened,
            // It is taken in when it comes: nothing waits for it.
            Err(failure) if failure.code == Code::DeviceOpen && !name.is_in_process() => {
                tell!("{name} is not there yet: {failure}");
                continue;
            }
            Err(failure) => return Err(failure),
        };
        fleet.add(opened.engine);
        drivers.extend(opened.driver.as_ref().map(|driver| (name.to_string(), Arc::downgrade(driver))));
        behind.push(opened.behind);
    }
    let elsewhere: Vec<DeviceName> = names.into_iter().filter(|n| !n.is_in_process()).cloned().collect();
    let (stop, stopped) = mpsc::channel();
    let (alive, ended) = mpsc::channel();
    let thread = {
        let fleet = fleet.clone();
        thread::spawn(move || {
            let _alive: mpsc::Sender<()> = alive;
            while stopped.recv_timeout(REOPEN_INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
                elsewhere.iter().for_each(|name| reopen(&fleet, &mut drivers, name));
            }
        })
    };
    let crew = Crew { behind, first_is_behavioural, stop: Some(stop), ended, thread: Some(thread) };
    Ok(Opened { engine: fleet, lanes: Vec::new(), driver: None, behind: Behind::Fleet(crew), trigger })
}

/// The fleet's drivers by name, without holding on to them.
type Drivers = HashMap<String, Weak<DeviceEngine>>;

/// Why a device that has no jobs, so that no job tells, is lost all the same: the kernel waits until a card that it wants back is let go.
fn lost_idle(drivers: &Drivers, known: &str) -> Option<String> {
    let driver = drivers.get(known)?.upgrade()?;
    driver.look().err().map(|error| error.to_string())
}

/// Opens a device again that the fleet has no more use of.
fn reopen(fleet: &Fleet, drivers: &mut Drivers, name: &DeviceName) {
    let known = name.to_string();
    let members = fleet.members();
    match members.iter().find(|member| member.name == known) {
        Some(member) if member.barred => {}
        Some(member) => {
            let Some(reason) = member.aside.clone().or_else(|| lost_idle(drivers, &known)) else { return };
            tracing::warn!("{known} gets no more jobs: {reason}");
            // A card is opened once: the old driver has to let go of it first.
            fleet.remove(&known);
        }
        None => match open(name, OpenOptions::default()) {
            Ok(opened) => {
                let word = if drivers.contains_key(&known) { "back" } else { "here" };
                tracing::info!("{known} is {word}");
                drivers.extend(opened.driver.as_ref().map(|driver| (known, Arc::downgrade(driver))));
                fleet.add(opened.engine);
            }
            Err(failure) => tracing::debug!("{known} is not back yet: {failure}"),
        },
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
