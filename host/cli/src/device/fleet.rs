//! Several devices as one engine. One that is lost is opened again when it is back: a card that was put in again, a device that is served anew.

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use millrace_job::Fleet;

use super::{Behind, DeviceName, OpenOptions, Opened, open};
use crate::exit::{Code, Failure};

/// Between two attempts to open a device that was lost.
const REOPEN_INTERVAL: Duration = Duration::from_millis(500);

/// Devices behind a fleet, and the thread that opens again what was lost.
pub(crate) struct Crew {
    /// Of the devices that were there at first.
    behind: Vec<Behind>,
    /// Dropped to end the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Crew {
    /// What is behind the first device.
    pub(super) fn first(&self) -> &Behind {
        &self.behind[0]
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Opens `more` devices and makes one engine of them and the first.
pub(crate) fn join(first: Opened, name: &DeviceName, more: &[DeviceName]) -> Result<Opened, Failure> {
    let names: Vec<&DeviceName> = std::iter::once(name).chain(more).collect();
    for (i, name) in names.iter().enumerate() {
        if !name.is_accelerator() || names[..i].contains(name) {
            return Err(Failure::new(
                Code::Usage,
                format!("--with expects other devices than those already named, got {name}"),
            ));
        }
    }
    let fleet = Arc::new(Fleet::new("fleet"));
    fleet.add(first.engine.clone());
    let mut behind = vec![first.behind];
    for name in more {
        let opened = open(name, OpenOptions::default())?;
        fleet.add(opened.engine);
        behind.push(opened.behind);
    }
    let elsewhere: Vec<DeviceName> = names.into_iter().filter(|n| !n.is_in_process()).cloned().collect();
    let (stop, stopped) = mpsc::channel();
    let thread = {
        let fleet = fleet.clone();
        thread::spawn(move || {
            while stopped.recv_timeout(REOPEN_INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
                elsewhere.iter().for_each(|name| reopen(&fleet, name));
            }
        })
    };
    let crew = Crew { behind, stop: Some(stop), thread: Some(thread) };
    Ok(Opened { engine: fleet, driver: first.driver, behind: Behind::Fleet(crew), trigger: first.trigger })
}

/// Opens a device again that the fleet has no more use of.
fn reopen(fleet: &Fleet, name: &DeviceName) {
    let known = name.to_string();
    let members = fleet.members();
    match members.iter().find(|member| member.name == known) {
        Some(member) => {
            let Some(reason) = &member.aside else { return };
            tracing::warn!("{known} gets no more jobs: {reason}");
            // A card is opened once: the old driver has to let go of it first.
            fleet.remove(&known);
        }
        None => {
            if let Ok(opened) = open(name, OpenOptions::default()) {
                tracing::info!("{known} is back");
                fleet.add(opened.engine);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_once_and_is_no_cpu() {
        let first = || open(&DeviceName::Model, OpenOptions::default()).ok().unwrap();
        for wrong in [DeviceName::Model, DeviceName::Cpu] {
            assert!(join(first(), &DeviceName::Model, &[wrong]).is_err_and(|f| f.code == Code::Usage));
        }
    }
}
