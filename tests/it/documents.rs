//! The documents for those who work on the program: the files that they name are there, and what they quote stands in them.

use std::{collections::BTreeSet, path::Path};

const DOCUMENTS: &[&str] = &["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];

/// What is made, and no part of the sources.
const LEFT_OUT: &[&str] = &[".git", "node_modules", "target"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file and folder below a folder, by its path from the root.
fn paths(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if LEFT_OUT.contains(&&*name) {
            continue;
        }
        found.insert(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
        if path.is_dir() {
            paths(&path, found);
        }
    }
}

/// What stands between backquotes, outside of blocks of code.
fn spans(document: &str) -> Vec<&str> {
    let mut is_code = false;
    let mut found = Vec::new();
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// Whether this is the path of a file or folder, and not one with a gap to be filled in.
fn is_path(span: &str) -> bool {
    let is_file = Path::new(span)
        .extension()
        .is_some_and(|extension| ["md", "rs", "toml"].iter().any(|known| extension == *known));
    (is_file || span.contains('/')) && span.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c))
}

/// The files that a document links to.
fn links(document: &str) -> Vec<&str> {
    let targets = document.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|file| !file.is_empty() && !file.contains("://")).collect()
}

#[test]
fn every_file_that_is_named_is_there() {
    let mut there = BTreeSet::new();
    paths(root(), &mut there);
    assert!(there.len() > 300, "the files were not found");
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let text = read(document);
        let mut named = spans(&text);
        named.retain(|span| is_path(span));
        assert!(named.len() > 10, "{document} names no files");
        for name in named.into_iter().chain(links(&text)) {
            let name = name.trim_end_matches('/');
            // By its end, where it is clear what is spoken of.
            let end = format!("/{name}");
            if !there.contains(name) && !there.iter().any(|path| path.ends_with(&end)) {
                missing.push(format!("{document}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// A block of code after a line `<!-- file -->` is of that file; what is left out between its lines may be.
#[test]
fn what_is_quoted_stands_in_its_file() {
    let mut quoted = 0;
    for document in DOCUMENTS {
        let text = read(document);
        for quote in text.split("<!-- ").skip(1) {
            let (file, rest) = quote.split_once(" -->").unwrap();
            let code = rest.split("```").nth(1).unwrap_or_else(|| panic!("{document}: no code of {file}"));
            let source = read(file);
            // The first line is the language.
            for line in code.lines().skip(1).map(str::trim) {
                assert!(source.contains(line), "{document}: not in {file}: {line}");
                quoted += 1;
            }
        }
    }
    assert!(quoted > 50, "the quotes were not found");
}
