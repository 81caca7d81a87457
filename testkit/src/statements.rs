//! A line in the middle to PostgreSQL that knows its statements, and cuts a transaction at any one of them.
//!
//! It reads the frontend's messages (PostgreSQL's protocol 3.0) as far as it takes to know which statement is sent: the
//! simple query, and the parse and bind of prepared ones.

use std::collections::HashMap;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The codes of a first message that asks for encryption; the server says no, and the client begins anew.
const ASKS_TO_ENCRYPT: [u32; 2] = [80_877_103, 80_877_104];

/// Where to cut.
#[derive(Debug, Clone)]
pub struct Cut {
    /// The text that a transaction's statement begins with, by which the transaction is known from then on.
    pub mark: &'static str,
    /// Which statement of that transaction, its `BEGIN` being 0.
    pub nth: usize,
    /// What is done to it.
    pub how: How,
}

/// What is done to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The line is cut before it reaches the server.
    Before,
    /// The server does it, and the line is cut before its answer.
    After,
    /// Neither it nor anything after it reaches the server, and the line is kept: as of a process that is stopped.
    Stall,
}

/// What became of a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The line was cut, or stalled, at the last of these statements of its transaction.
    Done(Vec<String>),
    /// Such a transaction ended before: it has only so many statements.
    TooFar(usize),
}

/// A relay to a server on this machine. It serves until the test process ends.
#[derive(Debug)]
pub struct Statements {
    port: u16,
    order: Arc<Mutex<Order>>,
}

#[derive(Debug, Default)]
struct Order {
    cut: Option<Cut>,
    fate: Option<Fate>,
}

impl Statements {
    /// A relay to the server on that port.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let order = Arc::<Mutex<Order>>::default();
        let shared = Arc::clone(&order);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let far = TcpStream::connect((Ipv4Addr::LOCALHOST, server));
                let (Ok(near), Ok(far)) = (near, far) else { continue };
                serve(Arc::new(near), Arc::new(far), &shared);
            }
        });
        Self { port, order }
    }

    /// Where it listens on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Cuts the next transaction that fits, once.
    pub fn cut(&self, cut: Cut) {
        *lock(&self.order) = Order { cut: Some(cut), fate: None };
    }

    /// What became of the last cut, once anything has; it is forgotten then.
    #[must_use]
    pub fn take_fate(&self) -> Option<Fate> {
        lock(&self.order).fate.take()
    }
}

fn lock(order: &Mutex<Order>) -> MutexGuard<'_, Order> {
    order.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(near: Arc<TcpStream>, far: Arc<TcpStream>, order: &Arc<Mutex<Order>>) {
    near.set_nodelay(true).ok();
    far.set_nodelay(true).ok();
    let is_lost = Arc::<Mutex<bool>>::default();
    let reading = Line {
        near: Arc::clone(&near),
        far: Arc::clone(&far),
        order: Arc::clone(order),
        is_lost: Arc::clone(&is_lost),
        known: HashMap::new(),
        open: None,
    };
    std::thread::spawn(move || reading.carry());
    std::thread::spawn(move || carry_answers(&near, &far, &is_lost));
}

fn carry_answers(mut near: &TcpStream, mut far: &TcpStream, is_lost: &Mutex<bool>) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = far.read(&mut piece) {
        let is_lost = *is_lost.lock().unwrap_or_else(PoisonError::into_inner);
        if is_lost || near.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    near.shutdown(Shutdown::Both).ok();
    far.shutdown(Shutdown::Both).ok();
}

/// One connection as its client speaks on it.
struct Line {
    near: Arc<TcpStream>,
    far: Arc<TcpStream>,
    order: Arc<Mutex<Order>>,
    is_lost: Arc<Mutex<bool>>,
    /// Prepared statements by their names.
    known: HashMap<Vec<u8>, String>,
    /// The statements of the transaction that is open, if one is.
    open: Option<Vec<String>>,
}

/// A message that was read, and whether it goes through.
enum Verdict {
    Pass,
    /// This is done to it.
    Do(How),
}

impl Line {
    fn carry(mut self) {
        let (near, far) = (Arc::clone(&self.near), Arc::clone(&self.far));
        if begin(&mut &*near, &mut &*far).is_some() {
            while let Some(message) = read_message(&mut &*near, true) {
                match self.judge(&message) {
                    Verdict::Pass => {}
                    Verdict::Do(How::Before) => break,
                    Verdict::Do(How::After) => {
                        *self.is_lost.lock().unwrap_or_else(PoisonError::into_inner) = true;
                    }
                    Verdict::Do(How::Stall) => {
                        // until the other side has enough
                        std::io::copy(&mut &*near, &mut std::io::sink()).ok();
                        break;
                    }
                }
                if (&*far).write_all(&message).is_err() {
                    break;
                }
            }
        }
        near.shutdown(Shutdown::Both).ok();
        far.shutdown(Shutdown::Both).ok();
    }

