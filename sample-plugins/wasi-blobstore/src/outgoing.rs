//! What is to be an object: the body's stream, and what becomes of it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use tokio::sync::watch;
use wash_capabilities::blobstore::{BlobStore, ObjectId, Upload};
use wash_plugin_abi::io::OutputStream;

use crate::lock;

/// An `outgoing-value`.
#[derive(Default)]
pub(crate) struct Outgoing {
    target: Mutex<Option<(Arc<dyn BlobStore>, ObjectId)>>,
    /// Once the body was asked for.
    body: Mutex<Option<Body>>,
}

struct Body {
    shared: Arc<Mutex<Written>>,
    stage: watch::Receiver<Stage>,
}

/// How far the body's stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Stage {
    /// The component has it.
    Open,
    /// The component has dropped it, and the last bytes are being written.
    Dropped,
    /// Nothing will be written any more.
    Closed,
}

struct Written {
    upload: Option<Box<dyn Upload>>,
    /// Everything was written, or why not.
    outcome: Result<(), String>,
}

impl Outgoing {
    /// Says which object the value will be.
    pub(crate) fn set_target(&self, store: Arc<dyn BlobStore>, id: ObjectId) -> Result<(), String> {
        let mut target = lock(&self.target);
        if let Some((_, other)) = &*target {
            return Err(format!(
                "this value is written to object {:?} of container {:?} already: make another",
                other.object, other.container
            ));
        }
        *target = Some((store, id));
        Ok(())
    }

    /// The stream of its body, the first time.
    pub(crate) async fn body(&self, store: Arc<dyn BlobStore>) -> Result<OutputStream, ()> {
        if lock(&self.body).is_some() {
            return Err(());
        }
        let upload = store.upload().await.map_err(|error| {
            wash_plugin_abi::tracing::warn!("{error}");
        })?;
        let shared = Arc::new(Mutex::new(Written {
            upload: Some(upload),
            outcome: Err(String::from("not all of the body was written")),
        }));
        let (stage, watch) = watch::channel(Stage::Open);
        let dropped = stage.clone();
        let writer = BodyWriter {
            shared: Arc::clone(&shared),
            stage,
        };
        let mut body = lock(&self.body);
        if body.is_some() {
            return Err(());
        }
        *body = Some(Body {
            shared,
            stage: watch,
        });
        Ok(OutputStream::new(writer).on_drop(move || {
            dropped.send_if_modified(|stage| {
                let first = *stage < Stage::Dropped;
                if first {
                    *stage = Stage::Dropped;
                }
                first
            });
        }))
    }

    /// Makes the object of what was written.
    pub(crate) async fn finish(&self) -> Result<(), String> {
        let Some((store, id)) = lock(&self.target).take() else {
            return Err(String::from(
                "this value belongs to no object: call `write-data` with it before it is finished",
            ));
        };
        let body = lock(&self.body).take();
        let upload = match body {
            Some(body) => body.closed().await?,
            None => store.upload().await.map_err(|error| error.to_string())?,
        };
        upload.commit(&id).await.map_err(|error| error.to_string())
    }
}

impl Body {
    /// Waits until the last bytes are written.
    async fn closed(mut self) -> Result<Box<dyn Upload>, String> {
        if *self.stage.borrow() == Stage::Open {
            return Err(String::from(
                "the stream of the body is still open: drop it before the value is finished",
            ));
        }
        // The writer says so, or is gone.
        let _ = self.stage.wait_for(|stage| *stage == Stage::Closed).await;
        let mut written = lock(&self.shared);
        written.outcome.clone()?;
        let upload = written.upload.take();
        upload.ok_or_else(|| String::from("the value is finished already"))
    }
}

/// Writes the body, and notes how that ended.
struct BodyWriter {
    shared: Arc<Mutex<Written>>,
    stage: watch::Sender<Stage>,
}

impl BodyWriter {
    fn poll<T>(
        &self,
        poll: impl FnOnce(Pin<&mut dyn Upload>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut written = lock(&self.shared);
        let Some(upload) = &mut written.upload else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let polled = poll(Pin::new(upload.as_mut()));
        if let Poll::Ready(Err(error)) = &polled {
            // What is missing in the middle is not made good by what follows.
            written.outcome = Err(error.to_string());
            written.upload = None;
        }
        polled
    }
}

impl AsyncWrite for BodyWriter {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(|upload| upload.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|upload| upload.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll(|upload| upload.poll_shutdown(cx)))?;
        lock(&self.shared).outcome = Ok(());
        Poll::Ready(Ok(()))
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        self.stage.send_replace(Stage::Closed);
    }
}
