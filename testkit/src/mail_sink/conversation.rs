//! One conversation in SMTP (RFC 5321), as much of it as clients of today use.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::time::SystemTime;

use super::{Deed, Held, Mail, Stage, lock};

/// The longest line and the longest message that are read.
const LONGEST_LINE: u64 = 64 * 1024;
const LONGEST_MESSAGE: usize = 32 * 1024 * 1024;

/// What ends a conversation early.
enum End {
    /// The line is gone, or is cut by us.
    Gone,
    /// Nothing more is said; the line stays until the other side has enough.
    Hang,
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

struct Conversation<'a> {
    reader: BufReader<&'a TcpStream>,
    line: &'a TcpStream,
    held: &'a Mutex<Held>,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

/// Holds one conversation to its end.
pub(super) fn hold(line: &TcpStream, held: &Mutex<Held>) {
    line.set_nodelay(true).ok();
    let reader = BufReader::new(line);
    let mut here = Conversation { reader, line, held, user: None, from: None, to: Vec::new() };
    if let Err(End::Hang) = here.run() {
        // until the other side has enough, or the sink goes away and shuts the line
        std::io::copy(&mut here.reader, &mut std::io::sink()).ok();
    }
    line.shutdown(Shutdown::Both).ok();
}

impl Conversation<'_> {
    fn run(&mut self) -> Result<(), End> {
        self.answer(Stage::Greeting, "220 mail-sink ready")?;
        loop {
            let line = self.read_line()?;
            let (verb, rest) = line.split_at_checked(4).unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => {
                    self.say("250-mail-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN")?
                }
                "HELO" => self.say("250 mail-sink")?,
                "AUTH" => self.sign_in(rest)?,
                "MAIL" => {
                    self.from = Some(address(rest));
                    self.to.clear();
                    self.answer(Stage::Mail, "250 sender ok")?;
                }
                "RCPT" if self.answer(Stage::Rcpt, "250 recipient ok")? => {
                    self.to.push(address(rest))
                }
                "RCPT" => {}
                "DATA" => self.take_message()?,
                "RSET" => {
                    (self.from, self.to) = (None, Vec::new());
                    self.say("250 forgotten")?;
                }
                "NOOP" => self.say("250 still here")?,
                "QUIT" => return self.say("221 bye"),
                _ => self.say("502 not known here")?,
            }
        }
    }

    fn sign_in(&mut self, rest: &str) -> Result<(), End> {
        let given = rest.trim().strip_prefix("PLAIN ").unwrap_or_default();
        let decoded = mail_parser::decoders::base64::base64_decode(given.as_bytes());
        // empty, user, password, parted by NUL (RFC 4616)
        let decoded = String::from_utf8_lossy(&decoded.unwrap_or_default()).into_owned();
        let user = decoded.split('\0').nth(1).map(str::to_owned);
        if self.answer(Stage::Auth, "235 signed in")? {
            self.user = user;
        }
        Ok(())
    }

    fn take_message(&mut self) -> Result<(), End> {
        if self.from.is_none() || self.to.is_empty() {
            return self.say("503 no sender or no recipient");
        }
        if !self.answer(Stage::Data, "354 go on")? {
            return Ok(());
        }
        let raw = self.read_message()?;
        let deed = lock(self.held).take_fault(Stage::Content);
        if let Some(Deed::Reply(code, text)) = deed {
            return self.say(&format!("{code} {text}"));
        }
        let (from, to) = (self.from.take().unwrap_or_default(), std::mem::take(&mut self.to));
        let (user, at, is_answered) = (self.user.clone(), SystemTime::now(), deed.is_none());
        let mail = Mail { from, to, user, at, is_answered, raw };
        lock(self.held).mails.push(mail);
        match deed {
            Some(deed) => done(&deed),
            None => self.say("250 taken"),
        }
    }

    /// Answers, or does what shall go wrong here; gives whether all went well.
    fn answer(&mut self, stage: Stage, usual: &str) -> Result<bool, End> {
        let fault = lock(self.held).take_fault(stage);
        match fault {
            None => self.say(usual).map(|()| true),
            Some(Deed::Reply(code, text)) => self.say(&format!("{code} {text}")).map(|()| false),
            Some(deed) => done(&deed).map(|()| false),
        }
    }

    fn say(&mut self, line: &str) -> Result<(), End> {
        Ok(self.line.write_all(format!("{line}\r\n").as_bytes())?)
    }

    fn read_line(&mut self) -> Result<String, End> {
        let line = self.read_bytes()?;
        Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }

    fn read_bytes(&mut self) -> Result<Vec<u8>, End> {
        let mut line = Vec::new();
        self.reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.ends_with(b"\n") { Ok(line) } else { Err(End::Gone) }
    }

    /// Reads up to the lone dot and takes the dots away that were put before others.
    fn read_message(&mut self) -> Result<Vec<u8>, End> {
        let mut message = Vec::new();
        loop {
            let line = self.read_bytes()?;
            if line == b".\r\n" {
                return Ok(message);
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            if message.len() > LONGEST_MESSAGE {
                return Err(End::Gone);
            }
        }
    }
}

