//! How the program is told what to do, and what it says when it is told wrong: settings, arguments, checks.

use std::path::Path;

use super::{Folder, KEY};
use crate::harness::database;

#[test]
fn a_wrong_configuration_is_told_at_once_and_ends_with_2() {
    let folder = Folder::new();
    let environment = [
        ("PORT", "seventy-thousand"),
        ("DATABASE_URL", "mysql://root:s3cret-password@host/db"),
        ("SECRET_KEY", "s3cret-key"),
        ("RATE_LIMIT_ANON", "fast"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("LIMIT_DEPTH", "-1"),
    ];
    for arguments in [&[][..], &["serve"], &["worker"], &["check"], &["migrate", "up"], &["jobs", "list"]] {
        let ended = folder.run(arguments, &environment);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.out, "");
        let lines: Vec<&str> = ended.err.lines().collect();
        assert_eq!(lines[0], "agora: the configuration has 6 problem(s):", "{}", ended.err);
        assert_eq!(lines.len(), 7, "{}", ended.err);
        for (name, value) in environment {
            assert!(
                lines[1..].iter().any(|line| line.trim().starts_with(&format!("{name}: "))),
                "{name}: {}",
                ended.err
            );
            assert!(!ended.err.contains(value), "{}", ended.err);
        }
        assert!(!ended.err.contains("s3cret"), "{}", ended.err);
    }
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0, "something was written");
}

#[test]
fn production_without_its_settings_does_not_start() {
    let folder = Folder::new();
    let ended = folder.run(&["serve"], &[("AGORA_ENV", "production"), ("DEMO_DATA", "true")]);
    assert_eq!(ended.code, Some(2));
    for name in ["SECRET_KEY", "PUBLIC_URL", "FRONTEND_URL", "DEMO_DATA"] {
        assert!(ended.err.contains(&format!("  {name}: ")), "{name}: {}", ended.err);
    }
}

#[test]
fn a_file_beside_the_program_configures_it_and_the_environment_wins() {
    let folder = Folder::new();
    std::fs::write(folder.0.join(".env"), "PORT=nonsense\nLIMIT_DEPTH=nonsense\n").unwrap();
    let ended = folder.run(&["check"], &[("PORT", "0")]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("LIMIT_DEPTH: ") && !ended.err.contains("PORT: "), "{}", ended.err);
    std::fs::write(folder.0.join(".env"), "LIMIT DEPTH = 'nonsense\n").unwrap();
    let ended = folder.run(&["check"], &[]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains(".env"), "{}", ended.err);
}

