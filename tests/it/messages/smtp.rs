//! A mail server of the tests' own that behaves as badly as it is told to.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Takes everything.
    Well,
    /// Hangs up at once.
    Dead,
    /// Takes the connection and says nothing.
    Silent,
    /// Answers every receiver with this.
    Answers(&'static str),
}

/// A message that it took.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    /// Of the envelope.
    pub from: String,
    /// Of the envelope.
    pub to: Vec<String>,
    /// Headers and body.
    pub data: String,
}

impl Taken {
    /// Name and value of each header, unfolded.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let head = self.data.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ").replace("\r\n\t", " ");
        head.lines()
            .map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
            .collect()
    }

    /// The value of a header that is there once.
    pub(crate) fn header(&self, name: &str) -> String {
        let mut found = self.headers().into_iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let value = found.next().unwrap_or_else(|| panic!("no {name}: {}", self.data)).1;
        assert!(found.next().is_none(), "{name} is there twice");
        value
    }

    /// The texts of its parts, as they were before they were encoded; of the encodings, those that occur are known.
    pub(crate) fn parts(&self) -> Vec<String> {
        let boundary = self.header("Content-Type").split("boundary=\"").nth(1).unwrap().replace('"', "");
        let mark = format!("--{boundary}");
        let inner = self.data.split(&mark).skip(1).filter(|part| !part.starts_with("--"));
        inner
            .map(|part| {
                let (head, body) = part.split_once("\r\n\r\n").unwrap();
                let body = body.trim_end_matches("\r\n");
                if head.contains("quoted-printable") { unquoted(body) } else { body.to_owned() }
            })
            .collect()
    }
}

/// Undoes quoted-printable (RFC 2045).
fn unquoted(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The server; it goes with the test's runtime.
pub(crate) struct Smtp {
    pub port: u16,
    state: Arc<State>,
}

struct State {
    mood: Mutex<Mood>,
    tries: AtomicU64,
    taken: Mutex<Vec<Taken>>,
}

impl Smtp {
    pub(crate) async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State { mood: Mutex::new(mood), tries: AtomicU64::new(0), taken: Mutex::new(Vec::new()) });
        let serving = Arc::clone(&state);
        #[expect(clippy::disallowed_methods, reason = "it is no task of the application")]
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                tokio::spawn(async move {
                    // Whoever hangs up in the middle is free to.
                    let _ = state.talk(stream).await;
                });
            }
        });
        Self { port, state }
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    /// How often somebody wanted to send something.
    pub(crate) fn tries(&self) -> u64 {
        self.state.tries.load(Ordering::SeqCst)
    }

    pub(crate) fn messages(&self) -> Vec<Taken> {
        self.state.taken.lock().unwrap().clone()
    }
}

impl State {
    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }

    async fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        match self.mood() {
            Mood::Dead => {
                self.tries.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            Mood::Silent => {
                self.tries.fetch_add(1, Ordering::SeqCst);
                return std::future::pending().await;
            }
            Mood::Well | Mood::Answers(_) => {}
        }
        writer.write_all(b"220 test ESMTP\r\n").await?;
        let (mut from, mut to) = (String::new(), Vec::new());
        loop {
            let line = read_line(&mut reader).await?;
            let word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
            let in_brackets = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let answer = match (word.as_str(), self.mood()) {
                ("", _) => return Ok(()),
                ("EHLO", _) => "250-test\r\n250 8BITMIME".to_owned(),
                ("MAIL", _) => {
                    from = in_brackets();
                    to = Vec::new();
                    "250 2.1.0 OK".to_owned()
                }
                ("RCPT", Mood::Answers(answer)) => {
                    self.tries.fetch_add(1, Ordering::SeqCst);
                    answer.to_owned()
                }
                ("RCPT", _) => {
                    self.tries.fetch_add(1, Ordering::SeqCst);
                    to.push(in_brackets());
                    "250 2.1.5 OK".to_owned()
                }
                ("DATA", _) => {
                    writer.write_all(b"354 Go on\r\n").await?;
                    let data = read_data(&mut reader).await?;
                    self.taken.lock().unwrap().push(Taken { from: from.clone(), to: to.clone(), data });
                    "250 2.0.0 Taken".to_owned()
                }
                ("QUIT", _) => {
                    writer.write_all(b"221 2.0.0 Bye\r\n").await?;
                    return Ok(());
                }
                _ => "250 2.0.0 OK".to_owned(),
            };
            writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
    }
}

async fn read_line(reader: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    reader.read_until(b'\n', &mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches("\r\n").to_owned())
}

/// Until a line with nothing but a dot; other lines lose the dot that was put before them.
async fn read_data(reader: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<String> {
    let mut data = String::new();
    loop {
        let line = read_line(reader).await?;
        if line == "." {
            return Ok(data);
        }
        data += line.strip_prefix('.').unwrap_or(&line);
        data += "\r\n";
    }
}