fn done(deed: &Deed) -> Result<(), End> {
    Err(if *deed == Deed::Hang { End::Hang } else { End::Gone })
}

/// What stands between the pointed brackets.
fn address(rest: &str) -> String {
    let inner = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map(|(address, _)| address.to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::MailSink;
    use super::*;
    use std::time::Duration;

    /// Says each line of `script` after `> ` and expects each code after `< `.
    #[track_caller]
    fn talk(sink: &MailSink, script: &str) {
        let url = sink.url();
        let line = TcpStream::connect(url.trim_start_matches("smtp://")).unwrap();
        line.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut reader = BufReader::new(&line);
        for step in script.lines().map(str::trim).filter(|step| !step.is_empty()) {
            match step.split_once(' ').unwrap_or((step, "")) {
                (">", said) => (&line).write_all(format!("{said}\r\n").as_bytes()).unwrap(),
                ("<", code) => {
                    let mut answer = String::new();
                    reader.read_line(&mut answer).unwrap();
                    assert!(answer.starts_with(code), "{step}: {answer:?}");
                }
                _ => panic!("{step}"),
            }
        }
    }

    const ONE: &str = "
        < 220
        > MAIL FROM:<hub@example.org>
        < 250
        > RCPT TO:<anna@example.org>
        < 250
        > DATA
        < 354
        > Subject: =?utf-8?b?SGVpw58=?=
        >
        > ..dot
        > .
        < 250";

    #[test]
    fn a_message_is_kept_as_it_was_meant() {
        let sink = MailSink::start();
        talk(&sink, ONE);
        let mail = &sink.messages()[0];
        assert_eq!(mail.from, "hub@example.org");
        assert_eq!(mail.to, ["anna@example.org"]);
        assert_eq!(mail.subject().unwrap(), "Heiß");
        assert_eq!(mail.text().unwrap().trim(), ".dot");
        assert_eq!(mail.header("subject").unwrap(), "=?utf-8?b?SGVpw58=?=");
        assert!(mail.is_answered);
    }

    #[test]
    fn a_refused_recipient_is_not_written_to() {
        let sink = MailSink::start();
        sink.refuse_next(550);
        talk(
            &sink,
            "< 220
             > MAIL FROM:<hub@example.org>
             < 250
             > RCPT TO:<anna@example.org>
             < 550
             > DATA
             < 503",
        );
        talk(&sink, ONE);
        assert_eq!(sink.messages().len(), 1);
    }

    #[test]
    fn a_message_may_be_taken_and_the_line_cut() {
        let sink = MailSink::start();
        sink.fault(Stage::Content, Deed::Cut, 1);
        talk(&sink, ONE.rsplit_once("< 250").unwrap().0);
        crate::wait::until_some("the mail", Duration::from_secs(10), || sink.messages().pop());
        assert!(!sink.messages()[0].is_answered);
    }

    #[test]
    fn it_goes_away_and_comes_back() {
        let sink = MailSink::start();
        let address = sink.url().trim_start_matches("smtp://").to_owned();
        sink.go_away();
        assert!(TcpStream::connect(&address).is_err());
        sink.come_back();
        talk(&sink, ONE);
        assert_eq!(sink.messages().len(), 1);
    }
}