#[test]
fn arguments_that_are_none_end_with_2_and_help_with_0() {
    let folder = Folder::new();
    for arguments in [&["nothing"][..], &["migrate"], &["migrate", "sideways"], &["admin", "create"], &["serve", "--x"]]
    {
        let ended = folder.run(arguments, &[]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments:?}");
    }
    let help = folder.run(&["--help"], &[]);
    assert_eq!(help.code, Some(0));
    for word in ["serve", "worker", "migrate", "seed", "schema", "admin", "jobs", "ledger", "check"] {
        assert!(help.out.contains(word), "{word}: {}", help.out);
    }
    let version = folder.run(&["--version"], &[]);
    assert_eq!(version.out.trim(), format!("agora {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_schema_is_printed_whatever_the_configuration() {
    let ended = Folder::new().run(&["schema"], &[("PORT", "nonsense")]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let written = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql")).unwrap();
    assert!(ended.out == written, "agora schema and schema.graphql differ");
    let strict = Folder::new().run(&["schema", "--nullability", "strict"], &[("PORT", "nonsense")]);
    assert_eq!((strict.code, strict.err.as_str()), (Some(0), ""));
    assert!(strict.out == agora::graphql::engine::contract::strict(&written), "{}", strict.out);
}

#[test]
fn whoever_has_read_enough_of_what_is_printed_is_left_alone() {
    let folder = Folder::new();
    let mut child = folder.program(&["schema"], &[]).spawn().unwrap();
    // As `head` does: gone before the end.
    drop(child.stdout.take());
    let err = super::gather(child.stderr.take().unwrap());
    assert_eq!(super::wait(&mut child), Some(0));
    assert_eq!(err.join().unwrap(), "");
}

#[test]
fn names_in_the_file_that_are_mistyped_are_told() {
    let folder = Folder::new();
    std::fs::write(folder.0.join(".env"), "DATABSE_URL=sqlite://x.db\nNODE_ENV=production\nLIMIT_WIDTH=3\n").unwrap();
    let ended = folder.run(&["check"], &[("SECRET_KEY", KEY)]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let warned: Vec<&str> = ended.out.lines().filter(|line| line.starts_with("warn")).collect();
    assert_eq!(warned.len(), 2, "{}", ended.out);
    assert!(warned[0].contains("DATABSE_URL") && warned[0].contains(" DATABASE_URL may be meant"), "{warned:?}");
    assert!(warned[1].contains("LIMIT_WIDTH") && !ended.out.contains("NODE_ENV"), "{}", ended.out);
}

#[test]
fn what_an_operator_has_got_wrong_is_told_with_its_place_and_is_no_internal_error() {
    let folder = Folder::new();
    let commands = [&["serve"][..], &["worker"], &["migrate", "up"], &["jobs", "list"]];
    let mut cases = Vec::new();
    for command in commands {
        // Where the key would be kept, beside the database, a folder is in the way.
        std::fs::create_dir(folder.0.join(format!("{}.secret", command[0]))).unwrap();
        // Nobody answers at the first, however long one waits. All run at once, so that each has a file of its own.
        cases.extend([
            (
                command,
                "postgres://agora:s3cret-password@127.0.0.1:1/shop".to_owned(),
                ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1"),
                "the database shop at 127.0.0.1:1 ",
            ),
            (
                command,
                "sqlite:///there/is/no/such/folder/agora.db".to_owned(),
                ("SECRET_KEY", KEY),
                "the folder /there/is/no/such/folder is not there",
            ),
            (command, format!("sqlite://{}.db", command[0]), ("SECRET_KEY", ""), ".secret"),
        ]);
    }
    let environments: Vec<_> = cases
        .iter()
        .map(|(_, url, more, _)| [("SECRET_KEY", KEY), ("PORT", "0"), ("DATABASE_URL", url.as_str()), *more])
        .collect();
    let runs: Vec<_> = cases.iter().zip(&environments).map(|(case, environment)| (case.0, &environment[..])).collect();
    for ((command, url, _, place), ended) in cases.iter().zip(folder.run_all(&runs)) {
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{command:?} {url}: {ended:?}");
        assert!(ended.err.contains(place), "{command:?} {url}: {}", ended.err);
        assert!(!ended.err.contains("internal error") && !ended.err.contains("s3cret"), "{}", ended.err);
    }
}

#[test]
fn trusted_documents_that_are_none_are_told_with_their_file_and_nothing_is_begun() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("web.json"), "{ \"x\": \"{ me {\" }").unwrap();
    let environment = [("SECRET_KEY", KEY), ("PORT", "0"), ("TRUSTED_DOCUMENTS", "web.json, app.json")];
    for (command, prefix) in [("serve", ""), ("check", "fail")] {
        let ended = folder.run(&[command], &environment);
        assert_eq!(ended.code, Some(1), "{command}: {ended:?}");
        let said = format!("{}{}", ended.out, ended.err);
        for file in ["web.json", "app.json"] {
            let told = |line: &str| line.starts_with(prefix) && line.contains(&format!("TRUSTED_DOCUMENTS: {file}: "));
            assert!(said.lines().any(told), "{command}: {said}");
        }
        assert!(!said.contains("Agora serves"), "{said}");
    }
    std::fs::write(folder.0.join("web.json"), "{ \"x\": \"{ me { id } }\" }").unwrap();
    let ended = folder.run(&["check"], &[("SECRET_KEY", KEY), ("TRUSTED_DOCUMENTS", "web.json")]);
    assert!(ended.code == Some(0) && ended.out.contains("ok    TRUSTED_DOCUMENTS (1)"), "{ended:?}");
    let ended = folder.run(&["check"], &[("SECRET_KEY", KEY), ("TRUSTED_DOCUMENTS", ",")]);
    assert!(ended.code == Some(2) && ended.err.contains("TRUSTED_DOCUMENTS: expected files"), "{ended:?}");
}

#[tokio::test]
async fn check_tells_each_service_and_ends_with_0_or_1() {
    let folder = Folder::new();
    let database = database::create_empty().await;
    let url = database.url();
    let kind = if database.postgres_url().is_some() { "PostgreSQL" } else { "SQLite" };
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let ended = folder.run(&["check"], &environment);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines[0], "ok    configuration (Development)");
    assert!(lines[1].starts_with(&format!("ok    database ({kind}, ")), "{}", ended.out);
    assert!(lines[1].ends_with("migration(s) pending)") && !lines[1].contains(" 0 "), "{}", ended.out);
    assert_eq!(folder.run(&["migrate", "up"], &environment).code, Some(0));
    let ended = folder.run(&["check"], &environment);
    assert!(ended.out.contains(&format!("ok    database ({kind}, 0 migration(s) pending)")), "{}", ended.out);

    let nowhere = [
        "postgres://agora:s3cret-password@127.0.0.1:1/agora",
        "sqlite:///there/is/no/such/folder/agora.db",
        "postgres://agora:s3cret-password@name.invalid/agora",
    ];
    let (check, soon) = (["check"], ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1"));
    let environments = nowhere.map(|url| [("DATABASE_URL", url), ("SECRET_KEY", KEY), soon]);
    let runs: Vec<_> = environments.iter().map(|environment| (&check[..], &environment[..])).collect();
    for (bad, ended) in nowhere.iter().zip(folder.run_all(&runs)) {
        assert_eq!(ended.code, Some(1), "{bad}: {ended:?}");
        let lines: Vec<&str> = ended.out.lines().collect();
        assert_eq!(lines[0], "ok    configuration (Development)");
        assert!(lines[1].starts_with("fail  database ("), "{}", ended.out);
        assert!(lines[1].len() > "fail  database (PostgreSQL): ".len(), "{}", ended.out);
        assert!(!format!("{}{}", ended.out, ended.err).contains("s3cret"), "{ended:?}");
    }
}
