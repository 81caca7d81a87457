//! What may stand where.

use super::{Finding, SourceFile};

/// Lines before a file's tests: from the first on it is worth a look, past the second it is two ideas.
const LONG: usize = 400;
const TOO_LONG: usize = 500;

/// A word that must not stand in some of our Rust code.
struct Ban {
    word: &'static str,
    /// Whether the ban holds in the file of that path.
    holds: fn(&str) -> bool,
    why: &'static str,
}

const BANS: &[Ban] = &[
    Ban { word: "async", holds: in_domain, why: "the core only computes" },
    Ban { word: "SystemTime", holds: in_domain, why: "`now` is an argument" },
    Ban { word: "Instant::now", holds: in_domain, why: "`now` is an argument" },
    Ban { word: "Utc::now", holds: in_domain, why: "`now` is an argument" },
    Ban { word: "now_v7", holds: in_domain, why: "new ids are arguments" },
    Ban { word: "HashMap", holds: in_domain, why: "its order is chance" },
    Ban { word: "HashSet", holds: in_domain, why: "its order is chance" },
    Ban { word: "rand", holds: in_domain, why: "the core has no chance" },
    Ban { word: "f32", holds: in_domain, why: "temperatures are whole numbers" },
    Ban { word: "f64", holds: in_domain, why: "temperatures are whole numbers" },
    Ban { word: "serde", holds: in_domain, why: "the wire is known at the edge" },
    Ban { word: "std::env", holds: below_the_shell, why: "only the shell reads the environment" },
    Ban { word: "env::var", holds: below_the_shell, why: "only the shell reads the environment" },
    Ban {
        word: concat!("process", "::exit"),
        holds: |path| path != "src/main.rs",
        why: "only main ends the process",
    },
    Ban { word: concat!("to", "do!"), holds: |_| true, why: "it is not done" },
    Ban { word: concat!("unimpl", "emented!"), holds: |_| true, why: "it is not done" },
    Ban { word: concat!("#[ign", "ore"), holds: |_| true, why: "a test runs or goes" },
];

/// Words that stand in no file of ours, comments included.
const NOWHERE: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "what is to be done belongs into an issue"),
    (concat!("FIX", "ME"), "what is to be mended belongs into an issue"),
    (concat!("/wo", "rk/"), "a path of one machine means nothing on another"),
];

/// Names that say nothing about what a module does.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc"];

/// Looks at one file.
pub(super) fn look(file: &SourceFile) -> Vec<Finding> {
    if is_foreign(&file.path) {
        return Vec::new();
    }
    let mut findings = words(file);
    if file.path.ends_with(".rs") {
        findings.extend(banned(file));
        findings.extend(length(file));
        findings.extend(name(file));
        findings.extend(migration_name(file));
    }
    findings
}

/// Texts that we did not write.
fn is_foreign(path: &str) -> bool {
    path.ends_with("Cargo.lock")
        || path.ends_with("package-lock.json")
        || path.starts_with("LICENSE")
}

fn in_domain(path: &str) -> bool {
    path.starts_with("domain/src/")
}

fn below_the_shell(path: &str) -> bool {
    ["domain/src/", "store/src/", "actors/src/", "jobs/src/", "migrations/src/"]
        .iter()
        .any(|place| path.starts_with(place))
}

fn words(file: &SourceFile) -> Vec<Finding> {
    let found = |(index, line): (usize, &str)| {
        let (word, why) = NOWHERE.iter().find(|(word, _)| has_word(line, word))?;
        Some(file.error(index + 1, format!("`{word}`: {why}")))
    };
    file.text.lines().enumerate().filter_map(found).collect()
}

fn banned(file: &SourceFile) -> Vec<Finding> {
    let bans: Vec<&Ban> = BANS.iter().filter(|ban| (ban.holds)(&file.path)).collect();
    let code = file.text.lines().take(lines_before_tests(&file.text)).map(without_comment);
    let found = code.enumerate().flat_map(|(index, line)| {
        let found = bans.iter().filter(move |ban| has_word(line, ban.word));
        found.map(move |ban| (index + 1, ban))
    });
    found.map(|(line, ban)| file.error(line, format!("`{}`: {}", ban.word, ban.why))).collect()
}

fn length(file: &SourceFile) -> Option<Finding> {
    let lines = lines_before_tests(&file.text);
    let mut finding =
        file.error(lines, format!("{lines} lines before its tests: usually two ideas"));
    finding.is_note = lines <= TOO_LONG;
    (lines > LONG).then_some(finding)
}

fn name(file: &SourceFile) -> Option<Finding> {
    let mut parts = file.path.split('/').map(|part| part.trim_end_matches(".rs"));
    let empty = parts.find(|part| EMPTY_NAMES.contains(part))?;
    Some(file.error(1, format!("`{empty}` says nothing about what it does")))
}

