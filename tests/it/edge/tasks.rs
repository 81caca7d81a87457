//! The tasks of `docs/api/tasks.md`, run as they stand there.

use std::process::{Command, Stdio};

use hub_testkit::hub::{HubProcess, PASSWORD};

/// Each block of bash under a heading, with the heading.
fn blocks() -> Vec<(String, String)> {
    let page = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api/tasks.md"),
    )
    .unwrap();
    let mut blocks = Vec::new();
    let (mut heading, mut block) = (String::new(), None::<String>);
    for line in page.lines() {
        match (&mut block, line) {
            (None, "```bash") => block = Some(String::new()),
            (Some(text), "```") => {
                blocks.push((heading.clone(), std::mem::take(text)));
                block = None;
            }
            (Some(text), line) => text.push_str(&format!("{line}\n")),
            (None, line) => {
                if let Some(title) = line.strip_prefix("## ") {
                    title.clone_into(&mut heading);
                }
            }
        }
    }
    blocks
}

/// All blocks as one script that says before each what it is.
fn script(blocks: &[(String, String)]) -> String {
    let said = blocks.iter().map(|(heading, block)| format!("echo '## {heading}'\n{block}"));
    format!("set -euo pipefail\n{}", said.collect::<String>())
}

/// What was printed under a heading that begins so.
fn printed<'a>(output: &'a str, heading: &str) -> Vec<&'a str> {
    let begins = format!("## {heading}");
    let lines = output.lines().skip_while(|line| !line.starts_with(&begins)).skip(1);
    lines.take_while(|line| !line.starts_with("## ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tasks_of_the_reference_run_as_they_stand() {
    let hub = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).start().await.unwrap();
    let owner = hub.bootstrap("Edge").await.unwrap();
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(script(&blocks())).stdin(Stdio::null());
    bash.env("HUB", hub.url()).env("EMAIL", &owner.email).env("PASSWORD", PASSWORD);
    let done = tokio::task::spawn_blocking(move || bash.output()).await.unwrap().unwrap();
    let (output, errors) =
        (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{output}\n{errors}");

    assert_eq!(printed(&output, "1."), [owner.email.as_str()]);
    assert_eq!(printed(&output, "4."), ["1"]);
    assert_eq!(printed(&output, "5."), ["excursion"]);
    assert_eq!(printed(&output, "6."), ["1", "unit"]);
    assert_eq!(printed(&output, "7."), ["acknowledged"]);
    assert_eq!(printed(&output, "8.").len(), 1);
    assert_eq!(printed(&output, "9.").len(), 1);
    let data = printed(&output, "10.");
    assert_eq!((data.len(), data[0]), (3, "9.5"), "{output}");
    assert!(data[2].contains("9.5"), "{output}");
    assert_eq!(printed(&output, "And two more"), ["staff", "Health office"]);
}
