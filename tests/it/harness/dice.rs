//! Numbers that look random, the same for the same seed, and how long storms of them go on.

/// A series of numbers (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((number ^ (number >> 31)) % sides as u64) as usize
    }
}

/// Whether storms go on for minutes (`AGORA_LONG_TESTS=1`), and not only as long as one waits for a suite.
pub(crate) fn is_long() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test suite")]
    std::env::var("AGORA_LONG_TESTS").is_ok_and(|text| text == "1")
}

/// How many come at once where it must not matter how many: far more than are let in.
pub(crate) fn multitude() -> usize {
    if is_long() { 1000 } else { 200 }
}
