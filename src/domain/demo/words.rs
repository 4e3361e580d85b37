//! Believable names and texts in two languages, made of phrases that fit together.
//!
//! Always holds: the search form of a text is the search forms of its phrases, one after the other, because phrases
//! meet at spaces. So each phrase is folded once, not each text.

use crate::platform::text;

/// Pseudo-random numbers: SplitMix64, from Steele, Lea and Flood, "Fast splittable pseudorandom number generators"
/// (OOPSLA 2014). Not for secrets.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The series of a seed and a number: neighbouring numbers give unrelated series.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut mixed = Self(seed ^ number.wrapping_mul(0x2545_F491_4F6C_DD1D));
        Self(mixed.next())
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// At least 0, less than 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Less than `end`, which is at least 1.
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// True `percent` times in a hundred.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A part of a text, and its search form.
#[derive(Debug)]
pub(super) struct Phrase {
    /// As it is read.
    pub(super) text: &'static str,
    /// As it is searched.
    pub(super) key: String,
}

fn phrases(texts: &[&'static str]) -> Vec<Phrase> {
    texts.iter().map(|text| Phrase { text, key: text::search_key(text) }).collect()
}

fn tags(texts: &[&'static str]) -> Vec<(Phrase, String)> {
    phrases(texts)
        .into_iter()
        .map(|phrase| {
            let tag = text::tag_key(phrase.text);
            (phrase, tag)
        })
        .collect()
}

/// What one language has to say.
#[derive(Debug)]
pub(super) struct Language {
    first_names: Vec<Phrase>,
    last_names: Vec<Phrase>,
    /// A sentence is one of each.
    sentence: [Vec<Phrase>; 4],
    reactions: &'static [&'static str],
    /// Each with the tag as it is stored.
    tags: Vec<(Phrase, String)>,
}

/// A made-up post.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// As it is read.
    pub(super) body: String,
    /// As it is searched.
    pub(super) search_key: String,
    /// The tags in it.
    pub(super) tags: Vec<String>,
}

impl Language {
    pub(super) fn english() -> Self {
        Self {
            first_names: phrases(&[
                "Adam", "Alice", "Anna", "Clara", "Daniel", "Elena", "Emil", "Felix", "Hannah", "Ivan", "Jonas",
                "Julia", "Karim", "Lena", "Lucas", "Maya", "Nadia", "Oscar", "Paula", "Rami", "Rosa", "Sam", "Tara",
                "Victor",
            ]),
            last_names: phrases(&[
                "Abbott", "Barker", "Carver", "Dyer", "Fisher", "Fletcher", "Gardener", "Harper", "Joiner", "Mason",
                "Miller", "Potter", "Sadler", "Shepherd", "Smith", "Tanner", "Thatcher", "Turner", "Weaver", "Wright",
            ]),
            sentence: [
                phrases(&[
                    "This morning I",
                    "After two failed tries I",
                    "Between two rain showers I",
                    "Last night I",
                    "For the first time I",
                    "With borrowed tools I",
                    "Slowly but surely I",
                    "On a quiet Sunday I",
                    "Before breakfast I",
                    "Against all advice I",
                    "With my daughter watching I",
                    "At last I",
                ]),
                phrases(&[
                    "finished",
                    "sold",
                    "repaired",
                    "wrapped",
                    "photographed",
                    "sketched",
                    "gave away",
                    "started over on",
                    "measured",
                    "delivered",
                    "tested",
                    "priced",
                    "packed",
                    "cleaned",
                    "found a buyer for",
                    "learned to make",
                ]),
                phrases(&[
                    "a walnut bench",
                    "three ash-glaze cups",
                    "the linen scarves",
                    "an old radio",
                    "a batch of olive soap",
                    "the market tables",
                    "a set of spoons",
                    "two wool blankets",
                    "a leather satchel",
                    "the rose jam",
                    "a willow basket",
                    "the copper lamp",
                    "a pair of felt slippers",
                    "twelve candles",
                    "the kiln shelves",
                    "a patchwork quilt",
                    "the children's puppets",
                    "a jar of dried figs",
                    "one very large bowl",
                    "the bookbinding press",
                    "a silver ring",
                    "the garden chairs",
                    "a woven rug",
                    "some honest bread",
                ]),
                phrases(&[
                    "for the weekend market.",
                    "with help from my neighbours.",
                    "and learned more than I planned.",
                    "in half the usual time.",
                    "for a wedding in the valley.",
                    "without a single crack.",
                    "just before the light went.",
                    "and the whole street came to look.",
                    "to reach our goal this month.",
                    "for the repair corner.",
                    "using what was left in the workshop.",
                    "and I would do it again.",
                    "at a fair price for everyone.",
                    "because somebody asked nicely.",
                    "in time for the holidays.",
                    "while the kettle boiled.",
                ]),
            ],
            reactions: &[
                "Beautiful work, as always.",
                "How long did that take you?",
                "Count me in.",
                "Where can I order one?",
                "My grandmother had one just like it.",
                "I shared this with the whole family.",
                "Is it still for sale?",
                "This made my day.",
                "Could you teach a class?",
                "See you at the market!",
                "The colour is perfect.",
                "I gave a little, wish it were more.",
                "Thank you for showing the steps.",
                "Does it come in blue?",
                "Worth every coin.",
                "You make it look easy.",
                "I tried that once and broke the handle.",
                "Please keep one for me.",
            ],
            tags: tags(&[
                "#pottery",
                "#weaving",
                "#woodwork",
                "#market",
                "#goals",
                "#tips",
                "#repair",
                "#handmade",
                "#workshop",
                "#thanks",
                "#leather",
                "#soap",
                "#garden",
                "#books",
            ]),
        }
    }

