//! A JSON-RPC server between an operator and its node, which passes everything on, counts, and kills the operator where a test wants it to die: before a request reaches
//! the node, or after the node has done what was asked and before the answer comes back. What is tested needs no hook for that.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

/// Where the operator dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kill {
    Never,
    /// At the n-th request, from 1: the node never sees it.
    Before(usize),
    /// After the node has taken the transaction, which then lies in a block or waits, as the node is told to mine; nobody hears of it.
    AfterSending,
    /// Never; but what sends waits here until it is let go.
    Hold,
}

#[derive(Default)]
struct Seen {
    methods: Vec<String>,
    killed: bool,
    released: bool,
}

/// The proxy, and the process that speaks through it.
pub(crate) struct Proxy {
    pub(crate) url: String,
    seen: Arc<Mutex<Seen>>,
    child: Arc<Mutex<Option<Child>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(child) = &mut *locked(&self.child) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Proxy {
    /// Listens, and passes on to `node`.
    pub(crate) fn start(node: &str, kill: Kill) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let proxy = Self { url, seen: Arc::default(), child: Arc::default() };
        let (seen, child) = (proxy.seen.clone(), proxy.child.clone());
        let node = node.trim_start_matches("http://").to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, child, node) = (seen.clone(), child.clone(), node.clone());
                // A connection that breaks is the killed operator's.
                std::thread::spawn(move || serve(&stream, &node, kill, &seen, &child));
            }
        });
        proxy
    }

    /// Starts the process; it is killed with the proxy at the latest.
    pub(crate) fn run(&self, command: &mut Command) {
        *locked(&self.child) = Some(command.spawn().expect("the binary starts"));
    }

    /// Kills the process now.
    pub(crate) fn kill(&self) {
        if let Some(child) = &mut *locked(&self.child) {
            let _ = child.kill();
        }
    }

    /// Waits for the process's end.
    pub(crate) fn ended(&self) -> std::process::ExitStatus {
        let mut status = None;
        super::until("the operator ends", || {
            status = locked(&self.child).as_mut().expect("it was started").try_wait().expect("it is ours");
            status.is_some()
        });
        status.expect("it has ended")
    }

    /// Whether it was the proxy that killed it.
    pub(crate) fn has_killed(&self) -> bool {
        locked(&self.seen).killed
    }

    /// Lets go what [`Kill::Hold`] holds.
    pub(crate) fn release(&self) {
        locked(&self.seen).released = true;
    }

    /// What was asked last.
    pub(crate) fn last_method(&self) -> String {
        locked(&self.seen).methods.last().cloned().unwrap_or_default()
    }

    /// How often a method was asked for.
    pub(crate) fn count(&self, method: &str) -> usize {
        locked(&self.seen).methods.iter().filter(|seen| *seen == method).count()
    }
}

/// One connection: request after request.
fn serve(
    stream: &TcpStream,
    node: &str,
    kill: Kill,
    seen: &Mutex<Seen>,
    child: &Mutex<Option<Child>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let body = message(&mut reader)?;
        let request: Value = serde_json::from_slice(&body).expect("JSON");
        let method = request["method"].as_str().expect("one request").to_owned();
        let sends = method.starts_with("eth_send");
        let die = |seen: &mut Seen| {
            locked(child).as_mut().expect("it was started").kill().expect("it is ours");
            seen.killed = true;
        };
        let nth = {
            let mut seen = locked(seen);
            seen.methods.push(method);
            let nth = seen.methods.len();
            if kill == Kill::Before(nth) {
                die(&mut seen);
            }
            nth
        };
        if matches!(kill, Kill::Before(last) if nth >= last) {
            return None;
        }
        if kill == Kill::Hold && sends {
            super::until("the test lets it go", || locked(seen).released);
        }
        let answer = forward(node, &body)?;
        if kill == Kill::AfterSending && sends {
            die(&mut locked(seen));
            return None;
        }
        let mut stream = stream;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
        write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n", answer.len()).ok()?;
        stream.write_all(&answer).ok()?;
    }
}

/// Head and body of a request or an answer; the body.
fn message(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(number) = line.strip_prefix("content-length:") {
            length = number.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

fn forward(node: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(node).ok()?;
    let head = format!("POST / HTTP/1.1\r\nHost: {node}\r\nContent-Type: application/json");
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n", body.len()).ok()?;
    stream.write_all(body).ok()?;
    message(&mut BufReader::new(stream))
}
