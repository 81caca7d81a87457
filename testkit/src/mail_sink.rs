//! A mail server that keeps what it takes: real SMTP on a loopback port, which refuses, hangs and cuts when asked to.
//!
//! It has threads of its own, so that it serves whatever the test's runtime is doing.
//!
//! ```no_run
//! # async fn example() {
//! use hub_testkit::mail_sink::{MailSink, Stage};
//! let sink = MailSink::start();
//! sink.refuse_next(550); // the next recipient
//! sink.fault(Stage::Content, hub_testkit::mail_sink::Deed::Cut, 1); // takes the next message, and never says so
//! // drive the product at `sink.url()`, then:
//! let mails = sink.until_messages(1).await;
//! assert_eq!(mails[0].to, ["anna@example.org"]);
//! # }
//! ```

mod conversation;

use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use mail_parser::MessageParser;

/// How long a test waits for mail.
const MAIL_WITHIN: Duration = Duration::from_secs(30);

/// A running mail server. It ends with this value.
#[derive(Debug)]
pub struct MailSink {
    port: u16,
    held: Arc<Mutex<Held>>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

/// One message that was taken.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Who had signed in, if anybody had.
    pub user: Option<String>,
    /// When it was taken.
    pub at: SystemTime,
    /// Whether the sender was told that it was taken.
    pub is_answered: bool,
    /// Header and body as they came.
    pub raw: Vec<u8>,
}

/// Where in the conversation something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before the first word.
    Greeting,
    /// At the sign-in.
    Auth,
    /// At the sender.
    Mail,
    /// At a recipient.
    Rcpt,
    /// When the message is announced.
    Data,
    /// When the message is there. It is taken all the same, unless the deed is a reply.
    Content,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// This is answered instead: a code and a text.
    Reply(u16, String),
    /// Nothing is answered, and the line is kept.
    Hang,
    /// The line is cut.
    Cut,
}

#[derive(Debug, Default)]
struct Held {
    mails: Vec<Mail>,
    faults: Vec<Fault>,
    lines: Vec<Weak<TcpStream>>,
    is_closing: bool,
}

#[derive(Debug)]
struct Fault {
    stage: Stage,
    deed: Deed,
    times: u32,
}

impl Held {
    fn take_fault(&mut self, stage: Stage) -> Option<Deed> {
        let fault = self.faults.iter_mut().find(|it| it.stage == stage && it.times > 0)?;
        fault.times -= 1;
        Some(fault.deed.clone())
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().expect("no conversation panics while it holds this")
}

impl MailSink {
    /// Starts one on a free loopback port.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let sink = Self { port, held: Arc::default(), listening: Mutex::new(None) };
        sink.serve(listener);
        sink
    }

    fn serve(&self, listener: TcpListener) {
        let held = Arc::clone(&self.held);
        let accepting = std::thread::spawn(move || {
            for line in listener.incoming() {
                if lock(&held).is_closing {
                    return;
                }
                let Ok(line) = line.map(Arc::new) else { continue };
                let held = Arc::clone(&held);
                let mut holding = lock(&held);
                holding.lines.retain(|line| line.strong_count() > 0);
                holding.lines.push(Arc::downgrade(&line));
                drop(holding);
                std::thread::spawn(move || conversation::hold(&line, &held));
            }
        });
        *self.listening.lock().expect("nobody panics here") = Some(accepting);
    }

    /// Its address as a setting: `smtp://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Its port on this machine.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What it has taken, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Mail> {
        lock(&self.held).mails.clone()
    }

    /// Waits until it has taken that many, and gives them.
    ///
    /// # Panics
    /// When they do not come within 30 s.
    pub async fn until_messages(&self, count: usize) -> Vec<Mail> {
        let look = || async { Some(self.messages()).filter(|mails| mails.len() >= count) };
        crate::wait::until(&format!("{count} mails"), MAIL_WITHIN, look).await
    }

    /// Forgets what it has taken and what was still to go wrong.
    pub fn forget(&self) {
        let mut held = lock(&self.held);
        held.mails.clear();
        held.faults.clear();
    }

    /// Refuses the next recipient with that code.
    pub fn refuse_next(&self, code: u16) {
        self.fault(Stage::Rcpt, Deed::Reply(code, "as the test wants".to_owned()), 1);
    }

    /// Does something wrong to the next `times` conversations that come to that stage.
    pub fn fault(&self, stage: Stage, deed: Deed, times: u32) {
        lock(&self.held).faults.push(Fault { stage, deed, times });
    }

    /// Goes away: lines are cut, connections refused, until [`Self::come_back`].
    ///
    /// # Panics
    /// When it is away already.
    pub fn go_away(&self) {
        lock(&self.held).is_closing = true;
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok(); // wakes the one that accepts
        let accepting = self.listening.lock().expect("nobody panics here").take();
        accepting.expect("it is there").join().expect("it does not panic");
        for line in lock(&self.held).lines.drain(..).filter_map(|line| line.upgrade()) {
            line.shutdown(Shutdown::Both).ok();
        }
    }

    /// Comes back on the same port, with what it had.
    ///
    /// # Panics
    /// When somebody else took the port meanwhile.
    pub fn come_back(&self) {
        lock(&self.held).is_closing = false;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port));
        self.serve(listener.expect("the port is still free"));
    }
}

impl Drop for MailSink {
    fn drop(&mut self) {
        let is_there = self.listening.lock().is_ok_and(|it| it.is_some());
        if is_there {
            self.go_away();
        }
    }
}

impl Mail {
    fn read<T>(&self, part: impl FnOnce(&mail_parser::Message<'_>) -> Option<T>) -> Option<T> {
        part(&MessageParser::default().parse(&self.raw)?)
    }

    /// A header's value as it came, unfolded, the first of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let unfold = |value: &str| value.replace("\r\n", "").trim().to_owned();
        self.read(|mail| mail.header_raw(name).map(unfold))
    }

    /// The subject, decoded.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        self.read(|mail| mail.subject().map(str::to_owned))
    }

    /// The plain text, decoded.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        self.read(|mail| mail.body_text(0).map(Into::into))
    }

    /// The page, decoded.
    #[must_use]
    pub fn html(&self) -> Option<String> {
        self.read(|mail| mail.body_html(0).map(Into::into))
    }
}
