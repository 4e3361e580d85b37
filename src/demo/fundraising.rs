//! What the people of the demo raise money for, as a script: who gave how much, what was said, and how it ended.

use crate::entity::goal::Funding;

/// A goal of the demo. Its owner is the author of its post.
pub(super) struct Goal {
    /// Key of the post that it hangs on.
    pub(super) post: &'static str,
    /// What is raised for.
    pub(super) title: &'static str,
    /// More about it.
    pub(super) story: &'static str,
    pub(super) category: &'static str,
    /// What is to be raised, in minor units.
    pub(super) target: i64,
    /// ISO 4217.
    pub(super) currency: &'static str,
    /// What happens when the target is not reached.
    pub(super) funding: Funding,
    /// How it stands.
    pub(super) end: End,
    /// What is suggested to give, in minor units.
    pub(super) suggested: &'static [i64],
    /// What was given, oldest first.
    pub(super) gifts: &'static [Gift],
    /// News: hours after the post, title, text.
    pub(super) news: &'static [(i64, &'static str, &'static str)],
}

/// How a goal of the demo stands.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// It goes on; with a deadline so many days after the demo is loaded, if any.
    Open(Option<i64>),
    /// It ended so many hours after the post.
    Ended(i64),
    /// It was called off so many hours after the post, for a reason.
    Cancelled(i64, &'static str),
}

/// What somebody of the demo gave.
pub(super) struct Gift {
    /// User name of the giver.
    pub(super) by: &'static str,
    /// Hours after the post.
    pub(super) after: i64,
    /// In minor units.
    pub(super) amount: i64,
    /// A few words; may be empty.
    pub(super) message: &'static str,
    /// Hidden from everybody, or from the goal's owner too.
    pub(super) hidden: Hidden,
    /// What is said to it: who, minutes afterwards, what.
    pub(super) comments: &'static [(&'static str, i64, &'static str)],
}

/// From whom a giver is hidden.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hidden {
    /// The giver is shown to everybody.
    No,
    /// All but the goal's owner.
    ButOwner,
    /// The giver is hidden from all, the goal's owner too.
    Yes,
}

const fn gift(by: &'static str, after: i64, amount: i64, message: &'static str) -> Gift {
    Gift { by, after, amount, message, hidden: Hidden::No, comments: &[] }
}

const GOAL: Goal = Goal {
    post: "",
    title: "",
    story: "",
    category: "",
    target: 0,
    currency: "USD",
    funding: Funding::Flexible,
    end: End::Open(None),
    suggested: &[],
    gifts: &[],
    news: &[],
};

