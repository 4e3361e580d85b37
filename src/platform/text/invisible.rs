//! What of a text is not seen: left out where it shapes nothing, kept where scripts and emoji need it, bounded everywhere.

use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

/// Most marks upon one letter: more than any script stacks, and too few to run over the lines around.
const MAX_MARKS: usize = 6;
/// How deep marks of direction go.
const MAX_DEPTH: usize = 8;

const ZERO_WIDTH_SPACE: char = '\u{200B}';
const BLACK_FLAG: char = '\u{1F3F4}';

/// Whether anything is drawn for a character by itself.
pub(super) fn is_seen(c: char) -> bool {
    let is_blank = matches!(c, '\u{2800}' | '\u{FFFC}' | '\u{1D159}');
    !(c.is_whitespace() || c.is_control() || is_blank || is_ignorable(c) || is_combining_mark(c))
}

/// Default_Ignorable_Code_Point of the Unicode Character Database: where a font does not know it, nothing is shown.
pub(super) fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Leaves out what nobody sees. In a text of several lines, marks of direction stay, each closed on its line; a single line
/// stands among words of others, and does without.
pub(super) fn tidy(text: &str, is_block: bool) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut tidied = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            tidied.push('\n');
        }
        Line { kept: &mut tidied, is_block, open: Vec::new(), base: None, last: ' ', marks: 0 }.tidy(line);
    }
    tidied
}

struct Line<'a> {
    kept: &'a mut String,
    is_block: bool,
    /// What closes the marks of direction that are open.
    open: Vec<char>,
    /// The character that marks and joiners belong to; none at the beginning and after a space.
    base: Option<char>,
    /// What was kept last.
    last: char,
    /// How many marks the base has.
    marks: usize,
}

impl Line<'_> {
    fn tidy(mut self, line: &str) {
        for c in line.chars() {
            if self.keeps(c) {
                self.kept.push(c);
                self.last = c;
            }
        }
        self.kept.extend(self.open.iter().rev());
    }

    fn keeps(&mut self, c: char) -> bool {
        match c {
            '\u{202A}' | '\u{202B}' => self.opens('\u{202C}'),
            '\u{2066}'..='\u{2068}' => self.opens('\u{2069}'),
            '\u{202C}' | '\u{2069}' => self.open.pop_if(|closing| *closing == c).is_some(),
            // Left-to-right, right-to-left and Arabic letter mark: a direction and no more.
            '\u{200E}' | '\u{200F}' | '\u{61C}' => self.last != c,
            '\u{200C}' | '\u{200D}' => !is_joiner(self.last) && self.base.is_some_and(has_joins),
            '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' => self.base.is_some() && !is_selector(self.last),
            '\u{E0020}'..='\u{E007F}' => self.base == Some(BLACK_FLAG),
            // Where lines may be broken in scripts without spaces.
            ZERO_WIDTH_SPACE => self.is_block && self.last != c && self.base.is_some_and(|base| !base.is_ascii()),
            c if is_ignorable(c) => false,
            c if is_combining_mark(c) => {
                self.marks += 1;
                self.base.is_some() && self.marks <= MAX_MARKS
            }
            c => {
                self.base = Some(c).filter(|c| !c.is_whitespace());
                self.marks = 0;
                true
            }
        }
    }

    fn opens(&mut self, closing: char) -> bool {
        let is_kept = self.is_block && self.open.len() < MAX_DEPTH;
        if is_kept {
            self.open.push(closing);
        }
        is_kept
    }
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Whether joiners change how a character is drawn: in scripts whose letters join, and between emoji.
fn has_joins(c: char) -> bool {
    match c.script() {
        Script::Latin
        | Script::Greek
        | Script::Cyrillic
        | Script::Armenian
        | Script::Georgian
        | Script::Hebrew
        | Script::Han
        | Script::Hiragana
        | Script::Katakana
        | Script::Bopomofo
        | Script::Hangul
        | Script::Thai
        | Script::Lao
        | Script::Ethiopic
        | Script::Cherokee => false,
        Script::Common => c >= '\u{2190}',
        _ => true,
    }
}