/// A migration is `m20260103_091500_add_restore_readings.rs`: its name is its place in the order.
fn migration_name(file: &SourceFile) -> Option<Finding> {
    let stem = file.path.strip_prefix("migrations/src/")?.strip_suffix(".rs")?;
    let is_dated = || {
        let (date, rest) = stem.strip_prefix('m')?.split_once('_')?;
        let (time, title) = rest.split_once('_')?;
        let is_number = |text: &str, digits| {
            text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        Some(is_number(date, 8) && is_number(time, 6) && !title.is_empty())
    };
    let is_migration = file.text.contains("impl MigrationTrait for");
    (is_migration && !is_dated().unwrap_or(false))
        .then(|| file.error(1, "a migration is named mYYYYMMDD_HHMMSS_what_it_does.rs"))
}

fn lines_before_tests(text: &str) -> usize {
    text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count()
}

/// The line up to its comment. A `//` in a string ends it too, which for a list of words does no harm.
fn without_comment(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// Whether the word stands in the line, and not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let belongs = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let (before, after) =
            (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        let ends_open = word.ends_with(|c: char| !c.is_alphanumeric());
        !belongs(before) && (ends_open || !belongs(after))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[&str]) {
        let findings = found(path, text);
        let words: Vec<&str> =
            findings.iter().map(|what| what.split(':').next().unwrap_or(what)).collect();
        assert_eq!(words, expected, "{path}: {text}");
    }

    #[test]
    fn the_core_only_computes() {
        check("domain/src/unit.rs", "async fn f() {}", &["`async`"]);
        check("domain/src/unit.rs", "let t = std::time::Instant::now();", &["`Instant"]);
        check("domain/src/unit.rs", "fn c(x: f64) {}", &["`f64`"]);
        check("domain/src/unit.rs", "fn operand(grand: u8) {} // no async, no f64", &[]);
        check(
            "domain/src/unit.rs",
            "fn f() {}\n#[cfg(test)]\nmod tests { use std::collections::HashSet; }",
            &[],
        );
        check("store/src/unit.rs", "async fn f(x: f64) {}", &[]);
    }

    #[test]
    fn only_the_shell_reads_the_environment_and_ends_the_process() {
        check("actors/src/units.rs", "use std::env;", &["`std"]);
        check("src/config.rs", "use std::env;", &[]);
        check("src/http/mod.rs", "std::process::exit(1)", &["`process"]);
        check("src/main.rs", "std::process::exit(1)", &[]);
    }

    #[test]
    fn nothing_is_left_undone() {
        check("src/app.rs", concat!("    to", "do!()"), &[concat!("`to", "do!`")]);
        check("src/app.rs", concat!("// TO", "DO later"), &[concat!("`TO", "DO`")]);
        check("docs/a.md", concat!("see /wo", "rk/main"), &[concat!("`/wo", "rk/`")]);
        check("docs/a.md", concat!("in target/wo", "rk/main"), &[]);
        check("tests/it/a.rs", concat!("#[ign", "ore = \"slow\"]"), &[concat!("`#[ign", "ore`")]);
        check("Cargo.lock", concat!("TO", "DO"), &[]);
    }

    #[test]
    fn length_counts_up_to_the_tests() {
        let lines = |n: usize| "x\n".repeat(n);
        check("src/app.rs", &lines(LONG), &[]);
        assert!(look(&file(&lines(LONG + 1))).iter().all(|finding| finding.is_note));
        assert!(look(&file(&lines(TOO_LONG + 1))).iter().any(|finding| !finding.is_note));
        check("src/app.rs", &format!("{}#[cfg(test)]\n{}", lines(LONG), lines(300)), &[]);
    }

    fn file(text: &str) -> SourceFile {
        SourceFile { path: "src/app.rs".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn modules_are_named_for_what_they_do() {
        check("src/utils.rs", "", &["`utils` says nothing about what it does"]);
        check("src/http/helpers/time.rs", "", &["`helpers` says nothing about what it does"]);
        check("src/telemetry.rs", "", &[]);
    }

    #[test]
    fn a_migration_is_named_by_its_moment() {
        let wrong = "a migration is named mYYYYMMDD_HHMMSS_what_it_does.rs";
        let migration = "impl MigrationTrait for Migration {}";
        check("migrations/src/m20260103_091500_add_restore_readings.rs", migration, &[]);
        check("migrations/src/m2026_add.rs", migration, &[wrong]);
        check("migrations/src/readings.rs", migration, &[wrong]);
        check("migrations/src/lib.rs", "fn migrations() -> Vec<Box<dyn MigrationTrait>> {}", &[]);
    }
}
