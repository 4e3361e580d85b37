//! How things stand that can't be changed any more, as `WRONG_STATE` tells it: by the names of the graph, and in words.

use super::Locale;

/// Calls `$callback!` with every state: description, name, English and Arabic words, which complete "it is …". The one list
/// behind [`State`] and its mirror in the graph.
macro_rules! for_each_state {
    ($callback:ident) => {
        $callback! {
            #[doc = "It was only begun."]
            Created, "created", "في البداية";
            #[doc = "It waits for whoever pays, or for the provider."]
            Pending, "pending", "قيد الانتظار";
            #[doc = "The provider is at work."]
            Processing, "being processed", "قيد المعالجة";
            #[doc = "The money is promised and not taken yet."]
            Authorized, "authorized", "مُصرَّح به";
            #[doc = "The money is there."]
            Completed, "completed", "مكتمل";
            #[doc = "It did not work."]
            Failed, "failed", "فشل";
            #[doc = "It was called off."]
            Canceled, "canceled", "ملغى";
            #[doc = "Its time was over."]
            Expired, "expired", "انتهت مهلته";
            #[doc = "It is open."]
            Open, "open", "مفتوح";
            #[doc = "It has ended."]
            Ended, "ended", "منتهٍ";
            #[doc = "It waits for a decision."]
            Requested, "requested", "بانتظار قرار";
            #[doc = "It was refused."]
            Refused, "refused", "مرفوض";
            #[doc = "It was granted, and is not done yet."]
            Granted, "granted", "تمت الموافقة عليه";
            #[doc = "It was done."]
            Succeeded, "done", "تم";
            #[doc = "It was approved, and is not done yet."]
            Approved, "approved", "معتمد";
            #[doc = "The bank has it."]
            Paid, "paid", "مدفوع";
            #[doc = "The bank sent it back."]
            Returned, "returned by the bank", "أعاده البنك";
            #[doc = "It waits for a second person."]
            Proposed, "proposed", "مقترح";
            #[doc = "The wallet has it."]
            Applied, "applied", "نُفّذ";
            #[doc = "The dispute was won."]
            Won, "won", "كُسب";
            #[doc = "The dispute was lost."]
            Lost, "lost", "خُسر";
            #[doc = "The goal has not reached its target."]
            NotReached, "not reached", "لم يُبلغ الهدف";
            #[doc = "Money of it was withdrawn."]
            Withdrawn, "withdrawn", "سُحب المال";
            #[doc = "All of it went back, or is on its way back."]
            GivenBack, "given back", "رُدّ كله";
            #[doc = "It can't be done in this way any more."]
            NotPossible, "not possible", "غير ممكن";
            #[doc = "It is paid in a way that has no such step."]
            PaidOtherwise, "paid in another way", "يُدفع بطريقة أخرى";
        }
    };
}
pub(crate) use for_each_state;

macro_rules! define_states {
    ($(#[doc = $doc:literal] $name:ident, $english:literal, $arabic:literal;)+) => {
        /// How something stands that can't be changed any more.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum State { $(#[doc = $doc] $name,)+ }

        impl State {
            /// Every state.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// In words.
            #[must_use]
            pub fn text(self, locale: Locale) -> &'static str {
                match (self, locale) {
                    $((Self::$name, Locale::English) => $english,
                      (Self::$name, Locale::Arabic) => $arabic,)+
                }
            }
        }
    };
}
for_each_state!(define_states);