/// Every goal, oldest first.
pub(super) const GOALS: &[Goal] = &[
    Goal {
        post: "autumn-market",
        title: "The autumn market on Harbour Street",
        story: "Table rent, one tent, and insurance. Every 30 pays for one maker's table for the whole day. If we pass the goal, the extra goes to a rain fund.",
        category: "community",
        target: 120_000,
        funding: Funding::Fixed,
        end: End::Ended(451),
        suggested: &[3_000, 6_000, 12_000],
        gifts: &[
            gift("ben_oakley", 2, 12_000, "Four tables from the repair café."),
            gift("grace", 5, 9_000, ""),
            Gift {
                comments: &[("sofia", 25, "That is the tent, Yusuf. Thank you!")],
                ..gift("yusuf", 26, 30_000, "For the tent. It always rains on the olives first.")
            },
            gift("tomas", 50, 6_000, "Sold my first bench there."),
            gift("noura", 71, 15_000, "لكل من يبيع ما صنعه بيده."),
            Gift { hidden: Hidden::ButOwner, ..gift("dar_alward", 98, 24_000, "") },
            gift("omar", 140, 12_000, ""),
            gift("mariam", 201, 3_000, "طاولة واحدة لصابوني، وأراكم هناك."),
            gift("amina", 290, 9_000, "Two tables for pots, one for whoever needs it."),
            gift("layla", 430, 4_000, ""),
        ],
        news: &[(
            194,
            "The plan is on the wall",
            "Forty-two tables, food along the river side, makers under the trees. Come to the hall and look for your number.",
        )],
        ..GOAL
    },
    Goal {
        post: "first-pressing",
        title: "A second tasting table",
        story: "So that nobody has to wait at the door on Saturday.",
        category: "food",
        target: 15_000,
        end: End::Cancelled(20, "The hall lent us a table, so nobody has to pay for one."),
        suggested: &[500, 1_000],
        ..GOAL
    },
    Goal {
        post: "soldering-station",
        title: "A soldering station for the repair café",
        story: "Since spring we have mended 312 things that were on their way to the tip, with an iron that two of us are afraid of.",
        category: "tools",
        target: 60_000,
        end: End::Ended(195),
        suggested: &[1_000, 2_500, 5_000],
        gifts: &[
            gift("tomas", 1, 7_500, "You mended my drill. Twice."),
            gift("amina", 3, 4_000, "From the kettle that lives again."),
            Gift {
                comments: &[
                    ("ben_oakley", 18, "Is it still holding, the lamp?"),
                    ("grace", 44, "It is. Do not tell it that I said so."),
                ],
                ..gift("grace", 4, 10_000, "For the lamp.")
            },
            gift("yusuf", 60, 15_000, ""),
            gift("sofia", 92, 8_500, "See you at the market, with a table of your own."),
            gift("omar", 130, 6_000, ""),
            Gift {
                hidden: Hidden::Yes,
                ..gift("khalid_books", 190, 9_000, "Somebody who is glad that you are there.")
            },
        ],
        ..GOAL
    },
    Goal {
        post: "sewing-machine",
        title: "ماكينة خياطة لورشة التطريز",
        story: "الورشة مجانية لبنات الحيّ كل سبت. نحتاج ماكينة مستعملة بحالة جيدة، وما زاد عن ثمنها نشتري به خيوطًا وقماشًا.",
        category: "تعليم",
        target: 80_000,
        funding: Funding::Fixed,
        end: End::Open(Some(9)),
        suggested: &[2_000, 5_000, 10_000],
        gifts: &[
            gift("mariam", 1, 10_000, "لأول فستان تخيطه البنات."),
            gift("noura", 2, 15_000, ""),
            gift("amina", 40, 6_000, "من فرن إلى ماكينة."),
            Gift {
                comments: &[("layla", 12, "شكرًا يا عمر! سلّم على الوالدة."), ("omar", 31, "تقول إنها تنتظر الحقيبة.")],
                ..gift("omar", 88, 10_000, "من أمي، وهي تسلّم عليكِ.")
            },
            gift("dar_alward", 150, 20_000, "من أهل الورد لأهل الإبرة."),
            Gift { hidden: Hidden::Yes, ..gift("khalid_books", 190, 9_000, "") },
            gift("sofia", 221, 5_000, "With love from the market."),
            gift("grace", 262, 5_000, "From one needle to another."),
        ],
        news: &[(265, "اكتمل المبلغ", "الماكينة تصل يوم الأحد، وأول درس بعدها بستة أيام. لا أعرف كيف أشكركم إلا بالعمل.")],
        ..GOAL
    },
    Goal {
        post: "reading-club",
        title: "كراسيّ لنادي القراءة",
        story: "نجلس الآن على صناديق الكتب. اثنا عشر كرسيًا مستعملًا من المدرسة القديمة، وإن لم نجمع ثمنها كاملًا عادت الأموال إلى أصحابها.",
        category: "كتب",
        target: 600_000,
        currency: "EGP",
        funding: Funding::Fixed,
        end: End::Open(Some(18)),
        suggested: &[10_000, 25_000, 50_000],
        gifts: &[
            gift("noura", 6, 100_000, "كرسيّان، ولن أجلس على واحد منهما."),
            gift("amina", 30, 25_000, ""),
            gift("dar_alward", 77, 75_000, "للقارئ كرسيّ وكوب ماء ورد."),
            Gift { hidden: Hidden::ButOwner, ..gift("mariam", 120, 30_000, "") },
            gift("omar", 200, 40_000, "على أن أختار كتاب الشهر القادم."),
        ],
        ..GOAL
    },
    Goal {
        post: "kiln-shelves",
        title: "Three new kiln shelves",
        story: "The old ones have carried eleven years of pots and are starting to bend. Whoever gives 20 or more gets a small dish from the first firing on the new ones.",
        category: "tools",
        target: 45_000,
        suggested: &[2_000, 5_000, 10_000],
        gifts: &[
            gift("grace", 1, 5_000, "For a dish in that green."),
            Gift {
                comments: &[("amina", 20, "The first dish is yours, Omar."), ("noura", 65, "والثاني لي!")],
                ..gift("omar", 12, 6_000, "كوب أمي ما زال سليمًا.")
            },
            Gift {
                hidden: Hidden::Yes,
                comments: &[("amina", 35, "Whoever you are: come and choose your dish.")],
                ..gift("noura", 31, 8_000, "From somebody with a shelf full of your cups.")
            },
            gift("sofia", 55, 4_000, ""),
            gift("tomas", 80, 2_000, "Shelves should be oak, but all right."),
            gift("ben_oakley", 118, 3_000, ""),
            gift("layla", 140, 3_000, "من ورشة إلى ورشة."),
        ],
        news: &[(
            146,
            "310 of 450",
            "The ash-glaze cups are all gone, and the next firing is in two weeks. Thank you, all of you.",
        )],
        ..GOAL
    },
    Goal {
        post: "weekend",
        title: "Two free places at the beginners' weekend",
        story: "For two people who would love to weave and can't pay for a course. If we don't reach it, everybody gets their money back.",
        category: "teaching",
        target: 18_000,
        funding: Funding::Fixed,
        end: End::Open(Some(6)),
        suggested: &[1_500, 3_000, 4_500],
        gifts: &[
            gift("sofia", 3, 4_500, "Half a place from the market."),
            gift("layla", 20, 3_000, "كنت يومًا مبتدئة."),
            gift("yusuf", 70, 1_500, ""),
        ],
        ..GOAL
    },
];
