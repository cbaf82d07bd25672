//! anvil on a free port.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

/// A node and its address, ended with the test.
pub(crate) struct Node(Child, pub(crate) String);

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts anvil with `options` and waits until it listens; `None` with the reason printed where it is not installed.
pub(crate) fn node(options: &[&str]) -> Option<Node> {
    let Some(program) = millrace_l1::tools::anvil() else {
        println!("skipped: anvil is not installed (make setup)");
        return None;
    };
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let mut command = Command::new(program);
    command.args(["--port", &port.to_string(), "--silent"]).args(options).stdout(Stdio::null());
    let node = Node(command.spawn().expect("anvil starts"), format!("http://127.0.0.1:{port}"));
    super::until("anvil listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    Some(node)
}
