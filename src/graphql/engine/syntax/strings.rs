//! What a string of a document means: escapes, and the indentation of block strings.

/// The value of what stands between quotation marks; or what is wrong with it.
///
/// `\u{1F600}` is in the specification since 2025, and a pair of surrogates stands for one character.
pub(super) fn value(raw: &str) -> Result<String, String> {
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, behind)) = rest.split_once('\\') {
        value.push_str(plain);
        let (character, length) = escape(behind).ok_or_else(|| {
            let shown: String = behind.chars().take(6).collect();
            format!("\\{shown} is not an escape")
        })?;
        value.push(character);
        rest = &behind[length..];
    }
    value.push_str(rest);
    Ok(value)
}

/// The character that an escape stands for, and how many bytes behind the backslash belong to it.
fn escape(behind: &str) -> Option<(char, usize)> {
    let character = match behind.as_bytes().first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(&behind[1..]).map(|(character, length)| (character, length + 1)),
        _ => return None,
    };
    Some((character, 1))
}

/// The same behind `\u`.
fn unicode(behind: &str) -> Option<(char, usize)> {
    if let Some(open) = behind.strip_prefix('{') {
        let (digits, _) = open.split_once('}')?;
        return Some((char::from_u32(hexadecimal(digits)?)?, digits.len() + 2));
    }
    let first = hexadecimal(behind.get(..4)?)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, 4));
    }
    let second = hexadecimal(behind[4..].strip_prefix("\\u")?.get(..4)?)?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)?, 10))
}

fn hexadecimal(digits: &str) -> Option<u32> {
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    all.then(|| u32::from_str_radix(digits, 16).ok())?
}

/// The value of what stands between three quotation marks: without the common indentation, and without empty lines at
/// its beginning and end (`BlockStringValue`).
pub(super) fn block_value(raw: &str) -> String {
    let raw = raw.replace("\\\"\"\"", "\"\"\"").replace("\r\n", "\n").replace('\r', "\n");
    let indentation = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let is_blank = |line: &str| indentation(line) == line.len();
    let common = raw.split('\n').skip(1).filter(|line| !is_blank(line)).map(indentation).min().unwrap_or(0);
    let lines: Vec<&str> = raw
        .split('\n')
        .enumerate()
        .map(|(number, line)| if number == 0 { line } else { line.get(common..).unwrap_or_default() })
        .collect();
    let first = lines.iter().position(|line| !is_blank(line)).unwrap_or(lines.len());
    let behind = lines.iter().rposition(|line| !is_blank(line)).map_or(first, |last| last + 1);
    lines[first..behind].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape_stands_for_its_character() {
        for (raw, expected) in [
            ("plain", "plain"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u00e9 \u{e9} \u{00000E9}", "é é é"),
            (r"\u{1F600}\uD83D\uDE00", "😀😀"),
            (r"a\u{10FFFF}b", "a\u{10ffff}b"),
        ] {
            assert_eq!(value(raw).unwrap(), expected, "{raw}");
        }
        for wrong in [
            r"\x",
            r"\u12",
            r"\u12é0",
            r"\u{}",
            r"\u{110000}",
            r"\u{d800}",
            r"\ud800",
            r"\ud800\u0041",
            r"\udc00",
            r"\u{1",
            r"\u{+41}",
            r"\u+041",
            r"\'",
        ] {
            assert!(value(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn block_strings_lose_their_common_indentation() {
        for (raw, expected) in [
            ("", ""),
            ("\r\n", ""),
            ("abc", "abc"),
            ("  abc\n  def", "  abc\ndef"),
            ("line 1\r\n   line 2\n     line 3\r    line 4", "line 1\nline 2\n  line 3\n line 4"),
            ("\n    a\n\n  \tb\n \n  ", " a\n\nb"),
            (r#"say \"""hello\""""#, "say \"\"\"hello\"\"\""),
        ] {
            assert_eq!(block_value(raw), expected, "{raw:?}");
        }
    }
}
