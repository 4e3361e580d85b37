## Titles of notifications, and what they say.

likes-your-post = أعجب منشورك { $name }
likes-your-comment = أعجب تعليقك { $name }
commented-on-your-post = علّق { $name } على منشورك
replied-to-your-comment = ردّ { $name } على تعليقك
shared-your-post = شارك { $name } منشورك
gave-to-your-goal = ساهم { $name } في هدفك
commented-on-contribution = علّق { $name } على مساهمة
asks-for-refund = طلب { $name } استرداد مساهمة
goal-has-news = جديد «{ $goal }»
goal-is-over = انتهى «{ $goal }»
money-taken-back = أُعيد { $amount } إلى من دفعه
dispute-won = { $amount } يبقى لك: كُسب النزاع
dispute-lost = خُسر نزاع على { $amount }
dispute-opened = مصرف من دفع ينازع على { $amount }
you-owe = عليك { $amount }: يُسدَّد أولًا مما يدخل محفظتك.
somebody = شخص ما
goal-missed-its-target = لم يتحقق الهدف: ستُعاد الأموال إلى الجميع.
goal-was-called-off = أُلغي الهدف: ستُعاد الأموال إلى الجميع.
goal-closed = لم يعد يقبل المساهمات؛ وما جُمع يذهب إلى صاحب الهدف.

## Titles of what staff has to look into.

alert-dispute-opened = دفعة محل نزاع
alert-dispute-lost = خُسر نزاع
alert-refund-failed = فشل استرداد
alert-refund-stuck = لم يُجَب على استرداد في الوقت المحدد: راجع المزوّد
alert-given-back-beyond = أعاد مزوّد أكثر مما دُفع
alert-books-differ = الدفاتر غير متوازنة
alert-providers-differ = الدفاتر لا تطابق مزوّدًا
alert-jobs-died = مهام في الخلفية فشلت نهائيًا
alert-withdrawals-wait = طلبات سحب تنتظر قرارًا
