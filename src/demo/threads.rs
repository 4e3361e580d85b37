//! What the people of the demo wrote, as a script: oldest first, comments under their post, replies under their
//! comment. Times are days and hours before [`crate::demo::now`]; counters, tags and notifications are derived.

/// A post of the demo.
pub(super) struct Post {
    /// A name within the script, for posts that are shared or that a goal hangs on.
    pub(super) key: &'static str,
    /// User name of the author.
    pub(super) by: &'static str,
    /// Days before the last day, hour, minute.
    pub(super) at: (i64, u32, u32),
    /// The text; empty when deleted, or on a share without a text.
    pub(super) body: &'static str,
    /// Key of the post that it passes on.
    pub(super) shares: &'static str,
    /// User names of those who like it.
    pub(super) likes: &'static [&'static str],
    /// Changed by its author afterwards.
    pub(super) edited: bool,
    /// Deleted by its author afterwards.
    pub(super) deleted: bool,
    /// Answers, oldest first.
    pub(super) comments: &'static [Comment],
}

/// A comment of the demo, or a reply.
pub(super) struct Comment {
    /// User name of the author.
    pub(super) by: &'static str,
    /// Minutes after the post, or after the comment that it replies to.
    pub(super) after: i64,
    /// The text; empty when deleted.
    pub(super) body: &'static str,
    /// User names of those who like it.
    pub(super) likes: &'static [&'static str],
    /// Changed by its author afterwards.
    pub(super) edited: bool,
    /// Deleted by its author afterwards.
    pub(super) deleted: bool,
    /// Replies, oldest first.
    pub(super) replies: &'static [Comment],
}

const fn post(by: &'static str, at: (i64, u32, u32), body: &'static str) -> Post {
    Post { key: "", by, at, body, shares: "", likes: &[], edited: false, deleted: false, comments: &[] }
}

const fn say(by: &'static str, after: i64, body: &'static str) -> Comment {
    Comment { by, after, body, likes: &[], edited: false, deleted: false, replies: &[] }
}