    pub(super) fn arabic() -> Self {
        Self {
            first_names: phrases(&[
                "أحمد",
                "آمنة",
                "إبراهيم",
                "باسل",
                "جميلة",
                "حسن",
                "رنا",
                "ريم",
                "زياد",
                "سلمى",
                "سمير",
                "طارق",
                "عائشة",
                "عماد",
                "فاطمة",
                "كريم",
                "لمى",
                "مازن",
                "منى",
                "نادر",
                "هالة",
                "هدى",
                "ياسر",
                "يوسف",
            ]),
            last_names: phrases(&[
                "الحدّاد",
                "النجّار",
                "الخيّاط",
                "الصبّاغ",
                "الفخّاري",
                "الورّاق",
                "العطّار",
                "الصائغ",
                "البنّاء",
                "الحلّاق",
                "النحّاس",
                "السقّا",
                "الحايك",
                "الطحّان",
                "الدبّاغ",
                "القصّاب",
                "الخطيب",
                "الشمّاع",
                "المصري",
                "الشامي",
            ]),
            sentence: [
                phrases(&[
                    "صباح اليوم",
                    "بعد محاولتين",
                    "في يوم هادئ",
                    "ليلة أمس",
                    "للمرة الأولى",
                    "بأدوات مستعارة",
                    "على مهل",
                    "قبل شروق الشمس",
                    "رغم المطر",
                    "مع ابنتي الصغيرة",
                    "بعد انتظار طويل",
                    "أخيرًا",
                ]),
                phrases(&[
                    "أنهيت",
                    "بعت",
                    "أصلحت",
                    "غلّفت",
                    "صوّرت",
                    "رسمت",
                    "أهديت",
                    "راجعت",
                    "قِست",
                    "سلّمت",
                    "جرّبت",
                    "سعّرت",
                    "جهّزت",
                    "نظّفت",
                    "عرضت",
                    "تعلّمت صنع",
                ]),
                phrases(&[
                    "مقعدًا من خشب الجوز",
                    "ثلاثة أكواب من الخزف",
                    "أوشحة الكتان",
                    "مذياعًا قديمًا",
                    "دفعة من صابون الزيتون",
                    "طاولات السوق",
                    "طقم ملاعق",
                    "بطانيتين من الصوف",
                    "حقيبة جلدية",
                    "مربّى الورد",
                    "سلّة من القش",
                    "المصباح النحاسي",
                    "خفًّا من اللبّاد",
                    "اثنتي عشرة شمعة",
                    "رفوف الفرن",
                    "لحافًا مرقّعًا",
                    "دمى الأطفال",
                    "مرطبان تين مجفّف",
                    "وعاءً كبيرًا",
                    "مكبس التجليد",
                    "خاتمًا من الفضة",
                    "كراسي الحديقة",
                    "بساطًا منسوجًا",
                    "خبزًا بيتيًّا",
                ]),
                phrases(&[
                    "لسوق نهاية الأسبوع.",
                    "بمساعدة الجيران.",
                    "وتعلّمت أكثر مما توقّعت.",
                    "في نصف الوقت المعتاد.",
                    "لعرس في القرية.",
                    "من دون أي خدش.",
                    "قبل أن يغيب الضوء.",
                    "فاجتمع أهل الحيّ ليروه.",
                    "كي نصل إلى هدفنا هذا الشهر.",
                    "لركن الإصلاح.",
                    "مما بقي في الورشة.",
                    "وسأعيد ذلك من جديد.",
                    "بسعر عادل للجميع.",
                    "لأن أحدًا طلب بلطف.",
                    "قبل موسم الأعياد.",
                    "بينما كان الشاي يغلي.",
                ]),
            ],
            reactions: &[
                "عمل جميل كعادتك.",
                "كم استغرق منك هذا؟",
                "أنا معكم.",
                "كيف أطلب واحدًا؟",
                "كان عند جدتي مثله تمامًا.",
                "شاركته مع العائلة كلها.",
                "هل ما زال معروضًا للبيع؟",
                "أسعدت يومي.",
                "هل تعلّمنا طريقتك؟",
                "نلتقي في السوق!",
                "اللون رائع.",
                "ساهمت بالقليل وليته أكثر.",
                "شكرًا لأنك شرحت الخطوات.",
                "هل يوجد بالأزرق؟",
                "يستحق ثمنه.",
                "تجعل الأمر يبدو سهلًا.",
                "جرّبت ذلك مرة وكسرت المقبض.",
                "احجز لي واحدًا من فضلك.",
            ],
            tags: tags(&[
                "#خزف",
                "#نسيج",
                "#خشب",
                "#سوق",
                "#أهداف",
                "#نصائح",
                "#إصلاح",
                "#صناعة_يدوية",
                "#ورشة",
                "#شكر",
                "#جلد",
                "#صابون",
                "#حديقة",
                "#كتب",
            ]),
        }
    }