    fn judge(&mut self, message: &[u8]) -> Verdict {
        let body = &message[5..];
        match message[0] {
            b'P' => {
                let (name, rest) = text(body);
                let (sql, _) = text(rest);
                self.known.insert(name.to_vec(), String::from_utf8_lossy(sql).into_owned());
                Verdict::Pass
            }
            b'B' => {
                let (_, rest) = text(body);
                let (name, _) = text(rest);
                let sql = self.known.get(name).cloned().unwrap_or_default();
                self.say(sql)
            }
            b'Q' => self.say(String::from_utf8_lossy(text(body).0).into_owned()),
            _ => Verdict::Pass,
        }
    }

    /// Takes note of a statement.
    fn say(&mut self, sql: String) -> Verdict {
        let sql = sql.trim_start().to_owned();
        if sql.starts_with("BEGIN") {
            self.open = Some(Vec::new());
        }
        let is_last = sql.starts_with("COMMIT") || sql.starts_with("ROLLBACK");
        let Some(said) = &mut self.open else { return Verdict::Pass };
        said.push(sql.clone());
        let verdict = decide(&mut lock(&self.order), said, is_last);
        if is_last {
            self.open = None;
        }
        verdict
    }
}

/// What is done to the last of these statements of one transaction.
fn decide(order: &mut Order, said: &[String], is_last: bool) -> Verdict {
    let Some(Cut { mark, nth, how }) = order.cut.clone() else { return Verdict::Pass };
    if !said.iter().any(|sql| sql.starts_with(mark)) {
        return Verdict::Pass;
    }
    let at = said.len() - 1;
    if at == nth {
        order.fate = Some(Fate::Done(said.to_vec()));
        order.cut = None;
        return Verdict::Do(how);
    }
    if is_last {
        order.fate = Some(Fate::TooFar(said.len()));
        order.cut = None;
    }
    Verdict::Pass
}

/// Passes on what comes before statements. `None` when the line is gone.
fn begin(near: &mut impl Read, far: &mut &TcpStream) -> Option<()> {
    loop {
        let first = read_message(near, false)?;
        far.write_all(&first).ok()?;
        let code = u32::from_be_bytes(first.get(4..8)?.try_into().ok()?);
        if !ASKS_TO_ENCRYPT.contains(&code) {
            return Some(());
        }
    }
}

/// One message as it came, with its length; all but the first have a letter before it.
fn read_message(from: &mut impl Read, has_letter: bool) -> Option<Vec<u8>> {
    let head = usize::from(has_letter) + 4;
    let mut message = vec![0; head];
    from.read_exact(&mut message).ok()?;
    let length = u32::from_be_bytes(message[head - 4..].try_into().ok()?);
    let body = usize::try_from(length).ok()?.checked_sub(4)?;
    message.resize(head + body, 0);
    from.read_exact(&mut message[head..]).ok()?;
    Some(message)
}

/// A text up to its NUL, and what follows.
fn text(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::PrivatePostgres;
    use sqlx::{Connection as _, PgConnection};

    async fn connect(relay: &Statements, url: &str) -> PgConnection {
        let database = url.rsplit('/').next().unwrap();
        let url = format!("postgres://hub@127.0.0.1:{}/{database}", relay.port());
        PgConnection::connect(&url).await.unwrap()
    }

    async fn twice(line: &mut PgConnection) -> Result<(), sqlx::Error> {
        let mut change = line.begin().await?;
        for n in 0..2 {
            sqlx::query("INSERT INTO kept VALUES ($1)").bind(n).execute(&mut *change).await?;
        }
        change.commit().await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_transaction_is_cut_at_any_of_its_statements() {
        let server = PrivatePostgres::shared();
        let url = tokio::task::spawn_blocking(|| server.create_database()).await.unwrap();
        let relay = Statements::to(server.port());
        let count = async |line: &mut PgConnection| -> i64 {
            sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(line).await.unwrap()
        };
        let mut line = connect(&relay, &url).await;
        sqlx::query("CREATE TABLE kept (n int)").execute(&mut line).await.unwrap();
        let mark = "INSERT INTO kept";
        for (nth, how, is_kept) in [
            (1, How::Before, false),
            (2, How::Before, false),
            (2, How::After, false),
            (3, How::Before, false),
            (3, How::After, true),
        ] {
            let mut line = connect(&relay, &url).await;
            let before = count(&mut line).await;
            relay.cut(Cut { mark, nth, how });
            assert!(twice(&mut line).await.is_err(), "{nth} {how:?}");
            let insert = "INSERT INTO kept VALUES ($1)";
            let said = ["BEGIN", insert, insert, "COMMIT"].map(str::to_owned);
            assert_eq!(relay.take_fate(), Some(Fate::Done(said[..=nth].to_vec())));
            let mut line = connect(&relay, &url).await;
            let grown = count(&mut line).await - before;
            assert_eq!(grown, if is_kept { 2 } else { 0 }, "{nth} {how:?}");
        }
        relay.cut(Cut { mark, nth: 4, how: How::Before });
        let mut line = connect(&relay, &url).await;
        twice(&mut line).await.unwrap();
        assert_eq!(relay.take_fate(), Some(Fate::TooFar(4)));
    }
}