/// Everything, oldest first.
pub(super) const POSTS: &[Post] = &[
    Post {
        likes: &["omar", "grace", "sofia", "noura", "tomas"],
        comments: &[
            Comment {
                likes: &["amina", "tomas"],
                replies: &[
                    Comment {
                        likes: &["grace"],
                        ..say(
                            "amina",
                            14,
                            "Wood ash from our own stove, sieved twice, with a little feldspar. No two cups come out alike.",
                        )
                    },
                    say("grace", 31, "Then I want the one that came out least alike, please."),
                ],
                ..say("grace", 22, "That green! Is it ash, or did you buy it in?")
            },
            Comment {
                likes: &["amina"],
                replies: &[say("amina", 40, "شكرًا نورة! سأترك لك اثنين على الرف الأعلى.")],
                ..say("noura", 65, "أريد كوبًا لا يشبه أي كوب عندي. هل بقي شيء؟")
            },
            say("tomas", 190, "Only two cracked out of sixty is a very good morning."),
        ],
        ..post(
            "amina",
            (21, 7, 40),
            "Opened the kiln at six this morning. Sixty cups went in, fifty-eight came out whole, and the ash glaze ran exactly as far as I hoped. They go on the shelf tomorrow. #pottery #ceramics",
        )
    },
    Post {
        likes: &["mariam", "noura", "amina"],
        comments: &[
            say("mariam", 35, "يدا جدتك من ذهب. هل تبيعين الحقيبة الصغيرة؟"),
            say("noura", 120, "الخيط الأحمر على الكتان الخام أجمل ما رأيت هذا الأسبوع."),
        ],
        ..post(
            "layla",
            (21, 10, 5),
            "انتهيت من أول حقيبة بغرزة «عرق التفاح» كما علّمتني إياها جدتي. ثلاثة أسابيع من العمل المسائي، وكل غرزة فيها حكاية. #تطريز #تراث",
        )
    },
    Post {
        likes: &["layla", "khalid_books"],
        comments: &[
            Comment {
                likes: &["omar"],
                replies: &[
                    say("omar", 9, "فكرة جميلة. هل تكتبين عليه اسمًا؟"),
                    say("layla", 15, "نعم، بخيط من لون القماش نفسه حتى لا يطغى على الزخرفة."),
                ],
                ..say("layla", 18, "وشاح صغير مطرّز؟ أستطيع إنهاءه في أسبوعين.")
            },
            say("dar_alward", 47, "علبة مربّى الورد مع ماء الورد، ونلفّها لك بورق هدايا من غير مقابل."),
            Comment {
                replies: &[Comment {
                    likes: &["noura"],
                    ..say("omar", 25, "أخذت بالنصيحة واشتريت كوبًا من أمينة. أمي لا تشرب قهوتها إلا فيه الآن.")
                }],
                likes: &["omar", "amina"],
                ..say("noura", 300, "كوب من أكواب أمينة، ولا تفكّر كثيرًا.")
            },
        ],
        ..post(
            "omar",
            (20, 16, 30),
            "أبحث عن هدية لأمي مصنوعة باليد، شيء تستعمله كل يوم ولا يبقى في الخزانة. ماذا تقترحون؟ #هدايا",
        )
    },
    Post {
        likes: &["amina", "layla", "tomas"],
        comments: &[
            say("layla", 95, "هل يثبت لون قشر البصل بعد الغسل؟"),
            say("grace", 130, "It does, with alum. Onion skins are the most faithful dye I know."),
        ],
        ..post(
            "grace",
            (20, 18, 15),
            "Dye pot report: walnut husks gave brown, onion skins gave gold, and the nettles gave me a rash and a very polite grey. #weaving #naturaldye",
        )
    },
    Post {
        key: "autumn-market",
        likes: &["amina", "ben_oakley", "grace", "yusuf", "tomas", "noura", "omar", "mariam"],
        edited: true,
        comments: &[
            Comment {
                likes: &["sofia"],
                replies: &[Comment {
                    likes: &["tomas", "ben_oakley"],
                    ..say("sofia", 12, "You are on the list, next to the power socket this time.")
                }],
                ..say(
                    "tomas",
                    10,
                    "Count me in for one table. I will bring my own trestles if that keeps the price down.",
                )
            },
            Comment {
                replies: &[
                    say("sofia", 45, "نعم، والترجمة على اللوحات أيضًا. نحتاج من يراجعها!"),
                    say("noura", 52, "أراجعها أنا بكل سرور."),
                ],
                likes: &["layla"],
                ..say("noura", 70, "هل يمكن لمن لا يتكلم الإنجليزية أن يحجز طاولة؟")
            },
            Comment {
                likes: &["sofia", "amina"],
                ..say("ben_oakley", 150, "The repair café gives 50 and two gazebos.")
            },
            say("yusuf", 420, "I can lend the hand cart for unloading, if someone returns it clean."),
        ],
        ..post(
            "sofia",
            (19, 8, 0),
            "The autumn market needs 1,200 by the end of the month: table rent, one tent, and insurance. Every 30 pays for one maker's table for the whole day. If we pass the goal, the extra goes to a rain fund. #market #goals",
        )
    },
    Post {
        likes: &["noura", "omar", "sofia"],
        comments: &[
            say("noura", 28, "عندي صندوق من القصص القصيرة، أمرّ به غدًا."),
            say("omar", 61, "كم ينقصكم من الرفوف؟"),
            say("khalid_books", 75, "أربعة رفوف، ونقبل الخشب المستعمل."),
        ],
        ..post(
            "khalid_books",
            (19, 12, 20),
            "نجمع ثلاثمئة كتاب لمكتبة الحيّ، وعندنا الآن مئة وأربعون. كتب الأطفال هي الأكثر طلبًا. الصندوق عند باب المتجر من التاسعة صباحًا. #كتب #أهداف",
        )
    },
    Post {
        likes: &["grace", "ben_oakley", "amina"],
        comments: &[
            say("ben_oakley", 33, "Printing this and hanging it in the workshop."),
            Comment {
                replies: &[say("tomas", 18, "A mirror on a flat board. If it wobbles, it is not flat.")],
                ..say("amina", 84, "How do you check that the back is truly flat?")
            },
        ],
        ..post(
            "tomas",
            (18, 20, 10),
            "Sharpening in three lines. Flatten the back first. Stop when you feel the burr along the whole edge. Strop until a hair gives up. Everything else is decoration. #woodwork #tips",
        )
    },
    Post {
        key: "olive-soap",
        likes: &["omar", "layla", "dar_alward", "yusuf", "grace"],
        comments: &[
            say("dar_alward", 20, "رائحته وصلت إلى متجرنا!"),
            Comment {
                replies: &[say("mariam", 11, "نعم، من دون عطر ومن دون لون، مناسب للأطفال.")],
                ..say("layla", 44, "هل عندك نوع من غير رائحة؟")
            },
        ],
        ..post(
            "mariam",
            (18, 21, 0),
            "قطعت اليوم دفعة صابون زيت الزيتون والغار. ستجفّ أربعين يومًا قبل أن تُباع، فالصابون الجيد لا يستعجل. #صابون #زيت_الزيتون",
        )
    },
    Post {
        key: "first-pressing",
        likes: &["mariam", "omar", "ben_oakley"],
        comments: &[Comment {
            likes: &["yusuf"],
            ..say("mariam", 50, "أحتاج عشرين لترًا للصابون، من الزيت الذي لا يصلح للمائدة.")
        }],
        ..post(
            "yusuf",
            (17, 9, 45),
            "First pressing of the year arrived: green, peppery, and slightly rude at the back of the throat, as it should be. Tasting at the shop until Saturday. #oliveoil",
        )
    },
    Post {
        likes: &["omar", "khalid_books", "mariam", "layla"],
        comments: &[
            say("omar", 26, "أضيف نصيحة: اسأل البائع عمّا يصنعه بيده وعمّا يشتريه."),
            say("mariam", 190, "والسؤال لا يزعج الصانع أبدًا، بل يفرحه."),
        ],
        ..post(
            "noura",
            (17, 13, 30),
            "نصيحتي لمن يزور سوقًا صغيرًا لأول مرة: دُر دورة كاملة قبل أن تشتري، واحمل نقودًا صغيرة، واسأل عن اسم الصانع. #نصائح #سوق",
        )
    },
    Post {
        key: "soldering-station",
        likes: &["sofia", "tomas", "grace", "omar", "yusuf", "amina"],
        comments: &[
            Comment {
                likes: &["ben_oakley", "sofia"],
                replies: &[say(
                    "ben_oakley",
                    7,
                    "Agreed. Posted the full list of what we buy at the door, with prices.",
                )],
                ..say(
                    "grace",
                    16,
                    "Happy to give. Could you show what it is spent on? People give more when they see the list.",
                )
            },
            say("tomas", 41, "My drill has come back from the dead twice thanks to you. Forty from me."),
            Comment {
                // The question was taken back; its answers stay.
                deleted: true,
                replies: &[
                    say(
                        "ben_oakley",
                        5,
                        "No, only things that plug in or run on batteries. For bicycles ask at the depot.",
                    ),
                    Comment { likes: &["ben_oakley"], ..say("sofia", 22, "The depot opens on Tuesdays and Fridays.") },
                ],
                ..say("omar", 95, "")
            },
            say("amina", 700, "Could you look at a kiln controller, or is that too big for the table?"),
        ],
        ..post(
            "ben_oakley",
            (16, 17, 0),
            "The repair café is saving for a proper soldering station: 600, of which 215 are in the jar. Since spring we have mended 312 things that were on their way to the tip. #repair #goals",
        )
    },
    Post {
        likes: &["mariam", "noura"],
        comments: &[
            say("noura", 55, "هل يصل الطلب قبل نهاية الأسبوع؟"),
            say("dar_alward", 80, "نعم، كل ما يُطلب قبل الخميس يصل خلال ثلاثة أيام."),
        ],
        ..post(
            "dar_alward",
            (16, 18, 40),
            "ماء الورد الجديد صار في القوارير. قطفنا عند الفجر وقطّرنا قبل الظهر، والقارورة الواحدة من سبعمئة وردة. #ماء_الورد",
        )
    },
    Post {
        key: "sewing-machine",
        likes: &["omar", "noura", "mariam", "khalid_books", "amina", "dar_alward", "grace"],
        comments: &[
            Comment {
                likes: &["layla", "noura"],
                replies: &[Comment {
                    likes: &["omar"],
                    ..say("layla", 13, "شكرًا يا عمر. أول ما أخيطه عليها سيكون وشاح والدتك.")
                }],
                ..say("omar", 17, "ساهمت بما أستطيع. متى تبدأ الدروس؟")
            },
            Comment {
                replies: &[
                    say("layla", 30, "ست فتيات، وكل واحدة تحضر قماشها."),
                    say("mariam", 38, "ابنتي تريد أن تكون السابعة!"),
                    say("layla", 41, "أهلًا بها. سأضيف كرسيًّا."),
                ],
                ..say("mariam", 48, "كم طالبة تتّسع لها الورشة؟")
            },
            Comment {
                likes: &["layla"],
                ..say(
                    "grace",
                    210,
                    "I have a box of linen offcuts for the girls to practise on. Shall I bring it on market day?",
                )
            },
            say("khalid_books", 260, "وعندي كتابان عن غرز الشام، أعيرهما للورشة."),
        ],
        ..post(
            "layla",
            (15, 11, 0),
            "أجمع ثمن ماكينة خياطة مستعملة لورشة التطريز: ثمانمئة، وصلنا منها إلى مئتين وخمسين. الورشة مجانية لبنات الحيّ كل سبت. #أهداف #تطريز",
        )
    },
    Post {
        likes: &["sofia", "layla", "yusuf"],
        comments: &[
            say("sofia", 40, "May I put this in the letter to new stallholders?"),
            say("amina", 62, "Of course. Leave out my name, keep the window."),
        ],
        ..post(
            "amina",
            (14, 9, 30),
            "Photographing pots without a studio: a window that faces north, a grey bedsheet, a white board on the dark side. Shoot at the height of the rim. That is the whole secret. #pottery #tips",
        )
    },
    Post {
        shares: "soldering-station",
        likes: &["ben_oakley"],
        ..post("omar", (14, 19, 10), "أصلحوا لي مذياع والدي في نصف ساعة ولم يأخذوا قرشًا. من يستطيع أن يساعدهم فليفعل.")
    },
    Post {
        likes: &["amina", "tomas", "layla", "sofia"],
        edited: true,
        comments: &[
            Comment {
                likes: &["grace", "amina"],
                replies: &[say(
                    "grace",
                    24,
                    "Because a chair can be copied by a machine and the customer has seen the copy. A cloth has the same trouble.",
                )],
                ..say("tomas", 20, "I do the same sum and get the same silence. Why is that?")
            },
            Comment {
                likes: &["grace"],
                ..say(
                    "amina",
                    66,
                    "I print the hours on the tag now: 'four hours and a firing'. Nobody has argued since.",
                )
            },
            Comment {
                replies: &[say("grace", 16, "Five. The sixth is for tea.")],
                ..say("sofia", 140, "How many hours a day do you count as weaving?")
            },
        ],
        ..post(
            "grace",
            (13, 10, 45),
            "How I price a scarf: hours at the loom times a wage I would accept from someone else, plus yarn, plus a tenth for the days when the warp snaps. It sounds obvious. It took me nine years. #pricing #weaving",
        )
    },
    Post {
        likes: &["dar_alward", "layla"],
        comments: &[say("layla", 30, "كنت أتركه في صحن مسطّح وأتعجّب لماذا يذوب!")],
        ..post(
            "mariam",
            (13, 15, 20),
            "حتى يعيش الصابون طويلًا: ضعه على قطعة خشب مشقوقة لا في صحن، ودعه يجفّ بين غسلة وأخرى. #صابون #نصائح",
        )
    },
    Post {
        shares: "autumn-market",
        likes: &["sofia", "grace"],
        ..post(
            "tomas",
            (12, 8, 25),
            "I sold my first bench at this market, to a man who came for onions. Please help them keep it going.",
        )
    },
    Post {
        key: "reading-club",
        likes: &["noura", "omar", "layla"],
        comments: &[
            say("noura", 36, "أقترح أن نبدأ بشيء قصير، فنصفنا لم يقرأ منذ سنة."),
            Comment {
                likes: &["noura", "khalid_books"],
                replies: &[say("khalid_books", 19, "صحيح، والشاي على حساب المتجر.")],
                ..say("omar", 58, "وأن يكون الموعد بعد صلاة المغرب لا قبلها.")
            },
        ],
        ..post(
            "khalid_books",
            (12, 17, 50),
            "نادي القراءة يعود يوم الثلاثاء: كتاب واحد كل شهر، وساعة واحدة، ولا أحد يُحرج من لم يكمله. #نادي_القراءة #كتب",
        )
    },
    Post {
        likes: &["amina"],
        comments: &[
            Comment {
                likes: &["noura"],
                replies: &[say("noura", 21, "إذن أشرب فيه كل يوم وأراقب الخطوط. شكرًا لك.")],
                ..say(
                    "amina",
                    26,
                    "This is crazing: fine lines in the glaze, not cracks in the cup. It will not leak, and tea will darken them nicely.",
                )
            },
            say("omar", 90, "كوب أمي فيه الخطوط نفسها، وتقول إنها خريطة."),
        ],
        ..post(
            "noura",
            (11, 9, 15),
            "ظهرت في كوبي خطوط دقيقة كشبكة العنكبوت بعد أول قهوة. هل انكسر أم هكذا يكون الخزف؟ #خزف",
        )
    },
    Post {
        likes: &["tomas", "yusuf", "ben_oakley"],
        comments: &[
            say("ben_oakley", 15, "I can do seven to eleven, and I own a whistle."),
            say("yusuf", 23, "The whistle stays at home."),
            say("grace", 200, "Put me down for the afternoon."),
        ],
        ..post(
            "sofia",
            (11, 18, 30),
            "Market plan is on the wall of the hall: forty-two tables, food along the river side, makers under the trees. I still need six people for the morning. #market #volunteers",
        )
    },
    Post {
        likes: &["omar", "mariam", "grace", "noura", "amina"],
        comments: &[
            say("noura", 40, "نصف الطريق أصعبه. إلى الأمام!"),
            say("amina", 75, "Bravo, Layla. The bowl raffle this week is for you."),
        ],
        ..post(
            "layla",
            (10, 20, 0),
            "وصلنا إلى النصف! أربعمئة وعشرة من ثمانمئة. شكرًا لكل من ساهم، ولمن لم يستطع ودعا لنا. #أهداف #شكر",
        )
    },
    Post {
        likes: &["mariam", "noura", "dar_alward"],
        comments: &[
            say("dar_alward", 55, "والزعفران؟"),
            say("yusuf", 68, "In the dark, in glass, and never above the stove."),
        ],
        ..post(
            "yusuf",
            (10, 21, 10),
            "Keep spices whole as long as you can, away from light and steam, and grind what you need today. Cumin forgives you. Cardamom does not. #spices #tips",
        )
    },
    Post {
        key: "kiln-shelves",
        likes: &["omar", "grace", "tomas", "sofia", "layla", "noura", "yusuf", "ben_oakley"],
        comments: &[
            Comment {
                likes: &["amina", "grace"],
                replies: &[Comment {
                    likes: &["omar"],
                    ..say("amina", 8, "Thank you, Omar! Your mother's cup has a sister waiting.")
                }],
                ..say("omar", 12, "عشرون منّي، ومبروك مقدّمًا على الرفوف الجديدة.")
            },
            Comment {
                replies: &[
                    say("amina", 17, "Silicon carbide, forty by forty. The old ones sag like a hammock."),
                    say("tomas", 29, "A sagging shelf I can respect, but not under sixty cups."),
                ],
                ..say("tomas", 37, "What are they made of, that they cost so much?")
            },
            Comment { likes: &["amina"], ..say("sofia", 58, "Put the jar on your market table. I will send people.") },
            Comment {
                replies: &[say("amina", 35, "نعم! كل من ساهم يختار لون طلائه.")],
                ..say("layla", 100, "هل يحصل المساهمون على شيء صغير؟")
            },
            say("ben_oakley", 380, "Bring the controller on Thursday and I will have a look, no charge."),
        ],
        ..post(
            "amina",
            (9, 7, 55),
            "New goal: 450 for three kiln shelves. The old ones have carried eleven years of pots and are starting to bend. Whoever gives 20 or more gets a small dish from the first firing on the new ones. #goals #pottery",
        )
    },
    Post {
        likes: &["mariam"],
        comments: &[say("mariam", 33, "سجّلني من فضلك، ومعي ابنتي.")],
        ..post(
            "dar_alward",
            (9, 14, 5),
            "ورشة صغيرة يوم السبت: كيف نصنع مربّى الورد من دون أن يفقد لونه. ثمانية مقاعد فقط. #ورشة #مربى",
        )
    },
    Post {
        likes: &["noura", "layla", "sofia", "khalid_books"],
        comments: &[
            Comment {
                likes: &["omar"],
                replies: &[say("omar", 14, "لا، كان هادئًا إلى العاشرة ثم امتلأ كله دفعة واحدة.")],
                ..say("khalid_books", 25, "هل كان مزدحمًا من أول الصباح؟")
            },
            Comment {
                likes: &["omar", "noura"],
                ..say("sofia", 47, "Thank you for coming, and for carrying tables without being asked!")
            },
            say("layla", 110, "وصلني وشاح والدتك اليوم للتعديل، سيكون جاهزًا قبل السوق القادم."),
        ],
        ..post(
            "omar",
            (8, 18, 20),
            "عدت من السوق بثلاثة أشياء لم أكن أحتاجها وأربع صداقات كنت أحتاجها. الصانع الذي يشرح لك عمله يبيعك أكثر من سلعة. #سوق",
        )
    },
    Post {
        likes: &["grace", "sofia", "tomas", "omar"],
        comments: &[say("grace", 29, "And the list at the door was complete to the last screw. Well done.")],
        ..post(
            "ben_oakley",
            (8, 20, 45),
            "We did it: 600 for the soldering station, four days early. First patient on Thursday is a talking doll that will not stop talking. #repair #thanks",
        )
    },
    Post {
        key: "weekend",
        likes: &["layla", "amina"],
        comments: &[Comment {
            replies: &[say("grace", 26, "Yes, if you can reach the pedals. I will bring a block.")],
            ..say("sofia", 50, "Is it suitable for a twelve-year-old?")
        }],
        ..post(
            "grace",
            (7, 16, 0),
            "Two places left on the beginners' weekend: warp on Saturday, weave on Sunday, go home with a tea towel and sore shoulders. #weaving #workshop",
        )
    },
    Post {
        likes: &["noura", "dar_alward", "layla"],
        edited: true,
        comments: &[
            say("noura", 42, "شكرًا على الصراحة. الآن أفهم فرق الثمن."),
            Comment {
                likes: &["mariam"],
                replies: &[say("mariam", 33, "بالضبط، ولهذا لا أستعمل زيت النخيل مهما رخص.")],
                ..say("yusuf", 61, "Honest oil costs what it costs. Well explained.")
            },
        ],
        ..post(
            "mariam",
            (7, 19, 30),
            "كثيرون يسألون لماذا قطعتي أغلى من المتجر الكبير. ثلثا الثمن زيت، والباقي أربعون يومًا من الانتظار. #صابون #تسعير",
        )
    },
    Post {
        likes: &["sofia", "ben_oakley", "grace"],
        comments: &[say("ben_oakley", 70, "The oak from the churchyard? I was there when it came down.")],
        ..post(
            "tomas",
            (6, 12, 15),
            "Delivered the bench for the school yard today. One storm-felled oak, no screws, and room for seven small people or four teachers. #woodwork",
        )
    },
    Post {
        likes: &["noura", "omar", "layla", "mariam", "sofia"],
        comments: &[
            say("sofia", 31, "Three hundred and twelve! The children's shelf is my favourite corner of the street."),
            say("noura", 77, "سأكتب عن المكتبة هذا الأسبوع."),
        ],
        ..post(
            "khalid_books",
            (6, 17, 40),
            "اكتملت مكتبة الحيّ: ثلاثمئة واثنا عشر كتابًا على أربعة رفوف. الإعارة بلا بطاقة، يكفي أن تقول لنا أي كتاب أعجبك. #كتب #شكر",
        )
    },
    Post {
        key: "first-stall",
        likes: &["amina", "grace", "tomas", "layla", "noura", "yusuf"],
        comments: &[
            Comment {
                likes: &["sofia", "grace"],
                replies: &[say("sofia", 10, "Tape! How did I forget tape.")],
                ..say("grace", 13, "And tape. Whatever happens, somebody will need tape.")
            },
            Comment {
                likes: &["sofia"],
                ..say("amina", 45, "Put the small cheap things at the front edge: people pick up before they look up.")
            },
            Comment {
                replies: &[say("noura", 18, "ترجمتها، وأرسلتها لك في رسالة."), say("sofia", 27, "أنت رائعة، شكرًا!")],
                likes: &["layla"],
                ..say("layla", 88, "هل توجد نسخة عربية من القائمة؟")
            },
        ],
        ..post(
            "sofia",
            (5, 9, 0),
            "Your first stall, a list: change in small coins, a cloth to the ground (it hides the boxes), prices you can read from two steps away, water, a chair you will not sit on, a friend for ten minutes. #market #tips",
        )
    },
    Post {
        deleted: true,
        comments: &[
            say("omar", 12, "لا تقلقي، يحدث هذا لنا جميعًا."),
            say("khalid_books", 30, "الموعد الصحيح يوم الثلاثاء، كما في الإعلان."),
        ],
        ..post("noura", (5, 13, 10), "")
    },
    Post { shares: "olive-soap", likes: &["mariam", "dar_alward"], ..post("yusuf", (4, 10, 20), "") },
    Post {
        likes: &["omar", "noura", "mariam", "khalid_books", "grace", "sofia", "dar_alward"],
        comments: &[
            Comment { likes: &["layla"], ..say("omar", 9, "مبروك! تستحقين كل غرزة فيها.") },
            say("mariam", 24, "ابنتي لم تنم من الفرح."),
            Comment {
                likes: &["layla", "mariam"],
                replies: &[say("layla", 20, "Bring the linen, we have somewhere to sew it now!")],
                ..say("grace", 180, "Wonderful news. See you all on market day.")
            },
        ],
        ..post(
            "layla",
            (4, 20, 30),
            "اكتمل المبلغ! الماكينة تصل يوم الأحد، وأول درس بعدها بستة أيام. لا أعرف كيف أشكركم إلا بالعمل. #أهداف #تطريز #شكر",
        )
    },
    Post {
        likes: &["grace", "omar", "sofia", "noura"],
        edited: true,
        comments: &[
            Comment {
                likes: &["amina"], ..say("omar", 35, "حجزت الصحن الأزرق قبل أن يراه أحد.")
            },
            say("grace", 52, "Mine arrived whole, wrapped in last week's crossword. Four across is 'glaze'."),
        ],
        ..post(
            "amina",
            (3, 11, 25),
            "The ash-glaze cups are all gone. The next firing is in two weeks, on new shelves if the jar keeps filling: 310 of 450 so far. Thank you, all of you. #pottery #thanks",
        )
    },
    Post {
        likes: &["noura", "mariam"],
        comments: &[say("noura", 66, "جرّبتها على الأرز بالحليب، لا أقول أكثر.")],
        ..post(
            "dar_alward",
            (3, 18, 0),
            "ملعقة صغيرة من ماء الورد تكفي كوبًا كاملًا، والملعقة الثانية تفسده. القليل منه كثير. #ماء_الورد #نصائح",
        )
    },
    Post {
        shares: "kiln-shelves",
        likes: &["amina", "layla", "noura"],
        comments: &[say("amina", 22, "You made my evening, Omar.")],
        ..post(
            "omar",
            (2, 19, 5),
            "بقي مئة وأربعون فقط على رفوف فرن أمينة. من شرب يومًا من كوب صنعته يعرف لماذا أكتب هذا. #أهداف",
        )
    },
    Post {
        likes: &["grace", "tomas"],
        comments: &[
            Comment {
                replies: &[say("ben_oakley", 30, "Bring both. The tent first, it is the market on Sunday.")],
                ..say("sofia", 19, "Does a tent zip count?")
            },
            say("layla", 140, "أصلح السحّابات لمن يعطيني خيطًا متينًا."),
        ],
        ..post(
            "ben_oakley",
            (2, 20, 15),
            "Question for the makers: who here can replace a zip? We get one a week, and between us we can mend a radio but not a jacket. #repair",
        )
    },
    Post {
        shares: "first-stall",
        likes: &["sofia", "omar", "layla"],
        ..post(
            "noura",
            (1, 10, 30),
            "ترجمت القائمة لمن يبيع للمرة الأولى غدًا. أهم ما فيها: كرسيّ لن تجلس عليه، وصديق لعشر دقائق. #سوق #نصائح",
        )
    },
    Post {
        likes: &["sofia", "layla", "amina"],
        comments: &[
            say("amina", 45, "Save me a corner of your table for the raffle bowl?"),
            say("grace", 58, "Always."),
        ],
        ..post(
            "grace",
            (1, 17, 45),
            "Packed for tomorrow: thirty scarves, twelve tea towels, one thermos, and the tape. See you under the second tree. #market #weaving",
        )
    },
    Post {
        likes: &["omar", "noura"],
        comments: &[say("omar", 25, "سأكون أول الواقفين أمام طاولتك.")],
        ..post(
            "mariam",
            (1, 20, 40),
            "غدًا معي أول قطع من دفعة الغار التي قطعتها قبل الموعد للتجربة، وهي للشمّ لا للبيع. تعالوا شمّوا وأخبروني. #صابون #سوق",
        )
    },
    Post {
        likes: &["amina", "ben_oakley", "yusuf", "omar"],
        comments: &[
            say("yusuf", 14, "The cart is at the gate. It is clean. I expect it to stay that way."),
            say("amina", 33, "Table up, kettle on."),
        ],
        ..post(
            "sofia",
            (0, 6, 30),
            "Good morning, makers. The gate is open, the forecast says dry until five, and we are at 1,240 of 1,200. The rain fund has its first forty. Doors for everyone at ten. #market #goals #thanks",
        )
    },
    Post {
        likes: &["amina", "sofia"],
        comments: &[Comment {
            likes: &["noura"], ..say("omar", 8, "أنا عند طاولة أمينة، معي كرسيّ زائد.")
        }],
        ..post(
            "noura",
            (0, 7, 50),
            "وصلت إلى السوق قبل الناس لأرى الطاولات وهي تُفرش. هذه الساعة أجمل ما في اليوم كله. #سوق",
        )
    },
];
