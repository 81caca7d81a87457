//! Seeded bugs: the store forgets whose rows it is to see, at one place at a time.
//!
//! A place is a call of a function that names its caller (`#[track_caller]`) and in the end asks
//! `store::scope::within`. They are found in the store's own files, so that one written tomorrow is tried too.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    asking::Caller,
    document::{Expected, Operation},
    foreign::{self, Kind, Trial},
    out_of_reach::OUT_OF_REACH,
    world::{Needles, Prepared},
};

/// Where the store's files are.
const STORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/store/src");

/// A call that says whose rows a question sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// `store/src/tree.rs`
    pub(crate) file: String,
    pub(crate) line: usize,
    /// The function that it is in.
    pub(crate) function: String,
    /// Which of those in that function.
    number: usize,
}

impl Place {
    /// As the hub's switch takes it.
    pub(crate) fn switch(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Why no request of a person reaches it, if that is so.
    pub(crate) fn out_of_reach(&self) -> Option<&'static str> {
        OUT_OF_REACH
            .iter()
            .find(|(_, names)| names.iter().any(|name| self.names().iter().any(|own| own == name)))
            .map(|(why, _)| *why)
    }

    /// By what the list of those out of reach may name it: all of a function, or the so-manieth in it.
    pub(crate) fn names(&self) -> [String; 2] {
        let file = self.file.trim_start_matches("store/src/").trim_end_matches(".rs");
        let whole = format!("{file}::{}", self.function);
        [format!("{whole}#{}", self.number), whole]
    }

    /// How near an operation is to it, by their names: the nearest are tried first.
    fn nearness(&self, operation: &Operation) -> usize {
        let stem = self.file.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        let words = stem.split('_').chain(self.function.split('_')).filter(|word| word.len() > 2);
        let (id, path) = (operation.id.to_lowercase(), operation.path.to_lowercase());
        let near = |word: &&str| {
            let word = word.trim_end_matches('s');
            id.contains(word) || path.contains(word)
        };
        words.filter(near).count()
    }
}

/// Every such call in the store.
pub(crate) fn places() -> Vec<Place> {
    let files = files(Path::new(STORE));
    let names: Vec<String> =
        files.iter().flat_map(|(_, text)| tracked(text)).map(|(name, ..)| name).collect();
    files.iter().flat_map(|(file, text)| calls(file, text, &names)).collect()
}

/// Entries of the list of those out of reach that name no place any more.
pub(crate) fn stale(places: &[Place]) -> Vec<&'static str> {
    let listed = OUT_OF_REACH.iter().flat_map(|(_, names)| names.iter().copied());
    let is_there =
        |name: &str| places.iter().any(|place| place.names().iter().any(|own| own == name));
    listed.filter(|name| !is_there(name)).collect()
}

/// What is found with the store forgetful at this place; `None` if nothing is.
pub(crate) async fn found(prepared: &Prepared, place: &Place) -> Option<String> {
    let world = &prepared.world;
    let running = prepared.start(Some(&place.switch())).await;
    let callers = world.ours.callers(&running.hub.url());
    let asks = |name| move |caller: &&Caller| caller.name == name;
    let callers: Vec<Caller> = ["owner", "device key"]
        .into_iter()
        .filter_map(|name| callers.iter().find(asks(name)).cloned())
        .collect();
    let needles = Needles::of(&world.theirs, &world.ours, &running.rows).await;
    let before = running.rows.of(&world.theirs.org).await.expect("their rows");
    let mut trials: Vec<Trial<'_>> = foreign::trials(world, &callers);
    trials.retain(|trial| {
        (trial.caller.name == "owner") == (trial.operation.caller != Expected::Sender)
    });
    trials.sort_by_key(|trial| {
        (matches!(trial.kind, Kind::Key), std::cmp::Reverse(place.nearness(trial.operation)))
    });
    let (findings, _) = foreign::run(world, &needles, trials, 1).await;
    let after = running.rows.of(&world.theirs.org).await.expect("their rows");
    running.rows.close().await;
    let changed = hub_testkit::rows::changes(&before, &after);
    findings.into_iter().next().or_else(|| changed.into_iter().next())
}

/// The store's files that work on a database, with their names from the workspace on.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut left = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(at) = left.pop() {
        // the group-commit writer works across organizations, by keys that were read within one
        if at.is_dir() && !at.ends_with("memory") && !at.ends_with("writer") {
            let entries = fs::read_dir(&at).expect("a folder");
            let mut entries: Vec<PathBuf> =
                entries.map(|entry| entry.expect("one").path()).collect();
            entries.sort();
            left.extend(entries);
        } else if at.extension().is_some_and(|extension| extension == "rs") {
            let name = at.strip_prefix(folder).expect("within").display().to_string();
            found.push((format!("store/src/{name}"), fs::read_to_string(&at).expect("a file")));
        }
    }
    found.sort();
    found
}

/// The functions of a file that name their caller: their names, first and last lines.
fn tracked(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.trim() != "#[track_caller]" {
            continue;
        }
        let Some(head) = (at..lines.len()).find(|at| function_in(lines[*at]).is_some()) else {
            continue;
        };
        let indent = lines[head].len() - lines[head].trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        let last = (head..lines.len()).find(|at| lines[*at] == end).unwrap_or(lines.len());
        found.extend(function_in(lines[head]).map(|name| (name.to_owned(), at, last)));
    }
    found
}

fn calls(file: &str, text: &str, names: &[String]) -> Vec<Place> {
    let tracked = tracked(text);
    let (mut function, mut number) = (String::new(), 0);
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let code = line.trim();
        if code == "#[cfg(test)]" {
            break;
        }
        if let Some(name) = function_in(line) {
            name.clone_into(&mut function);
            number = 0;
        }
        let is_within = tracked.iter().any(|(_, first, last)| (*first..=*last).contains(&at));
        if is_within || code.starts_with("//") || code.starts_with("use ") {
            continue;
        }
        if names.iter().any(|name| calls_in(code, name)) {
            number += 1;
            found.push(Place {
                file: file.to_owned(),
                line: at + 1,
                function: function.clone(),
                number,
            });
        }
    }
    found
}

/// Whether a line calls the function.
fn calls_in(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + name.len()..];
        let is_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let is_declared = code[..at].ends_with("fn ");
        !is_word && !is_declared && (after.starts_with('(') || after.starts_with("::<"))
    })
}

/// The name of the function that a line begins.
fn function_in(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let head = ["pub(crate) ", "pub(super) ", "pub ", ""]
        .iter()
        .find_map(|seen| code.strip_prefix(seen))?;
    let head = head.strip_prefix("async ").unwrap_or(head);
    let head = head.strip_prefix("const ").unwrap_or(head);
    let name = head.strip_prefix("fn ")?;
    Some(name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(name))
}
