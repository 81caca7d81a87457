//! Thousands of sockets that listen, on one thread, with as little work for each message as can be.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use super::frames::{Kind, frame, take_frames, text_frame};
use super::wire::find;

/// All sockets are to be connected and subscribed by then.
const JOINED_WITHIN: Duration = Duration::from_secs(60);

/// Connections made at once.
const DOORS: usize = 32;

/// What one read takes at most.
const SCRATCH: usize = 256 * 1024;

/// A reply names its error at its beginning; further on the word is data.
const ERROR_BEFORE: usize = 40;

/// Hears what sockets receive.
pub(super) trait Listener: Send + 'static {
    /// One message: a line of a frame, with the unix time in nanoseconds at which its bytes were read.
    fn hear(&mut self, message: &[u8], now_ns: i64);
}

/// How a socket is opened.
#[derive(Debug, Clone)]
pub(super) struct Entrance {
    /// The server's port on this machine.
    pub(super) port: u16,
    /// The path of the upgrade.
    pub(super) path: String,
    /// What is sent at once after the upgrade, if anything.
    pub(super) greeting: Option<String>,
    /// The message that has this in it says that the socket is in; without one it is in after the upgrade.
    pub(super) welcome: Option<&'static [u8]>,
    /// What answers a message of its own that asks for life, and the question.
    pub(super) heartbeat: Option<(&'static [u8], &'static str)>,
}

impl Entrance {
    /// The request for a socket.
    pub(super) fn upgrade(&self) -> String {
        format!(
            "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.path
        )
    }

    /// To a server that asks for nothing.
    pub(super) fn bare(port: u16) -> Self {
        Self { port, path: "/".to_owned(), greeting: None, welcome: None, heartbeat: None }
    }

    /// To the hub, subscribing to one channel.
    pub(super) fn hub(port: u16, token: &str, channel: &str) -> Self {
        let greeting = format!(
            "{{\"id\":1,\"connect\":{{\"token\":\"{token}\"}}}}\n{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\"}}}}"
        );
        Self {
            port,
            path: "/connection/websocket".to_owned(),
            greeting: Some(greeting),
            welcome: Some(b"\"subscribe\":"),
            heartbeat: Some((b"{}", "{}")),
        }
    }
}

/// Sockets that listen until the value goes.
#[derive(Debug)]
pub(super) struct Crowd<L> {
    shared: Arc<Shared<L>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared<L> {
    listener: Mutex<L>,
    gone: AtomicUsize,
    is_over: AtomicBool,
    farewell: Mutex<Option<String>>,
}

impl<L: Listener> Crowd<L> {
    /// Opens all sockets, and returns when each is in.
    ///
    /// # Errors
    /// When one of them is refused.
    pub(super) fn gather(entrances: Vec<Entrance>, listener: L) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            listener: Mutex::new(listener),
            gone: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            farewell: Mutex::default(),
        });
        let (joined, all_joined) = mpsc::channel();
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("crowd".to_owned())
            .spawn(move || listen_all(entrances, &theirs, &joined))?;
        let crowd = Self { shared, thread: Some(thread) };
        all_joined.recv_timeout(JOINED_WITHIN).context("the sockets did not get in in time")??;
        Ok(crowd)
    }

    /// What was heard.
    pub(super) fn listener(&self) -> MutexGuard<'_, L> {
        self.shared.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if a socket was closed that should still listen.
    ///
    /// # Errors
    /// When one was; the message says how many, and why the first.
    pub(super) fn ensure_whole(&self) -> anyhow::Result<()> {
        let gone = self.shared.gone.load(Ordering::Relaxed);
        let why = self.shared.farewell.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(gone == 0, "{gone} sockets were closed: {}", why.as_deref().unwrap_or("no reason"));
        Ok(())
    }
}

impl<L> Drop for Crowd<L> {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok(); // a panic in there has been shown
        }
    }
}

/// Unix time in nanoseconds, on the clock that the hub stamps with.
pub(super) fn unix_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

