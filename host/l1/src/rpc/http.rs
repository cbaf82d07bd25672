//! HTTP to a node, with a bound on what it may answer: a node that never stops would fill the memory.

use std::task::{Context, Poll};

use alloy_json_rpc::{RequestPacket, ResponsePacket};
use alloy_provider::transport::{TransportError, TransportErrorKind, TransportFut};
use thiserror::Error;
use tower::Service;

/// Most bytes of an answer; logs of more come in smaller pages.
pub(super) const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The answer is longer than [`MAX_ANSWER_BYTES`].
#[derive(Debug, Error)]
#[error("an answer of more than {MAX_ANSWER_BYTES} bytes")]
pub(super) struct AnswerTooLong;

/// A node's address, asked by POST.
#[derive(Clone)]
pub(super) struct Http {
    pub(super) client: reqwest::Client,
    pub(super) url: reqwest::Url,
}

impl Http {
    async fn ask(self, request: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let body = serde_json::to_vec(&request).map_err(TransportError::ser_err)?;
        let post = self.client.post(self.url).header(reqwest::header::CONTENT_TYPE, "application/json");
        let mut answer = post.body(body).send().await.map_err(TransportErrorKind::custom)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(TransportErrorKind::custom)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(TransportErrorKind::custom(AnswerTooLong));
            }
            body.extend_from_slice(&chunk);
        }
        let text = || String::from_utf8_lossy(&body).into_owned();
        if !status.is_success() {
            return Err(TransportErrorKind::http_error(status.as_u16(), text()));
        }
        serde_json::from_slice(&body).map_err(|error| TransportError::deser_err(error, text()))
    }
}

impl Service<RequestPacket> for Http {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        Box::pin(self.clone().ask(request))
    }
}
