//! A disk that is really full: `cargo test --test it full_disk`. It mounts one of its own, which needs the right to.

use std::{path::PathBuf, process::Command};

use serde_json::{Value, json};

use super::{Folder, KEY, Serving};

/// A small disk in memory.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: &Folder, size: &str) -> Option<Self> {
        let place = folder.0.join("disk");
        std::fs::create_dir_all(&place).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "agora-test"]).arg(&place).output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self(place))
    }

    fn grow(&self, size: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// What came of a post.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Acknowledged,
    Refused,
    Unknown,
}

async fn publish(serving: &Serving, token: &str, length: usize) -> Outcome {
    let query = "mutation($body: String!) { postCreate(input: { body: $body }) { post { id } errors { code } } }";
    let answer = serving.send(Some(token), query, json!({ "body": "x".repeat(length) })).await.unwrap();
    let Some(error) = answer["errors"].get(0) else {
        assert!(answer["data"]["postCreate"]["post"]["id"].is_string(), "{answer}");
        return Outcome::Acknowledged;
    };
    assert_eq!(error["extensions"]["code"], "UNAVAILABLE", "{answer}");
    if error["extensions"]["outcome"] == "unknown" { Outcome::Unknown } else { Outcome::Refused }
}

#[tokio::test]
async fn what_is_acknowledged_around_a_full_disk_is_there_after_a_sudden_end() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(&folder, "8m") else {
        eprintln!("skipped: needs the right to mount a disk");
        return;
    };
    let url = format!("sqlite://{}", disk.0.join("agora.db").display());
    let settings = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let serving = Serving::start(&settings);
    let token = serving.register("amina").await;
    let (mut acknowledged, mut unknown, mut refused) = (0, 0, 0);
    let mut count = |outcome| match outcome {
        Outcome::Acknowledged => acknowledged += 1,
        Outcome::Unknown => unknown += 1,
        Outcome::Refused => refused += 1,
    };
    let mut failed = 0;
    for _ in 0..2000 {
        let outcome = publish(&serving, &token, 9000).await;
        failed += u32::from(outcome != Outcome::Acknowledged);
        count(outcome);
        if failed == 20 {
            break;
        }
    }
    assert_eq!(failed, 20, "the disk never was full");
    disk.grow("32m");
    for _ in 0..30 {
        let outcome = publish(&serving, &token, 100).await;
        assert_eq!(outcome, Outcome::Acknowledged, "there is room again");
        count(outcome);
    }
    serving.kill();

    let serving = Serving::start(&settings);
    let posts =
        serving.ok(None, "{ posts { totalCount } }", Value::Null).await["posts"]["totalCount"].as_i64().unwrap();
    eprintln!("{acknowledged} acknowledged, {refused} refused, {unknown} unknown, {posts} stored");
    assert!((acknowledged..=acknowledged + unknown).contains(&posts), "{acknowledged} and {unknown}: {posts}");
}