fn listen_all<L: Listener>(
    entrances: Vec<Entrance>,
    shared: &Arc<Shared<L>>,
    joined: &mpsc::Sender<anyhow::Result<()>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the system gives a runtime");
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let ended = gather_all(entrances, shared).await;
        joined.send(ended).ok(); // the other side may have given up
        while !shared.is_over.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

async fn gather_all<L: Listener>(
    entrances: Vec<Entrance>,
    shared: &Arc<Shared<L>>,
) -> anyhow::Result<()> {
    let scratch = Rc::new(RefCell::new(vec![0; SCRATCH]));
    let doors = Rc::new(Semaphore::new(DOORS));
    let mut entering = Vec::new();
    for entrance in entrances {
        let (scratch, doors, shared) = (Rc::clone(&scratch), Rc::clone(&doors), Arc::clone(shared));
        entering.push(tokio::task::spawn_local(async move {
            let permit = doors.acquire().await?;
            let socket = Socket::enter(entrance, scratch).await?;
            drop(permit);
            tokio::task::spawn_local(socket.listen(shared));
            anyhow::Ok(())
        }));
    }
    for socket in entering {
        socket.await??;
    }
    Ok(())
}

struct Socket {
    stream: TcpStream,
    heartbeat: Option<(&'static [u8], Vec<u8>)>,
    scratch: Rc<RefCell<Vec<u8>>>,
    /// Bytes of a frame that is not whole yet.
    carry: Vec<u8>,
}

impl Socket {
    async fn enter(entrance: Entrance, scratch: Rc<RefCell<Vec<u8>>>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, entrance.port)).await?;
        stream.set_nodelay(true)?;
        let heartbeat = entrance.heartbeat.map(|(ask, answer)| (ask, text_frame(answer)));
        let mut socket = Self { stream, heartbeat, scratch, carry: Vec::new() };
        socket.upgrade(&entrance).await?;
        if let Some(greeting) = &entrance.greeting {
            socket.stream.write_all(&text_frame(greeting)).await?;
        }
        if let Some(welcome) = entrance.welcome {
            tokio::time::timeout(JOINED_WITHIN, socket.be_welcomed(welcome)).await??;
        }
        Ok(socket)
    }

    async fn upgrade(&mut self, entrance: &Entrance) -> anyhow::Result<()> {
        self.stream.write_all(entrance.upgrade().as_bytes()).await?;
        loop {
            ensure!(self.read(|bytes, carry| carry.extend_from_slice(bytes)).await? > 0, "refused");
            if let Some(end) = find(&self.carry, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.carry[..end]).into_owned();
                ensure!(head.starts_with("HTTP/1.1 101"), "no upgrade: {head}");
                self.carry.drain(..end + 4);
                return Ok(());
            }
        }
    }

    /// Reads up to the message with `welcome`; what comes before it is not measured.
    async fn be_welcomed(&mut self, welcome: &[u8]) -> anyhow::Result<()> {
        loop {
            while let Some((kind, start, end)) = frame(&self.carry) {
                let payload = &self.carry[start..end];
                let is_welcome = find(payload, welcome).is_some();
                let is_error = find(payload, b"\"error\":").is_some_and(|at| at < ERROR_BEFORE);
                let told = || String::from_utf8_lossy(payload).into_owned();
                ensure!(
                    !is_error && !matches!(kind, Kind::Close(_)),
                    "a socket was not let in: {}",
                    told()
                );
                self.carry.drain(..end);
                if is_welcome {
                    return Ok(());
                }
            }
            let read = self.read(|bytes, carry| carry.extend_from_slice(bytes)).await?;
            ensure!(read > 0, "the connection ended before its welcome");
        }
    }

    async fn listen<L: Listener>(mut self, shared: Arc<Shared<L>>) {
        let why = self.hear_all(&shared).await;
        if !shared.is_over.load(Ordering::Relaxed) {
            shared.gone.fetch_add(1, Ordering::Relaxed);
            let mut farewell = shared.farewell.lock().unwrap_or_else(PoisonError::into_inner);
            farewell.get_or_insert(why);
        }
    }

    /// Listens to the end, and says why it came.
    async fn hear_all<L: Listener>(&mut self, shared: &Shared<L>) -> String {
        let heartbeat = self.heartbeat.take();
        let ask = heartbeat.as_ref().map(|(ask, _)| *ask);
        let mut heard = Heard { code: None, beats: 0 };
        heard.take_in(&[], &mut self.carry, ask, shared); // what came along with the welcome
        loop {
            if let Some(code) = heard.code {
                return format!("closed with {code}");
            }
            for _ in 0..std::mem::take(&mut heard.beats) {
                let Some((_, answer)) = &heartbeat else { break };
                if let Err(error) = self.stream.write_all(answer).await {
                    return error.to_string();
                }
            }
            match self.read(|bytes, carry| heard.take_in(bytes, carry, ask, shared)).await {
                Ok(0) => return "the connection ended".to_owned(),
                Err(error) => return error.to_string(),
                Ok(_) => {}
            }
        }
    }

    /// One read into the scratch that all sockets share; `take` sees the bytes before anybody else reads.
    async fn read(&mut self, mut take: impl FnMut(&[u8], &mut Vec<u8>)) -> std::io::Result<usize> {
        let Self { stream, scratch, carry, .. } = self;
        poll_fn(|cx| {
            let mut scratch = scratch.borrow_mut();
            let mut into = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *stream).poll_read(cx, &mut into) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {
                    take(into.filled(), carry);
                    Poll::Ready(Ok(into.filled().len()))
                }
            }
        })
        .await
    }
}

