//! A line in the middle: it passes on what goes to a partner, holds back the partner's answers, or falls silent.
//!
//! It has threads of its own, so that it works whatever the test's runtime is doing.
//!
//! ```no_run
//! # async fn example(partner: u16) {
//! use std::time::Duration;
//! let relay = hub_testkit::relay::Relay::to(partner);
//! relay.hold_answers(0); // the next question is taken, and its answer kept back
//! // drive the product at `relay.port()`, then:
//! relay.until_held(1, Duration::from_secs(10)).await;
//! relay.pass();
//! # }
//! ```

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// A relay on a free loopback port. It ends with this value.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    target: AtomicU16,
    held: Mutex<Held>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    mood: Mood,
    /// Questions since the mood was set.
    asked: usize,
    /// Answers that are kept back.
    kept_back: usize,
    lines: Vec<Weak<TcpStream>>,
    is_closing: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// All goes through.
    #[default]
    Pass,
    /// Answers to questions past so many are kept back.
    HoldAnswers(usize),
    /// Nothing goes through in either direction.
    Hang,
}

impl Relay {
    /// A relay to a port of this machine.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared { target: AtomicU16::new(target), ..Shared::default() });
        let serving = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || serving.accept(&listener));
        Self { port, shared, accepting: Some(accepting) }
    }

    /// Where it listens on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Leads to another port of this machine from now on. Lines that are there stay as they are.
    pub fn aim_at(&self, target: u16) {
        self.shared.target.store(target, Ordering::SeqCst);
    }

    /// Lets everything through, what was kept back first.
    pub fn pass(&self) {
        self.shared.set(Mood::Pass);
    }

    /// Lets questions through, and the answers to the first `after` of them. All later ones are kept back.
    pub fn hold_answers(&self, after: usize) {
        self.shared.set(Mood::HoldAnswers(after));
    }

    /// Falls silent: lines can be made and are kept, and nothing goes through.
    pub fn hang(&self) {
        self.shared.set(Mood::Hang);
    }

    /// Waits until so many answers are kept back.
    ///
    /// # Panics
    /// When they do not come in time.
    pub async fn until_held(&self, count: usize, within: Duration) {
        let look = || std::future::ready((self.shared.lock().kept_back >= count).then_some(()));
        crate::wait::until(&format!("{count} answers to keep back"), within, look).await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.lock().is_closing = true;
        self.shared.set(Mood::Pass);
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok(); // wakes the one that accepts
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
        for line in self.shared.lock().lines.drain(..).filter_map(|line| line.upgrade()) {
            line.shutdown(Shutdown::Both).ok();
        }
    }
}

/// The two ends of a line, and whether an answer came since the last question.
struct Line {
    near: Arc<TcpStream>,
    far: Arc<TcpStream>,
    state: Mutex<(bool, bool)>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, mood: Mood) {
        let mut held = self.lock();
        (held.mood, held.asked) = (mood, 0);
        self.changed.notify_all();
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for near in listener.incoming() {
            if self.lock().is_closing {
                return;
            }
            let target = self.target.load(Ordering::SeqCst);
            let far = TcpStream::connect((Ipv4Addr::LOCALHOST, target));
            let (Ok(near), Ok(far)) = (near, far) else { continue };
            near.set_nodelay(true).ok();
            far.set_nodelay(true).ok();
            let (near, far) = (Arc::new(near), Arc::new(far));
            let mut held = self.lock();
            held.lines.retain(|line| line.strong_count() > 0);
            held.lines.extend([Arc::downgrade(&near), Arc::downgrade(&far)]);
            drop(held);
            let line = Arc::new(Line { near, far, state: Mutex::new((true, false)) });
            let (questions, answers) = (Arc::clone(self), Arc::clone(self));
            let other = Arc::clone(&line);
            std::thread::spawn(move || questions.carry_questions(&line));
            std::thread::spawn(move || answers.carry_answers(&other));
        }
    }

    fn carry_questions(&self, line: &Line) {
        carry(&line.near, &line.far, || {
            let mut held = self.lock();
            while held.mood == Mood::Hang {
                held = self.changed.wait(held).unwrap_or_else(PoisonError::into_inner);
            }
            let mut state = line.lock();
            if std::mem::take(&mut state.0) {
                held.asked += 1;
                state.1 = matches!(held.mood, Mood::HoldAnswers(after) if held.asked > after);
            }
        });
    }

    fn carry_answers(&self, line: &Line) {
        carry(&line.far, &line.near, || {
            let mut held = self.lock();
            let is_held = |held: &Held| match held.mood {
                Mood::Pass => false,
                Mood::HoldAnswers(_) => line.lock().1,
                Mood::Hang => true,
            };
            if is_held(&held) {
                held.kept_back += 1;
                while is_held(&held) {
                    held = self.changed.wait(held).unwrap_or_else(PoisonError::into_inner);
                }
                held.kept_back -= 1;
            }
            line.lock().0 = true;
        });
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, (bool, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries bytes one way until either end is gone, each piece once `before` lets it.
fn carry(mut from: &TcpStream, mut to: &TcpStream, before: impl Fn()) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        before();
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Write).ok();
    from.shutdown(Shutdown::Read).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each byte by itself.
    fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for line in listener.incoming() {
                std::thread::spawn(move || {
                    let line = line.unwrap();
                    carry(&line, &line, || {});
                });
            }
        });
        port
    }

    fn connect(relay: &Relay) -> TcpStream {
        let line = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).unwrap();
        line.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        line
    }

    fn ask(mut line: &TcpStream, byte: u8) -> Option<u8> {
        line.write_all(&[byte]).unwrap();
        let mut answer = [0];
        line.read_exact(&mut answer).ok().map(|()| answer[0])
    }

    #[tokio::test]
    async fn answers_past_the_first_are_kept_back_until_they_may_pass() {
        let relay = Relay::to(echo());
        let line = connect(&relay);
        assert_eq!(ask(&line, 1), Some(1));
        relay.hold_answers(1);
        assert_eq!(ask(&line, 2), Some(2));
        assert_eq!(ask(&line, 3), None);
        relay.until_held(1, Duration::from_secs(5)).await;
        relay.pass();
        let mut late = [0];
        (&line).read_exact(&mut late).unwrap();
        assert_eq!(late, [3]);
        assert_eq!(ask(&line, 4), Some(4));
    }

    #[test]
    fn a_line_that_hangs_is_kept_and_goes_on() {
        let relay = Relay::to(echo());
        relay.hang();
        let line = connect(&relay);
        assert_eq!(ask(&line, 1), None);
        relay.pass();
        let mut late = [0];
        (&line).read_exact(&mut late).unwrap();
        assert_eq!(late, [1]);
    }
}
