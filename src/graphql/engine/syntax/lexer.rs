//! The text of a document as tokens (https://spec.graphql.org/draft/#sec-Language), counted while they are made.

use async_graphql::Pos;

use crate::{
    config::Limits,
    error::{Code, Refusal},
};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Punctuator(u8),
    /// `...`, in front of fragments.
    Spread,
    Name,
    Int,
    Float,
    /// In quotation marks, which it contains.
    String,
    /// In three quotation marks, which it contains.
    BlockString,
    /// What comes after the last token.
    End,
}

/// A piece of the text and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) at: Pos,
}

/// A syntax error with its place.
pub(super) fn error(at: Pos, message: impl std::fmt::Display) -> Refusal {
    let mut refusal = Refusal::new(Code::BadRequest, format!("Syntax error: {message}."));
    refusal.locations = vec![(at.line, at.column)];
    refusal
}

/// All tokens of the text, the last of them its end. Refuses what is over a limit before it looks at the grammar, so
/// that the parser, which recurses, never goes deeper than `nesting`.
pub(super) fn tokens(text: &str, limits: &Limits, nesting: u64) -> Result<Vec<Token>, Refusal> {
    within("length in bytes", limits.document_bytes as u64, text.len() as u64)?;
    let mut lexer = Lexer { text, at: 0, line: 1, column: 1, counted: 0 };
    let (mut tokens, mut count, mut depth, mut deepest) = (Vec::new(), 0_u64, 0_u64, 0_u64);
    // What the text goes on with behind a mistake is of interest to the limits only.
    let mut mistake = None;
    loop {
        let token = match lexer.next() {
            Ok(token) => token,
            Err(refusal) => {
                mistake.get_or_insert(refusal);
                count += 1;
                continue;
            }
        };
        match token.kind {
            Kind::End => {
                within("number of tokens", limits.tokens as u64, count)?;
                within("nesting", nesting, deepest)?;
                tokens.push(token);
                return mistake.map_or(Ok(tokens), Err);
            }
            Kind::Punctuator(b'(' | b'[' | b'{') => depth += 1,
            Kind::Punctuator(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        count += 1;
        deepest = deepest.max(depth);
        if count <= limits.tokens as u64 {
            tokens.push(token);
        }
    }
}

fn within(what: &'static str, limit: u64, requested: u64) -> Result<(), Refusal> {
    if requested > limit { Err(Refusal::over_limit(what, limit, requested)) } else { Ok(()) }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    /// The column of the byte `counted`.
    column: usize,
    counted: usize,
}

impl Lexer<'_> {
    /// The next token. A mistake is stepped over, so that whoever goes on comes to the end.
    fn next(&mut self) -> Result<Token, Refusal> {
        self.skip_ignored();
        let (start, at) = (self.at, self.place());
        let rest = &self.text.as_bytes()[start..];
        let kind = match rest {
            [] => Ok(Kind::End),
            [b'.', b'.', b'.', ..] => {
                self.at += 3;
                Ok(Kind::Spread)
            }
            [b'"', b'"', b'"', ..] => self.block_string(at),
            [b'"', ..] => self.string(at),
            [b'-' | b'0'..=b'9', ..] => self.number(at),
            [byte, ..] if is_name_start(*byte) => {
                self.at += length(rest, is_name);
                Ok(Kind::Name)
            }
            [byte @ (b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|' | b'}'), ..] => {
                self.at += 1;
                Ok(Kind::Punctuator(*byte))
            }
            _ => {
                let character = self.text[start..].chars().next().unwrap_or_default();
                self.at += character.len_utf8();
                Err(error(at, format!("unexpected character {character:?}")))
            }
        };
        kind.map(|kind| Token { kind, start, end: self.at, at })
    }

    /// White space, line ends, commas, comments, the byte order mark.
    fn skip_ignored(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'\n' | b'\r' => self.end_line(),
                b' ' | b'\t' | b',' => self.at += 1,
                b'#' => self.at += length(&bytes[self.at..], |byte| !matches!(byte, b'\n' | b'\r')),
                _ if bytes[self.at..].starts_with(BYTE_ORDER_MARK) => self.at += BYTE_ORDER_MARK.len(),
                _ => return,
            }
        }
    }

    /// Steps over the line end that stands here: `\n`, `\r` or both.
    fn end_line(&mut self) {
        self.at += if self.text[self.at..].starts_with("\r\n") { 2 } else { 1 };
        self.line += 1;
        (self.column, self.counted) = (1, self.at);
    }

    /// Counts on from where it counted last, so that a long line is walked through once.
    fn place(&mut self) -> Pos {
        self.column += self.text[self.counted..self.at].chars().count();
        self.counted = self.at;
        Pos { line: self.line, column: self.column }
    }

    fn number(&mut self, at: Pos) -> Result<Kind, Refusal> {
        let rest = &self.text.as_bytes()[self.at..];
        let digits = |from: usize| length(&rest[from..], |byte| byte.is_ascii_digit());
        let mut end = usize::from(rest[0] == b'-');
        let whole = digits(end);
        let mut well_formed = whole > 0 && (rest[end] != b'0' || whole == 1);
        end += whole;
        let mut kind = Kind::Int;
        if rest.get(end) == Some(&b'.') {
            kind = Kind::Float;
            let fraction = digits(end + 1);
            well_formed &= fraction > 0;
            end += 1 + fraction;
        }
        if let Some(b'e' | b'E') = rest.get(end) {
            kind = Kind::Float;
            end += 1 + usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let exponent = rest.get(end..).map_or(0, |rest| length(rest, |byte| byte.is_ascii_digit()));
            well_formed &= exponent > 0;
            end += exponent;
        }
        // A name or another number may not begin right behind it.
        let more = rest.get(end..).map_or(0, |rest| length(rest, |byte| is_name(byte) || byte == b'.'));
        self.at = (self.at + end + more).min(self.text.len());
        if well_formed && more == 0 { Ok(kind) } else { Err(error(at, "this is not a number")) }
    }

    fn string(&mut self, at: Pos) -> Result<Kind, Refusal> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(Kind::String);
                }
                b'\n' | b'\r' => break,
                b'\\' if matches!(bytes.get(self.at + 1), Some(b'"' | b'\\')) => self.at += 2,
                _ => self.at += 1,
            }
        }
        Err(error(at, "the string has no end"))
    }

    fn block_string(&mut self, at: Pos) -> Result<Kind, Refusal> {
        let bytes = self.text.as_bytes();
        self.at += 3;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'"' if bytes[self.at..].starts_with(b"\"\"\"") => {
                    self.at += 3;
                    return Ok(Kind::BlockString);
                }
                b'\\' if bytes[self.at..].starts_with(b"\\\"\"\"") => self.at += 4,
                b'\n' | b'\r' => self.end_line(),
                _ => self.at += 1,
            }
        }
        Err(error(at, "the string has no end"))
    }
}

/// White space, to GraphQL.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_name(byte: u8) -> bool {
    is_name_start(byte) || byte.is_ascii_digit()
}

/// How many bytes of one kind stand at the beginning.
fn length(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !belongs(*byte)).unwrap_or(bytes.len())
}
