//! Ids as clients see them: a prefix, an underscore, and the UUID as 26 letters of Crockford's base 32.
//! Written for speed, apart from Agora's own, so that the equality check also compares the two.

use uuid::Uuid;

const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

const VALUES: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut place = 0;
    while place < 32 {
        values[LETTERS[place] as usize] = place as u8;
        place += 1;
    }
    values
};

/// Appends `prefix_…`.
pub(crate) fn write(out: &mut Vec<u8>, prefix: &str, id: Uuid) {
    out.extend_from_slice(prefix.as_bytes());
    out.push(b'_');
    let mut number = id.as_u128();
    let mut letters = [0; 26];
    for letter in letters.iter_mut().rev() {
        *letter = LETTERS[(number & 31) as usize];
        number >>= 5;
    }
    out.extend_from_slice(&letters);
}

/// `prefix_…` as a text.
pub(crate) fn text(prefix: &str, id: Uuid) -> String {
    let mut out = Vec::with_capacity(prefix.len() + 27);
    write(&mut out, prefix, id);
    String::from_utf8_lossy(&out).into_owned()
}

/// The UUID in a text that starts with this prefix.
pub(crate) fn read(prefix: &str, text: &str) -> Option<Uuid> {
    let letters = text.strip_prefix(prefix)?.strip_prefix('_')?.as_bytes();
    if letters.len() != 26 || letters[0] > b'7' {
        return None;
    }
    let mut number = 0;
    for letter in letters {
        let value = VALUES[usize::from(*letter)];
        if value == u8::MAX {
            return None;
        }
        number = (number << 5) | u128::from(value);
    }
    Some(Uuid::from_u128(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_of_the_specification_goes_both_ways() {
        let id = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);
        assert_eq!(text("prefix", id), "prefix_01h455vb4pex5vsknk084sn02q");
        assert_eq!(read("prefix", "prefix_01h455vb4pex5vsknk084sn02q"), Some(id));
        for bad in ["prefix_81h455vb4pex5vsknk084sn02q", "other_01h455vb4pex5vsknk084sn02q", "prefix_01", "prefix_"] {
            assert_eq!(read("prefix", bad), None, "{bad}");
        }
    }
}
