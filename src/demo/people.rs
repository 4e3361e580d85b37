//! The people of the demo.

use crate::entity::user::UserKind;

/// A person of the demo; all sign in with [`crate::demo::PASSWORD`].
pub(super) struct Person {
    /// User name; the e-mail address is this at example.org.
    pub(super) username: &'static str,
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    /// What they mainly do.
    pub(super) kind: UserKind,
    /// `en` or `ar`.
    pub(super) locale: &'static str,
    pub(super) bio: &'static str,
}

use UserKind::{Artist, Customer, Store};

/// Everybody, in the order in which they joined.
pub(super) const PEOPLE: &[Person] = &[
    Person {
        username: "amina",
        first: "Amina",
        last: "Haddad",
        kind: Artist,
        locale: "en",
        bio: "Potter. Cups, bowls and the occasional very large jar, all from one small kiln behind the house.",
    },
    Person {
        username: "omar",
        first: "Omar",
        last: "Said",
        kind: Customer,
        locale: "ar",
        bio: "أحب كل ما تصنعه اليد، وأشتري الهدايا من صانعيها لا من الرفوف.",
    },
    Person {
        username: "layla",
        first: "ليلى",
        last: "منصور",
        kind: Artist,
        locale: "ar",
        bio: "مطرّزة. أتعلّم الغرز القديمة من جدتي وأضعها على أثواب وحقائب جديدة.",
    },
    Person {
        username: "sofia",
        first: "Sofia",
        last: "Marchetti",
        kind: Customer,
        locale: "en",
        bio: "I organise the Harbour Street craft market. Ask me about tables, tents and rain plans.",
    },
    Person {
        username: "grace",
        first: "Grace",
        last: "Bennett",
        kind: Artist,
        locale: "en",
        bio: "Handweaver and dyer. Wool, linen, and whatever grows along the lane.",
    },
    Person {
        username: "khalid_books",
        first: "خالد",
        last: "الزين",
        kind: Store,
        locale: "ar",
        bio: "كتب مستعملة في حالة جيدة، وكرسيّ مريح لمن يريد أن يقرأ قبل أن يشتري.",
    },
    Person {
        username: "tomas",
        first: "Tomas",
        last: "Lind",
        kind: Artist,
        locale: "en",
        bio: "Chairs, benches and spoons from local oak and ash. I answer slowly when the glue is wet.",
    },
    Person {
        username: "mariam",
        first: "مريم",
        last: "شاهين",
        kind: Artist,
        locale: "ar",
        bio: "أصنع الصابون بزيت الزيتون والغار على الطريقة الباردة، دفعةً صغيرة كل أسبوع.",
    },
    Person {
        username: "yusuf",
        first: "Yusuf",
        last: "Karim",
        kind: Store,
        locale: "en",
        bio: "Olive oil, spices and dried fruit from eleven family farms. Every bottle carries the name of its grove.",
    },
    Person {
        username: "noura",
        first: "نورة",
        last: "العتيبي",
        kind: Customer,
        locale: "ar",
        bio: "أكتب عن الأسواق الصغيرة وأهلها، وأجمع الأكواب التي لا يشبه أحدها الآخر.",
    },
    Person {
        username: "dar_alward",
        first: "دار",
        last: "الورد",
        kind: Store,
        locale: "ar",
        bio: "متجر عائلي لماء الورد والمربّيات. نقطف عند الفجر ونقطّر في اليوم نفسه.",
    },
    Person {
        username: "ben_oakley",
        first: "Ben",
        last: "Oakley",
        kind: Customer,
        locale: "en",
        bio: "I run the repair café on Thursdays. Bring the toaster, stay for the tea.",
    },
];