    /// First and last name.
    pub(super) fn name(&self, dice: &mut Dice) -> (&Phrase, &Phrase) {
        (dice.pick(&self.first_names), dice.pick(&self.last_names))
    }

    /// A post of one to six sentences, now and then with tags.
    pub(super) fn post(&self, dice: &mut Dice) -> Text {
        let mut text =
            Text { body: String::with_capacity(256), search_key: String::with_capacity(256), tags: Vec::new() };
        for _ in 0..=dice.below(6) {
            self.sentence(dice, &mut text);
        }
        for _ in 0..dice.below(4) {
            let (phrase, tag) = dice.pick(&self.tags);
            if !text.tags.contains(tag) {
                text.add(phrase);
                text.tags.push(tag.clone());
            }
        }
        text
    }

    /// A comment: a reaction, and sometimes a sentence after it.
    pub(super) fn comment(&self, dice: &mut Dice) -> String {
        let mut body = (*dice.pick(self.reactions)).to_owned();
        if dice.chance(30) {
            for part in &self.sentence {
                body.push(' ');
                body.push_str(dice.pick(part).text);
            }
        }
        body
    }

    fn sentence(&self, dice: &mut Dice, text: &mut Text) {
        for part in &self.sentence {
            text.add(dice.pick(part));
        }
    }
}

impl Text {
    fn add(&mut self, phrase: &Phrase) {
        if !self.body.is_empty() {
            self.body.push(' ');
            self.search_key.push(' ');
        }
        self.body.push_str(phrase.text);
        self.search_key.push_str(&phrase.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::posts::{MAX_COMMENT, MAX_POST, MAX_TAGS};

    #[test]
    fn a_made_up_text_is_what_a_command_would_have_stored() {
        for language in [Language::english(), Language::arabic()] {
            for number in 0..500 {
                let mut dice = Dice::new(7, number);
                let made = language.post(&mut dice);
                assert_eq!(text::block("body", &made.body, MAX_POST).unwrap(), made.body);
                assert_eq!(text::search_key(&made.body), made.search_key);
                assert_eq!(text::tags(&made.body, MAX_TAGS), made.tags);
                let comment = language.comment(&mut dice);
                assert_eq!(text::block("body", &comment, MAX_COMMENT).unwrap(), comment);
                let (first, last) = language.name(&mut dice);
                let name = format!("{} {}", first.text, last.text);
                assert_eq!(text::line("name", &name, 50).unwrap(), name);
                assert_eq!(text::search_key(&name), format!("{} {}", first.key, last.key));
            }
        }
    }

    #[test]
    fn dice_are_repeatable_and_stay_within_bounds() {
        let (mut one, mut same) = (Dice::new(1, 2), Dice::new(1, 2));
        for _ in 0..1000 {
            assert!(one.below(7) < 7);
            same.below(7);
            let unit = one.unit();
            assert!((0.0..1.0).contains(&unit));
            assert_eq!(unit.to_bits(), same.unit().to_bits());
        }
        assert_ne!(Dice::new(1, 2).next(), Dice::new(1, 3).next());
    }
}
