//! The least of HTTP that a fake node needs.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// A node that answers each request as a function says: status line and body, or nothing for ever.
pub(crate) struct Fake {
    port: u16,
}

impl Fake {
    pub(crate) fn start(answer: impl Fn(&str) -> Option<(String, String)> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("address").port();
        let answer = std::sync::Arc::new(answer);
        // The thread ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answer = answer.clone();
                std::thread::spawn(move || serve(stream, &*answer));
            }
        });
        Self { port }
    }

    /// Status 200 and always this body.
    pub(crate) fn ok(body: String) -> Self {
        Self::start(move |_| Some(("200 OK".to_owned(), body.clone())))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

fn serve(mut stream: TcpStream, answer: &dyn Fn(&str) -> Option<(String, String)>) {
    let request = read_message(&mut stream);
    match answer(&request) {
        Some((status, body)) => {
            // The client may have gone; that is its business.
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nLocation: /elsewhere\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
        None => std::thread::sleep(Duration::from_secs(30)),
    }
}

/// Reads headers and as much body as they announce.
fn read_message(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return text,
            Ok(read) => bytes.extend(&chunk[..read]),
        }
    }
}

/// The `id` of a JSON-RPC request, as written.
pub(crate) fn request_id(request: &str) -> String {
    let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    json["id"].to_string()
}