/// What one read brought besides messages.
struct Heard {
    code: Option<u16>,
    beats: usize,
}

impl Heard {
    fn take_in<L: Listener>(
        &mut self,
        bytes: &[u8],
        carry: &mut Vec<u8>,
        ask: Option<&[u8]>,
        shared: &Shared<L>,
    ) {
        let now_ns = unix_ns();
        let mut listener = shared.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let mut each = |kind, payload: &[u8]| match kind {
            Kind::Close(code) => self.code = Some(code),
            Kind::Data => {
                for line in payload.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    if ask == Some(line) {
                        self.beats += 1;
                    } else {
                        listener.hear(line, now_ns);
                    }
                }
            }
            Kind::Ping | Kind::Other => {}
        };
        if carry.is_empty() {
            let taken = take_frames(bytes, &mut each);
            carry.extend_from_slice(&bytes[taken..]);
        } else {
            carry.extend_from_slice(bytes);
            let taken = take_frames(carry, &mut each);
            carry.drain(..taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    #[derive(Debug)]
    struct Lines(Vec<String>);

    impl Listener for Lines {
        fn hear(&mut self, message: &[u8], _now_ns: i64) {
            self.0.push(String::from_utf8(message.to_vec()).unwrap());
        }
    }

    /// A server that lets one socket in, sends `frames` in pieces, and gives what it read at last.
    fn serve(frames: Vec<u8>) -> (u16, JoinHandle<Vec<u8>>) {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = server.local_addr().unwrap().port();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            for piece in frames.chunks(7) {
                stream.write_all(piece).unwrap();
            }
            let mut answer = vec![0; 64];
            let read = stream.read(&mut answer).unwrap();
            answer.truncate(read);
            answer
        });
        (port, served)
    }

    fn server_frame(text: &str) -> Vec<u8> {
        let mut frame = vec![0x81, u8::try_from(text.len()).unwrap()];
        frame.extend(text.as_bytes());
        frame
    }

    #[test]
    fn messages_are_heard_and_heartbeats_answered() {
        let mut frames = server_frame("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{}}");
        frames.extend(server_frame("{\"push\":1}\n{\"push\":2}"));
        frames.extend(server_frame("{}"));
        let (port, served) = serve(frames);
        let entrance = Entrance::hub(port, "t", "site:x");
        let crowd = Crowd::gather(vec![entrance], Lines(Vec::new())).unwrap();
        assert_eq!(served.join().unwrap(), text_frame("{}"));
        assert_eq!(crowd.listener().0, ["{\"push\":1}", "{\"push\":2}"]);
    }

    #[test]
    fn a_refusal_is_an_error_that_says_why() {
        let (port, _served) = serve(server_frame("{\"id\":1,\"error\":{\"code\":101}}"));
        let entrance = Entrance::hub(port, "t", "site:x");
        let refused = Crowd::gather(vec![entrance], Lines(Vec::new())).unwrap_err();
        assert!(format!("{refused:#}").contains("\"code\":101"), "{refused:#}");
    }
}
