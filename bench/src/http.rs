//! An HTTP/1.1 client that does as little as possible, so that it takes little from the cores that are measured:
//! one connection kept alive, one request at a time, the whole answer in one buffer.

use std::net::SocketAddr;

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::Result;

/// A connection to a server.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    body: Vec<u8>,
}

/// Where an answer's body ends.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024), body: Vec::new() })
    }

    /// Sends a request as made by [`get`] or [`post`]; gives status and body.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(place) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break place + 4;
            }
            self.read().await?;
        };
        let (status, framing) = head_of(&self.buffer[..head])?;
        match framing {
            Framing::Length(length) => {
                while self.buffer.len() < head + length {
                    self.read().await?;
                }
                Ok((status, &self.buffer[head..head + length]))
            }
            Framing::Chunked => {
                self.read_chunks(head).await?;
                Ok((status, &self.body))
            }
        }
    }

    async fn read(&mut self) -> Result<()> {
        self.buffer.reserve(16 * 1024);
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }

    async fn read_chunks(&mut self, mut place: usize) -> Result<()> {
        self.body.clear();
        loop {
            let line = loop {
                if let Some(length) = memmem::find(&self.buffer[place..], b"\r\n") {
                    break length;
                }
                self.read().await?;
            };
            let size = std::str::from_utf8(&self.buffer[place..place + line])?;
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
            place += line + 2;
            while self.buffer.len() < place + size + 2 {
                self.read().await?;
            }
            self.body.extend_from_slice(&self.buffer[place..place + size]);
            place += size + 2;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

fn head_of(head: &[u8]) -> Result<(u16, Framing)> {
    let head = std::str::from_utf8(head)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status line")?.parse()?;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            return Ok((status, Framing::Length(value.trim().parse()?)));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") && value.trim().eq_ignore_ascii_case("chunked") {
            return Ok((status, Framing::Chunked));
        }
    }
    Ok((status, Framing::Length(0)))
}

fn authorization(token: &str) -> String {
    if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") }
}

/// A GET request; without a token when it is empty.
pub(crate) fn get(address: SocketAddr, path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n{}\r\n", authorization(token))
        .into_bytes()
}

/// A POST request with a JSON body; an empty one has no body.
pub(crate) fn post(address: SocketAddr, path: &str, token: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n{}content-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        authorization(token),
        body.len()
    )
    .into_bytes()
}
